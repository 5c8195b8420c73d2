"""Recorded inputs of decisions, read in order, with what the log says became of each; and their removal.

The documents were masked when they were written: what DLP found is not in them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from apps.audit.models import DecisionInput

# The time is part of the join, so that only the partitions of the log that matter are looked at.
_BATCH = """
SELECT i.seq, i.event_id, i.recorded_at, i.document,
       coalesce(e.policy_result, ''), coalesce(e.policy_id, ''), coalesce(e.stage, '')
FROM (SELECT * FROM audit_input WHERE seq > %s AND seq <= %s ORDER BY seq LIMIT %s) i
LEFT JOIN audit_entry e ON e.seq = i.seq AND e.recorded_at = i.recorded_at
ORDER BY i.seq
"""
_FORGET = """
DELETE FROM audit_input WHERE seq IN (SELECT seq FROM audit_input WHERE recorded_at < %s ORDER BY seq LIMIT %s)
"""
END = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Recorded:
    """One input. `result`, `policy` and `stage` are the log's; empty where the entry has gone."""

    seq: int
    event_id: UUID
    at: datetime
    document: str
    result: str
    policy: str
    stage: str


@dataclass(frozen=True, slots=True)
class Span:
    """Where a replay begins (after `after`) and ends, and how many inputs are between."""

    after: int
    last: int
    total: int


def batch(after: int, last: int, size: int) -> Sequence[Recorded]:
    with connection.cursor() as cursor:
        cursor.execute(_BATCH, [after, last, size])
        return [Recorded(*row) for row in cursor.fetchall()]


def span(since: datetime) -> Span:
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(seq), max(seq), count(*) FROM audit_input WHERE recorded_at >= %s", [since])
        first, last, total = cursor.fetchone()
    return Span((first or 1) - 1, last or 0, total)


def waiting(after: int) -> int:
    """How many inputs are recorded after that one."""
    return DecisionInput.objects.filter(seq__gt=after).count()


def forget(before: datetime, size: int) -> int:
    """Delete inputs recorded before that time, at most so many; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, [before, size])
        return int(cursor.rowcount)
