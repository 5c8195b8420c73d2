"""Server-sent events survive any cut, and are bounded."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.decision.errors import UpstreamFailed
from apps.gateway.transports.events import Event, EventParser, written

PAYLOADS = st.text(st.characters(exclude_characters="\r\n\x00", codec="utf-8"), min_size=1, max_size=20)
IDS = st.none() | st.text("abc-0123456789", min_size=1, max_size=8)


@given(events=st.lists(st.tuples(PAYLOADS, IDS), max_size=6), data=st.data())
def test_what_is_written_is_read_however_it_is_cut(events: list[tuple[str, str | None]], data: Any) -> None:
    whole = b"".join(written(text.encode(), id) for text, id in events)
    if data.draw(st.booleans()):
        whole = whole.replace(b"\n", b"\r\n")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    parser, found = EventParser(10_000), []
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        found += parser.feed(whole[start:end])
    assert [(event.data, event.id) for event in found] == [(text.encode(), id) for text, id in events]


def test_comments_are_signs_of_life_and_foreign_events_are_not_messages() -> None:
    assert EventParser(100).feed(b": ping\n\nevent: endpoint\ndata: /x\n\n") == [Event(None)]


def test_a_priming_event_has_an_id_and_no_data() -> None:
    assert EventParser(100).feed(written(None, "s-0", 500)) == [Event(None, "s-0", 500)]


@pytest.mark.parametrize("chunk", [b"data: " + b"x" * 200, b"data: 1234567890\n" * 20, b"x" * 200])
def test_an_endless_event_is_refused(chunk: bytes) -> None:
    with pytest.raises(UpstreamFailed):
        EventParser(100).feed(chunk)


def test_a_line_in_many_pieces_is_put_together_once() -> None:
    """Every chunk would otherwise copy all that came before it: gigabytes for a few megabytes."""
    parser, pieces = EventParser(4_000_000), 20_000
    assert [parser.feed(b"data: ")] + [parser.feed(b"x" * 100) for _ in range(pieces)] == [[]] * (pieces + 1)
    assert len(parser._begun) == pieces + 1
    assert parser.feed(b"\n\n") == [Event(b"x" * 100 * pieces)]
    assert parser._begun == []


def test_a_line_is_bounded_however_it_is_cut() -> None:
    parser = EventParser(100)
    with pytest.raises(UpstreamFailed):
        for _ in range(101):
            parser.feed(b"x")


def test_empty_lines_of_data_count() -> None:
    with pytest.raises(UpstreamFailed):
        EventParser(100).feed(b"data\n" * 30)


def test_many_signs_of_life_at_once_are_one() -> None:
    assert EventParser(100).feed(b":\n" * 30) == [Event(None)]


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    parser = EventParser(100)
    assert [parser.feed(bytes([byte])) for byte in b"\xef\xbb\xbfdata: x\n\n"][-1] == [Event(b"x")]


@pytest.mark.parametrize("id", [b"two words", "ü".encode(), b"a\x00b", b"a\x7f", b"a" * 257])
def test_an_id_that_may_be_a_text_is_dropped(id: bytes) -> None:
    assert EventParser(1000).feed(b"id: " + id + b"\ndata: x\n\n") == [Event(b"x")]


def test_an_id_of_usual_length_is_kept() -> None:
    id = "7c9e6679-7425:0/=+~" * 13
    assert EventParser(1000).feed(f"id: {id}\ndata: x\n\n".encode()) == [Event(b"x", id)]
