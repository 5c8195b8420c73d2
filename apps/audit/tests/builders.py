"""Builders for tests of the log, and the owner's view of the database, with which they tamper."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg

from apps.audit import verification
from apps.audit.ids import new_id
from apps.decision.events import Entry, EventKind
from apps.tenants.context import in_tenant


def make_entry(**changes: Any) -> Entry:
    values = {
        "id": new_id(),
        "kind": EventKind.CALL_DECISION,
        "at": datetime.now(UTC),
        "actor": "agent:a1",
        "agent_id": "a1",
        "session_id": "s1",
        "tool_name": "read_file",
        "mcp_server": "files",
        "method": "tools/call",
        "policy_result": "allow",
    }
    return Entry(**{**values, **changes})


@contextmanager
def as_owner(schema: str) -> Iterator["psycopg.Connection[Any]"]:
    """A superuser's connection on which no trigger fires."""
    with psycopg.connect(os.environ["BEHAVRY_OWNER_DATABASE_URL"], autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(f'SET search_path = "{schema}"')
        yield connection


def app_dsn() -> str:
    return os.environ["DATABASE_URL"]


def check(schema: str, new: int, before: int = 8) -> None:
    """The chain is sound and has grown by this many entries."""
    entries = before + new
    with in_tenant(schema):
        report = verification.walk()
        assert (report.count, report.entries, report.to_seq) == (0, entries, entries)
