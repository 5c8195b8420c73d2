"""Months leave oldest first, whole, checked and anchored; the rest of the chain still verifies without them."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from django.db import connection

from apps.audit import retention, rows, services, verification
from apps.audit.models import AuditEntry, ChainAnchor
from apps.audit.tests.builders import app_dsn, as_owner, make_entry
from apps.decision.chain import GENESIS, text_of_time
from apps.decision.errors import Conflict
from apps.tenants.context import in_tenant

NOW = datetime.now(UTC)


def old_months(schema: str, *months: date) -> None:
    """Give a tenant months that are long past, with two entries each, the way time would have."""
    with as_owner(schema) as owner:
        seq, event_hash = 0, GENESIS
        for month in months:
            part, until = f"audit_entry_{month:%Y_%m}", (month + timedelta(days=32)).replace(day=1)
            owner.execute(
                f"CREATE TABLE {part} PARTITION OF audit_entry FOR VALUES FROM ('{month} 00:00Z') TO ('{until} 00:00Z')"
            )
            owner.execute(f"GRANT SELECT ON {part} TO behavry_app")
            for day in (3, 4):
                seq += 1
                at = datetime(month.year, month.month, day, tzinfo=UTC)
                values, event_hash = rows.parameters(make_entry(at=at), schema, seq, text_of_time(at), event_hash)
                marks = ", ".join(["%s"] * len(values))
                owner.execute(f"INSERT INTO audit_entry ({rows.COLUMN_LIST}) VALUES ({marks})", values)
        owner.execute("UPDATE audit_head SET seq = %s, event_hash = %s", [seq, event_hash])


@pytest.fixture
def tenant(fresh_tenant: Callable[[], str]) -> str:
    schema = fresh_tenant()
    old_months(schema, date(2020, 12, 1), date(2021, 1, 1))
    with in_tenant(schema):
        services.append(make_entry())
    return schema


def test_it_says_what_would_go_and_changes_nothing(tenant: str) -> None:
    with in_tenant(tenant):
        months = retention.apply(actor="system", now=NOW, dry_run=True)
        assert [(m.month, m.first_seq, m.last_seq, m.entries) for m in months] == [
            (date(2020, 12, 1), 1, 2, 2),
            (date(2021, 1, 1), 3, 4, 2),
        ]
        assert AuditEntry.objects.count() == 5
        assert retention.expired(datetime(2021, 2, 3, tzinfo=UTC)) == []
        edge = datetime(2021, 1, 1, tzinfo=UTC) + timedelta(days=365)
        assert len(retention.expired(edge)) == 1
        assert len(retention.expired(edge - timedelta(seconds=1))) == 0


def test_it_drops_under_an_anchor_and_the_rest_still_verifies(tenant: str) -> None:
    with in_tenant(tenant):
        assert len(retention.apply(actor="user:ann", now=NOW)) == 2
        assert [(a.first_seq, a.last_seq) for a in ChainAnchor.objects.all()] == [(1, 2), (3, 4)]
        found = AuditEntry.objects.order_by("seq")
        assert [(e.seq, e.kind) for e in found] == [
            (5, "call.decision"),
            (6, "log.retention_applied"),
            (7, "log.retention_applied"),
        ]
        report = verification.walk()
        assert (report.count, report.from_seq, report.entries, report.whole) == (0, 5, 3, True)
        assert retention.apply(actor="user:ann", now=NOW) == []


def test_it_notices_a_forged_anchor(tenant: str) -> None:
    with in_tenant(tenant):
        retention.apply(actor="system", now=NOW)
    with as_owner(tenant) as owner:
        owner.execute("UPDATE audit_chain_anchor SET event_hash = repeat('0', 64) WHERE last_seq = 4")
    with in_tenant(tenant):
        assert (3, "bad_anchor") in [(item.seq, item.kind.value) for item in verification.walk().breaks]


def test_it_notices_entries_that_left_without_an_anchor(tenant: str) -> None:
    with as_owner(tenant) as owner:
        owner.execute("DROP TABLE audit_entry_2020_12")
    with in_tenant(tenant):
        assert [(i.seq, i.last_seq, i.kind.value) for i in verification.walk().breaks] == [(1, 2, "missing")]


def test_it_keeps_a_month_whose_chain_is_broken(tenant: str) -> None:
    with as_owner(tenant) as owner:
        owner.execute("UPDATE audit_entry SET target = 'x' WHERE seq = 3")
    with in_tenant(tenant):
        with pytest.raises(Conflict):
            retention.apply(actor="system", now=NOW)
        assert list(AuditEntry.objects.order_by("seq").values_list("seq", flat=True)[:2]) == [3, 4]


@pytest.mark.parametrize(
    ("month", "problem"), [("2020-12-01", "no anchor names"), ("2021-01-01", "only the oldest month")]
)
def test_the_database_drops_nothing_without_an_anchor_or_out_of_turn(tenant: str, month: str, problem: str) -> None:
    with psycopg.connect(app_dsn()) as app, pytest.raises(psycopg.DatabaseError, match=problem):
        app.execute("SELECT public.behavry_audit_drop_month(%s, %s)", [tenant, month])


def test_it_drops_an_empty_month_without_an_anchor(fresh_tenant: Callable[[], str]) -> None:
    schema = fresh_tenant()
    part = "audit_entry_2020_01"
    with as_owner(schema) as owner:
        owner.execute(f"CREATE TABLE {part} PARTITION OF audit_entry FOR VALUES FROM ('2020-01-01') TO ('2020-02-01')")
        owner.execute(f"GRANT SELECT ON {part} TO behavry_app")
    with in_tenant(schema):
        assert [month.entries for month in retention.apply(actor="system", now=NOW)] == [0]
        assert not ChainAnchor.objects.exists()
        with connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('audit_entry_2020_01')")
            assert cursor.fetchone() == (None,)
