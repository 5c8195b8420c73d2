"""A chain that was tampered with in any single way is caught, and the place is named exactly."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.decision.chain import GENESIS, link
from apps.decision.verification import Break, BreakKind, Sealed, Walk, verify


def body(seq: int, text: str = "") -> bytes:
    return b'{"extra":{"seq":9},"seq":%d,"target":"%s"}' % (seq, (text or f"file {seq}").encode())


def make_chain(length: int) -> list[Sealed]:
    entries, last = [], GENESIS
    for seq in range(1, length + 1):
        event_hash = link(last, body(seq))
        entries.append(Sealed(seq, last, event_hash, body(seq)))
        last = event_hash
    return entries


def check(entries: list[Sealed], original: list[Sealed]) -> list[Break]:
    return verify(entries, head=(len(original), original[-1].event_hash))


def renumbered(entry: Sealed, seq: int) -> Sealed:
    moved = entry.body.replace(b',"seq":%d,' % entry.seq, b',"seq":%d,' % seq)
    return replace(entry, seq=seq, body=moved)


@given(st.integers(1, 12))
def test_it_finds_nothing_in_a_sound_chain(length: int) -> None:
    entries = make_chain(length)
    assert check(entries, entries) == []
    assert verify(entries[3:], after_seq=3, after_hash=entries[2].event_hash) == [] if length > 3 else True


@given(st.integers(1, 12), st.data())
def test_it_names_an_edited_entry(length: int, data: st.DataObject) -> None:
    original = make_chain(length)
    seq = data.draw(st.integers(1, length))
    entries = [replace(e, body=body(seq, "forged")) if e.seq == seq else e for e in original]
    assert [(b.seq, b.kind) for b in check(entries, original)] == [(seq, BreakKind.EDITED)]


@given(st.integers(3, 12), st.data())
def test_it_names_an_entry_that_was_rewritten_with_its_hash(length: int, data: st.DataObject) -> None:
    original = make_chain(length)
    seq = data.draw(st.integers(1, length - 1))
    old = original[seq - 1]
    forged = replace(old, body=body(seq, "forged"), event_hash=link(old.previous_hash, body(seq, "forged")))
    found = check([forged if e.seq == seq else e for e in original], original)
    assert [(b.seq, b.last_seq, b.kind) for b in found] == [(seq, seq, BreakKind.EDITED)]


def test_it_tells_a_rewritten_last_entry_from_the_head() -> None:
    original = make_chain(4)
    forged = replace(original[3], body=body(4, "x"), event_hash=link(original[3].previous_hash, body(4, "x")))
    assert [(b.seq, b.kind) for b in check([*original[:3], forged], original)] == [(4, BreakKind.BAD_HEAD)]


def test_it_blames_the_entry_that_neither_neighbour_knows() -> None:
    original = make_chain(6)
    other = "f" * 64
    lone = Sealed(4, other, link(other, body(4, "x")), body(4, "x"))
    found = check([lone if e.seq == 4 else e for e in original], original)
    assert [(b.seq, b.last_seq, b.kind) for b in found] == [(4, 4, BreakKind.EDITED)]


@given(st.integers(2, 12), st.data())
def test_it_names_missing_entries(length: int, data: st.DataObject) -> None:
    original = make_chain(length)
    first = data.draw(st.integers(1, length - 1))
    last = data.draw(st.integers(first, length - 1))
    found = check([e for e in original if not first <= e.seq <= last], original)
    assert [(b.seq, b.last_seq, b.kind) for b in found] == [(first, last, BreakKind.MISSING)]


@given(st.integers(2, 12), st.data())
def test_it_names_a_cut_tail(length: int, data: st.DataObject) -> None:
    original = make_chain(length)
    left = data.draw(st.integers(0, length - 1))
    found = check(original[:left], original)
    assert [(b.seq, b.last_seq, b.kind) for b in found] == [(left + 1, length, BreakKind.TRUNCATED)]


@given(st.integers(2, 12), st.data())
def test_it_names_swapped_entries(length: int, data: st.DataObject) -> None:
    original = make_chain(length)
    a = data.draw(st.integers(1, length - 1))
    b = data.draw(st.integers(a + 1, length))
    places = {a: renumbered(original[b - 1], a), b: renumbered(original[a - 1], b)}
    found = check([places.get(e.seq, e) for e in original], original)
    assert [(x.seq, x.kind) for x in found] == [(a, BreakKind.REORDERED), (b, BreakKind.REORDERED)]


def test_it_names_entries_out_of_order_in_a_file() -> None:
    original = make_chain(5)
    entries = [*original[:2], original[3], original[2], original[4]]
    assert (3, BreakKind.REORDERED) in [(b.seq, b.kind) for b in check(entries, original)]


def test_it_names_a_duplicate() -> None:
    original = make_chain(4)
    twin = replace(original[1], body=body(2, "x"), event_hash=link(original[1].previous_hash, body(2, "x")))
    found = check([*original[:2], twin, *original[2:]], original)
    assert [(b.seq, b.kind) for b in found] == [(2, BreakKind.DUPLICATE)]


@pytest.mark.parametrize("head_seq", [2, 3])
def test_it_names_a_head_that_is_wrong(head_seq: int) -> None:
    original = make_chain(3)
    found = verify(original, head=(head_seq, "0" * 64))
    assert [b.kind for b in found] == [BreakKind.BAD_HEAD]


def test_it_walks_on_after_a_break() -> None:
    original = make_chain(9)
    entries = [replace(e, body=body(e.seq, "x")) if e.seq in {2, 7} else e for e in original if e.seq != 5]
    assert [b.seq for b in check(entries, original)] == [2, 5, 7]


def test_it_holds_no_more_than_its_place() -> None:
    walk = Walk()
    for entry in make_chain(50):
        assert walk.feed(entry) == []
    assert (walk.seq, walk.checked) == (50, 50)
