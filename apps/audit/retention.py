"""Drops whole expired months, oldest first, each only after its chain was checked and a signed anchor stands for it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db import connection, transaction
from psycopg import sql

from apps.audit import anchors, services, verification
from apps.decision.errors import Conflict
from apps.decision.events import EventKind
from apps.tenants.context import current_schema
from apps.tenants.services import config_of


@dataclass(frozen=True, slots=True)
class Month:
    """A month's partition. `first_seq` and `last_seq` are 0 when it is empty."""

    month: date
    first_seq: int
    last_seq: int
    entries: int
    event_hash: str


def expired(now: datetime) -> list[Month]:
    """The current tenant's months that have wholly passed out of its retention, oldest first."""
    schema = current_schema()
    edge = (now - timedelta(days=config_of(schema).audit_retention_days)).astimezone(UTC)
    return [_describe(schema, month) for month in _months(schema) if _next(month) <= edge.date()]


def apply(*, actor: str, now: datetime, dry_run: bool = False) -> list[Month]:
    """Drop what `expired` names; returns what was dropped. Stops with Conflict at a month whose chain is broken."""
    months = expired(now)
    if not dry_run:
        for month in months:
            _drop(month, actor)
    return months


def _drop(month: Month, actor: str) -> None:
    schema = current_schema()
    with transaction.atomic():
        verification.alone()
        if month.entries:
            report = verification.walk(from_seq=month.first_seq, to_seq=month.last_seq)
            if report.count:
                raise Conflict(
                    f"{month.month:%Y-%m} is not dropped: its chain is broken at entry {report.breaks[0].seq}",
                    code="chain_broken",
                )
            anchors.make(schema, month.month, month.first_seq, month.last_seq, month.event_hash)
        with connection.cursor() as cursor:
            cursor.execute("SELECT public.behavry_audit_drop_month(%s, %s)", [schema, month.month])
        services.record(
            EventKind.RETENTION_APPLIED,
            actor=actor,
            target=f"{month.month:%Y-%m}",
            extra={"first": month.first_seq, "last": month.last_seq, "entries": month.entries},
        )


def _months(schema: str) -> list[date]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT to_date(right(c.relname, 7), 'YYYY_MM') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = to_regclass(%s) ORDER BY 1",
            [f'"{schema}".audit_entry'],
        )
        return [row[0] for row in cursor.fetchall()]


def _describe(schema: str, month: date) -> Month:
    part = sql.Identifier(schema, f"audit_entry_{month:%Y_%m}")
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT coalesce(min(seq), 0), count(*) FROM {}").format(part))
        first_seq, entries = cursor.fetchone()
        cursor.execute(sql.SQL("SELECT seq, event_hash FROM {} ORDER BY seq DESC LIMIT 1").format(part))
        last_seq, event_hash = cursor.fetchone() or (0, "")
    return Month(month, first_seq, last_seq, entries, event_hash)


def _next(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)
