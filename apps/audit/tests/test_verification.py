"""Whatever a superuser does to stored rows, the walk names the sequence number."""

import pytest

from apps.audit import services, verification
from apps.audit.models import AuditEntry, ChainBreakEntry, Verification
from apps.audit.tests.builders import as_owner, make_entry
from apps.decision.errors import BadInput, Conflict, NotFound
from apps.tenants.context import in_tenant


def tampered(schema: str, *statements: str) -> list[tuple[int, int, str]]:
    with as_owner(schema) as owner:
        for statement in statements:
            owner.execute(statement)
    with in_tenant(schema):
        return [(item.seq, item.last_seq, item.kind.value) for item in verification.walk().breaks]


def test_it_finds_an_untouched_log_intact(log: str) -> None:
    assert tampered(log) == []


@pytest.mark.parametrize(
    "change",
    [
        "target = 'other'",
        "extra = '{\"n\": 3}'",
        "payload = '{}'",
        '"timestamp" = "timestamp" + interval \'1 microsecond\'',
        "recorded_at = recorded_at + interval '1 microsecond'",
        "policy_result = 'deny'",
        "response_code = 0",
        "latency_ms = 'NaN'",
        "tenant = 't_other'",
        "event_hash = repeat('0', 64)",
        "previous_hash = repeat('0', 64)",
        "hash_version = 2",
        "id = gen_random_uuid()",
        "requester_verified = true",
    ],
)
def test_it_names_an_edited_row(log: str, change: str) -> None:
    assert tampered(log, f"UPDATE audit_entry SET {change} WHERE seq = 4") == [(4, 4, "edited")]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("seq = 1", (1, 1, "missing")),
        ("seq = 4", (4, 4, "missing")),
        ("seq BETWEEN 3 AND 5", (3, 5, "missing")),
        ("seq >= 7", (7, 8, "truncated")),
        ("true", (1, 8, "truncated")),
    ],
)
def test_it_names_deleted_rows(log: str, where: str, expected: tuple[int, int, str]) -> None:
    assert tampered(log, f"DELETE FROM audit_entry WHERE {where}") == [expected]


def test_it_names_reordered_rows(log: str) -> None:
    swap = "UPDATE audit_entry SET seq = CASE seq WHEN 3 THEN 6 ELSE 3 END WHERE seq IN (3, 6)"
    assert tampered(log, swap) == [(3, 3, "reordered"), (6, 6, "reordered")]


def test_it_names_a_duplicate(log: str) -> None:
    columns = "previous_hash, event_hash, hash_version, id, tenant, kind, actor"
    with as_owner(log) as owner:
        names = [name for (name,) in owner.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = 'audit_entry'",
            [log],
        )]  # fmt: skip
        assert set(columns.split(", ")) <= set(names)
        listed = ", ".join(f'"{name}"' for name in names)
        values = listed.replace('"recorded_at"', "recorded_at + interval '1 millisecond'")
        owner.execute(f"INSERT INTO audit_entry ({listed}) SELECT {values} FROM audit_entry WHERE seq = 5")
    assert (5, 5, "duplicate") in tampered(log)


def test_it_names_a_head_that_was_set_back(log: str) -> None:
    back = "UPDATE audit_head SET seq = 6, event_hash = (SELECT event_hash FROM audit_entry WHERE seq = 6)"
    assert tampered(log, back) == [(6, 8, "bad_head")]


def test_it_remembers_what_an_earlier_walk_saw(log: str) -> None:
    """Rewriting the whole chain with new hashes is consistent in itself; the kept checkpoint is not fooled."""
    with in_tenant(log):
        verification.verify(actor="system")
    with as_owner(log) as owner:
        owner.execute("DELETE FROM audit_entry")
        owner.execute("UPDATE audit_head SET seq = 0, event_hash = repeat('0', 64)")
    with in_tenant(log):
        for _ in range(9):
            services.append(make_entry())
    assert tampered(log) == [(8, 8, "rewritten")]


def test_it_checks_a_range_against_the_entry_before_it(log: str) -> None:
    with as_owner(log) as owner:
        owner.execute("UPDATE audit_entry SET target = 'x' WHERE seq = 5")
    with in_tenant(log):
        assert [item.seq for item in verification.walk(from_seq=4, to_seq=6).breaks] == [5]
        assert verification.walk(from_seq=1, to_seq=4).count == 0
        assert verification.walk(from_seq=6).count == 0
        assert verification.walk(from_seq=6, to_seq=7).entries == 2
        with pytest.raises(BadInput):
            verification.walk(from_seq=3, to_seq=2)


def test_it_streams_in_chunks(log: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "CHUNK", 3)
    with in_tenant(log):
        report = verification.walk()
    assert (report.entries, report.count, report.whole) == (8, 0, True)


def test_it_keeps_the_result_and_says_so_in_the_log(log: str) -> None:
    with in_tenant(log):
        assert verification.latest() is None
        row, found = verification.verify(actor="user:ann")
        assert (row.breaks, row.entries, row.whole, found) == (0, 8, True, ())
        assert verification.latest() == row
        last = AuditEntry.objects.order_by("-seq")[0]
        assert (last.kind, last.actor, last.extra["entries"]) == ("chain.verified", "user:ann", 8)


def test_it_keeps_a_break_once_and_lets_it_be_acknowledged_once(log: str) -> None:
    with as_owner(log) as owner:
        owner.execute("UPDATE audit_entry SET target = 'x' WHERE seq = 5")
    with in_tenant(log):
        verification.verify(actor="system")
        verification.verify(actor="system")
        row = ChainBreakEntry.objects.get()
        assert (row.seq, row.kind, Verification.objects.count()) == (5, "edited", 2)
        with pytest.raises(BadInput):
            verification.acknowledge(row.id, actor="user:ann", note="  ")
        verification.acknowledge(row.id, actor="user:ann", note="restored from backup")
        with pytest.raises(Conflict):
            verification.acknowledge(row.id, actor="user:bob", note="again")
        with pytest.raises(NotFound):
            verification.acknowledge(make_entry().id, actor="user:bob", note="what")
        last = AuditEntry.objects.order_by("-seq")[0]
        assert (last.kind, last.actor, last.extra["seq"]) == ("chain.break_acknowledged", "user:ann", 5)
        verification.verify(actor="system")
        assert ChainBreakEntry.objects.get().acknowledged_by == "user:ann"
