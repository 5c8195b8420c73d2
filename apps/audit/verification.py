"""Walks a tenant's stored chain in constant memory, keeps the result, and lets people acknowledge what it found."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.db import connection, transaction
from psycopg import sql

from apps.audit import anchors, rows, services
from apps.audit.models import ChainBreakEntry, Verification
from apps.decision.chain import GENESIS
from apps.decision.errors import BadInput, Conflict, NotFound
from apps.decision.events import EventKind
from apps.decision.verification import Break, BreakKind, Sealed, Walk
from apps.tenants.context import current_schema

CHUNK = 5000
MAX_KEPT_BREAKS = 1000


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of one walk. `breaks` holds the first of them, `count` is how many there were."""

    whole: bool
    from_seq: int
    to_seq: int
    entries: int
    count: int
    breaks: tuple[Break, ...]
    event_hash: str


def verify(*, actor: str, from_seq: int = 1, to_seq: int | None = None) -> tuple[Verification, tuple[Break, ...]]:
    """Walk the current tenant's chain, or a part of it; keep the result, the breaks and an entry that says so."""
    started = datetime.now(UTC)
    with transaction.atomic():
        alone()
        report = walk(from_seq=from_seq, to_seq=to_seq)
        finished = datetime.now(UTC)
        kept = Verification.objects.create(
            started_at=started,
            finished_at=finished,
            whole=report.whole,
            from_seq=report.from_seq,
            to_seq=report.to_seq,
            entries=report.entries,
            breaks=report.count,
            event_hash=report.event_hash,
        )
        for item in report.breaks:
            _keep_break(item, finished)
        services.record(
            EventKind.CHAIN_VERIFIED,
            actor=actor,
            extra={"from": report.from_seq, "to": report.to_seq, "entries": report.entries, "breaks": report.count},
        )
    return kept, report.breaks


def walk(*, from_seq: int = 1, to_seq: int | None = None) -> Report:
    """Walk without keeping anything. Call it in a transaction: the rows come through a server-side cursor."""
    if from_seq < 1 or (to_seq is not None and to_seq < from_seq):
        raise BadInput("The range is empty", fields={"from_seq": "Begin at 1 or later, and not after the end."})
    schema = current_schema()
    head_seq, head_hash, last_seq = _ends(schema)
    end = max(head_seq, last_seq) if to_seq is None else min(to_seq, max(head_seq, last_seq))
    after_seq, after_hash, found = _start(schema, from_seq)
    checkpoint = (
        Verification.objects.filter(whole=True, breaks=0, to_seq__gt=0, to_seq__lte=end).order_by("-id").first()
    )
    known = (checkpoint.to_seq, checkpoint.event_hash) if checkpoint else (0, "")
    walker, count = Walk(after_seq, after_hash), len(found)
    for entry in _entries(schema, after_seq, end):
        new = walker.feed(entry)
        if entry.seq == known[0] and entry.event_hash != known[1]:
            detail = f"entry {entry.seq} is not the one that an earlier verification saw there"
            new = [*new, Break(entry.seq, entry.seq, BreakKind.REWRITTEN, detail)]
        if new:
            count += len(new)
            found += new[: max(0, MAX_KEPT_BREAKS - len(found))]
    reaches_head = to_seq is None or to_seq >= head_seq
    new = walker.finish(head_seq, head_hash) if reaches_head else walker.stop()
    whole = reaches_head and from_seq == 1
    event_hash = walker.event_hash if walker.seq else GENESIS
    return Report(whole, after_seq + 1, end, walker.checked, count + len(new), (*found, *new), event_hash)


def latest() -> Verification | None:
    """The last walk over the whole chain."""
    return Verification.objects.filter(whole=True).order_by("-id").first()


def acknowledge(break_id: UUID, *, actor: str, note: str) -> ChainBreakEntry:
    """Say that a person has seen a break, and why it can stand. It stays on the list."""
    note = note.strip()
    if not note:
        raise BadInput("A note is needed", fields={"note": "Say what happened and why it can stand."})
    with transaction.atomic():
        row = ChainBreakEntry.objects.select_for_update().filter(id=break_id).first()
        if row is None:
            raise NotFound("There is no such break")
        if row.acknowledged_at is not None:
            raise Conflict(f"{row.acknowledged_by} has already acknowledged this break")
        row.acknowledged_at, row.acknowledged_by, row.note = datetime.now(UTC), actor, note
        row.save(update_fields=["acknowledged_at", "acknowledged_by", "note"])
        services.record(
            EventKind.CHAIN_BREAK_ACKNOWLEDGED,
            actor=actor,
            target=str(row.id),
            extra={"kind": row.kind, "seq": row.seq, "last_seq": row.last_seq, "note": note},
        )
    return row


def _keep_break(item: Break, now: datetime) -> None:
    place = {"kind": item.kind.value, "seq": item.seq, "last_seq": item.last_seq}
    if not ChainBreakEntry.objects.filter(**place).update(last_seen_at=now):
        ChainBreakEntry.objects.create(**place, detail=item.detail, found_at=now, last_seen_at=now)


def alone() -> None:
    """One walk or drop per tenant at a time: two would only slow each other, and a drop would look like a gap."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext(%s), hashtext('audit'))", [current_schema()])
        if not cursor.fetchone()[0]:
            raise Conflict("The log is being verified right now; ask again later", code="already_running")


def _ends(schema: str) -> tuple[int, str, int]:
    """The head, and the last entry there is, as of one instant."""
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT seq, event_hash, (SELECT coalesce(max(seq), 0) FROM {}) FROM {} WHERE id = 1").format(
                sql.Identifier(schema, "audit_entry"), sql.Identifier(schema, "audit_head")
            )
        )
        row = cursor.fetchone()
    return (0, GENESIS, 0) if row is None else (row[0], row[1], row[2])


def _start(schema: str, from_seq: int) -> tuple[int, str, list[Break]]:
    """The place after which to walk: the entry before the range, else the anchor, else the beginning."""
    entries = sql.Identifier(schema, "audit_entry")
    with connection.cursor() as cursor:
        if from_seq > 1:
            statement = "SELECT seq, event_hash FROM {} WHERE seq < %s ORDER BY seq DESC, recorded_at DESC LIMIT 1"
            cursor.execute(sql.SQL(statement).format(entries), [from_seq])
            before = cursor.fetchone()
            if before is not None:
                return before[0], before[1], []
        cursor.execute(sql.SQL("SELECT min(seq) FROM {}").format(entries))
        first = cursor.fetchone()[0]
    if first == 1:
        return 0, GENESIS, []
    anchor = anchors.before(first)
    if anchor is None:
        return 0, GENESIS, []
    if not anchors.is_genuine(schema, anchor):
        detail = f"the anchor of entries {anchor.first_seq} to {anchor.last_seq} was not signed by this installation"
        bad = Break(anchor.first_seq, anchor.last_seq, BreakKind.BAD_ANCHOR, detail)
        return anchor.last_seq, anchor.event_hash, [bad]
    return anchor.last_seq, anchor.event_hash, []


def _entries(schema: str, after_seq: int, end: int) -> Iterator[Sealed]:
    statement = sql.SQL("SELECT {} FROM {} WHERE seq > %s AND seq <= %s ORDER BY seq, recorded_at").format(
        sql.SQL(rows.READ_LIST), sql.Identifier(schema, "audit_entry")
    )
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement, [after_seq, end])
        while chunk := cursor.fetchmany(CHUNK):
            for row in chunk:
                yield rows.sealed(row)
