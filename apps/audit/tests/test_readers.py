"""Named readers: every entry once, in order, whatever fails; the cursor and the rows move together."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from apps.audit.models import AuditEntry, ReaderCursor, SetAsideEntry
from apps.audit.readers import MAX_FAILURES, Reader, drain, position, read
from apps.tenants.context import in_tenant


def test_it_hands_over_every_entry_once_and_in_order(log: str) -> None:
    seen: list[int] = []
    reader = Reader("test", lambda entries: seen.extend(entry.seq for entry in entries), batch=3)
    assert [read(reader, log, owner="me") for _ in range(4)] == [3, 3, 2, 0]
    assert seen == [1, 2, 3, 4, 5, 6, 7, 8]
    assert position("test", log) == 8


def test_it_undoes_rows_and_cursor_together(log: str) -> None:
    def handle(entries: Sequence[AuditEntry]) -> None:
        SetAsideEntry.objects.create(reader="derived", seq=entries[0].seq, error="")
        raise RuntimeError("died after writing")

    assert read(Reader("test", handle), log, owner="me") == 0
    with in_tenant(log):
        assert not SetAsideEntry.objects.filter(reader="derived").exists()
    assert position("test", log) == 0


def test_it_sets_a_poisoned_entry_aside_and_goes_on(log: str) -> None:
    seen: list[int] = []
    tries: list[int] = []

    def handle(entries: Sequence[AuditEntry]) -> None:
        for entry in entries:
            if entry.seq == 4:
                tries.append(len(entries))
                raise ValueError("poison")
        seen.extend(entry.seq for entry in entries)

    assert drain(Reader("test", handle, batch=5), log, owner="me") == 8
    assert seen == [1, 2, 3, 5, 6, 7, 8]
    assert tries.count(1) == MAX_FAILURES
    with in_tenant(log):
        assert list(SetAsideEntry.objects.values_list("reader", "seq", "error")) == [("test", 4, "ValueError: poison")]
        assert ReaderCursor.objects.get(name="test").failing_seq == 0


def test_it_leaves_a_leased_reader_to_its_owner_until_the_lease_ends(log: str) -> None:
    reader = Reader("test", lambda entries: None, batch=2)
    now = datetime.now(UTC)
    assert read(reader, log, owner="one", now=now) == 2
    assert read(reader, log, owner="two", now=now) == 0
    assert drain(reader, log, owner="two") == 0
    assert read(reader, log, owner="one", now=now) == 2
    assert read(reader, log, owner="two", now=now + timedelta(minutes=1)) == 2


def test_it_keeps_the_cursors_of_tenants_apart(log: str, fresh_tenant: Callable[[], str]) -> None:
    other = fresh_tenant()
    reader = Reader("test", lambda entries: None)
    assert drain(reader, log, owner="me") == 8
    assert drain(reader, other, owner="me") == 0
    assert position("test", other) == 0
