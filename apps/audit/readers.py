"""Named readers of the log. Each has a durable cursor; its rows and its cursor move in one transaction.

A process that reads holds a short lease, so that two processes do not do the same work; the cursor's row lock would
keep them from doing it twice in any case. An entry that fails three times is set aside, and the reader goes on.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import Q

from apps.audit.models import AuditEntry, ReaderCursor, SetAsideEntry
from apps.tenants.context import in_tenant

logger = logging.getLogger(__name__)

MAX_FAILURES = 3
LEASE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Reader:
    """`handle` writes what it derives from the entries with the ORM, inside the transaction it is called in.

    It must do nothing that a rollback cannot undo; what must leave the house is a row first.
    """

    name: str
    handle: Callable[[Sequence[AuditEntry]], None]
    batch: int = 500


def read(reader: Reader, schema: str, *, owner: str, now: datetime | None = None) -> int:
    """Handle one batch after the cursor. Returns how many entries the cursor passed; 0 when there is nothing to do, or
    another process holds the lease."""
    now = now or datetime.now(UTC)
    with in_tenant(schema):
        if not _lease(reader.name, owner, now):
            return 0
        cursor = ReaderCursor.objects.get(name=reader.name)
        # A batch that failed is retried entry by entry, until the one that fails is alone.
        size = 1 if cursor.failing_seq else reader.batch
        entries = list(AuditEntry.objects.filter(seq__gt=cursor.seq).order_by("seq")[:size])
        if not entries:
            return 0
        try:
            with transaction.atomic():
                held = ReaderCursor.objects.select_for_update().get(name=reader.name)
                if held.seq != cursor.seq or held.lease_owner != owner:
                    return 0
                reader.handle(entries)
                held.seq, held.failures = entries[-1].seq, 0
                held.failing_seq = held.failing_seq if held.failing_seq > held.seq else 0
                held.save(update_fields=["seq", "failures", "failing_seq", "updated_at"])
        except Exception as error:  # any failure of a handler is the same to its cursor
            return _failed(reader.name, entries, error)
        return len(entries)


def drain(reader: Reader, schema: str, *, owner: str, most: int = 10_000) -> int:
    """Handle batches until nothing is left, or about `most` entries are done."""
    done = idle = 0
    while done < most and idle <= MAX_FAILURES:
        passed = read(reader, schema, owner=owner)
        if not passed and not _retrying(reader.name, schema):
            break
        done, idle = done + passed, 0 if passed else idle + 1
    return done


def position(name: str, schema: str) -> int:
    """How far a reader has come."""
    with in_tenant(schema):
        return ReaderCursor.objects.filter(name=name).values_list("seq", flat=True).first() or 0


def _lease(name: str, owner: str, now: datetime) -> bool:
    ReaderCursor.objects.get_or_create(name=name)
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=now) | Q(lease_owner=owner)
    taken = ReaderCursor.objects.filter(free, name=name).update(lease_owner=owner, lease_until=now + LEASE)
    return taken == 1


def _failed(name: str, entries: Sequence[AuditEntry], error: Exception) -> int:
    with transaction.atomic():
        held = ReaderCursor.objects.select_for_update().get(name=name)
        if held.seq >= entries[0].seq:
            return 0
        if len(entries) > 1:
            held.failing_seq, held.failures = entries[-1].seq, 0
            held.save(update_fields=["failing_seq", "failures", "updated_at"])
            return 0
        held.failing_seq, held.failures = max(held.failing_seq, entries[0].seq), held.failures + 1
        passed = held.failures >= MAX_FAILURES
        if passed:
            SetAsideEntry.objects.create(
                reader=name, seq=entries[0].seq, error=f"{type(error).__name__}: {error}"[:500]
            )
            held.seq, held.failures = entries[0].seq, 0
            held.failing_seq = held.failing_seq if held.failing_seq > held.seq else 0
        held.save()
    if passed:
        logger.error("entry set aside", extra={"reader": name, "seq": entries[0].seq, "error": type(error).__name__})
    return 1 if passed else 0


def _retrying(name: str, schema: str) -> bool:
    with in_tenant(schema):
        return ReaderCursor.objects.filter(name=name, failing_seq__gt=0).exists()
