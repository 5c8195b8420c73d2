"""Writing to the log and asking where it ends. An entry lives or dies with the caller's transaction.

Refuses nothing silently: whoever cannot append has no permission to act.
"""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import redis
from django.db import connection, transaction
from psycopg import sql

from apps.audit import ids, rows
from apps.decision import chain
from apps.decision.errors import BadInput, Unavailable
from apps.decision.events import Entry, EventKind
from apps.decision.quick import quick
from apps.tenants.context import current_schema, tenant_key
from apps.tenants.redis import redis_client

logger = logging.getLogger(__name__)

MONTHS_AHEAD = 3
# Sets a version only if it is newer, so that a late messenger cannot turn it back.
RAISE_VERSION = """
if tonumber(ARGV[1]) > tonumber(redis.call('GET', KEYS[1]) or '0') then redis.call('SET', KEYS[1], ARGV[1]) end
return redis.call('PUBLISH', KEYS[2], ARGV[1])
"""


@quick
@dataclass(frozen=True, slots=True)
class Position:
    """Where an entry came to stand."""

    seq: int
    event_hash: str


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a tenant's chain."""

    seq: int
    event_hash: str
    rulebook_version: int


def record(kind: EventKind, *, actor: str, at: datetime | None = None, **fields: Any) -> Position:
    """Append an entry of this kind, happening now."""
    return append(Entry(id=ids.new_id(), kind=kind, at=at or datetime.now(UTC), actor=actor, **fields))


def append(entry: Entry, document: bytes | None = None) -> Position:
    """Append in the current tenant and the caller's transaction; call it last, since it locks the tenant's head.

    `document` is the masked input of a decision (JSON), kept beside its entry for replay.
    """
    schema = current_schema()
    with transaction.atomic(), connection.cursor() as cursor:
        table = sql.Identifier(schema, "audit_head")
        statement = sql.SQL(
            "SELECT seq, event_hash, recorded_at, partitions_until FROM {} WHERE id = 1 FOR UPDATE"
        ).format(table)
        cursor.execute(statement)
        row = cursor.fetchone()
        if row is None:
            raise Unavailable("The log of this tenant has no head", code="log_unavailable")
        end = rows.End(*row[:3])
        recorded_at = rows.later(datetime.now(UTC), end)
        if recorded_at >= row[3]:
            cursor.execute("SELECT public.behavry_audit_prepare(%s, %s)", [schema, MONTHS_AHEAD])
        seq = end.seq + 1
        try:
            values, event_hash = rows.parameters(entry, schema, seq, chain.text_of_time(recorded_at), end.event_hash)
        except (ValueError, RecursionError) as error:
            raise BadInput(f"This cannot be logged: {error}", code="not_loggable") from error
        cursor.execute(
            sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                sql.Identifier(schema, "audit_entry"),
                sql.SQL(rows.COLUMN_LIST),
                sql.SQL(", ").join([sql.Placeholder()] * len(values)),
            ),
            values,
        )
        if document is not None:
            cursor.execute(
                sql.SQL("INSERT INTO {} ({}) VALUES (%s, %s, %s, %s)").format(
                    sql.Identifier(schema, "audit_input"), sql.SQL(rows.INPUT_COLUMN_LIST)
                ),
                [seq, entry.id, recorded_at, document.decode()],
            )
        cursor.execute(
            sql.SQL(
                "UPDATE {} SET seq = %s, event_hash = %s, recorded_at = %s,"
                " rulebook_version = greatest(rulebook_version, %s) WHERE id = 1"
            ).format(table),
            [seq, event_hash, recorded_at, seq if entry.kind.changes_rulebook else 0],
        )
        changes = entry.kind.changes_rulebook
        transaction.on_commit(lambda: announce(schema, seq, changes_rulebook=changes))
    return Position(seq, event_hash)


def announce(schema: str, seq: int, *, changes_rulebook: bool) -> None:
    """Tell other processes of a committed entry. Only a nudge: what it says stands in the database as well."""
    version_key, channel = tenant_key(schema, "rulebook_version"), tenant_key(schema, "log")
    try:
        if changes_rulebook:
            redis_client().eval(RAISE_VERSION, 2, version_key, channel, seq)
        else:
            redis_client().publish(channel, seq)
    except redis.RedisError as error:
        # Without Redis every call is refused; `announce_rulebook` repeats the version when it is back.
        logger.warning("log nudge not sent", extra={"schema": schema, "seq": seq, "error": type(error).__name__})


def announce_rulebook(schema: str) -> int:
    """Repeat the rulebook version from the database to Redis, in case a process died between commit and nudge."""
    found = head(schema)
    keys = tenant_key(schema, "rulebook_version"), tenant_key(schema, "log")
    redis_client().eval(RAISE_VERSION, 2, *keys, found.rulebook_version)
    return found.rulebook_version


def head(schema: str) -> Head:
    """The committed end of a tenant's chain."""
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT seq, event_hash, rulebook_version FROM {} WHERE id = 1").format(
                sql.Identifier(schema, "audit_head")
            )
        )
        row = cursor.fetchone()
    if row is None:
        raise Unavailable("The log of this tenant has no head", code="log_unavailable")
    return Head(*row)


def prepare(schema: str) -> datetime:
    """Make the partitions of this month and the next ones; returns the time up to which there are some."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT public.behavry_audit_prepare(%s, %s)", [schema, MONTHS_AHEAD])
        until: datetime = cursor.fetchone()[0]
    return until


def entry_id(text: str) -> UUID | None:
    """The id in a text from outside, or None."""
    try:
        return UUID(text)
    except ValueError:
        return None
