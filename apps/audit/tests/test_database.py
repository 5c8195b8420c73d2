"""Append-only is the database's own rule: triggers, grants, and two functions that take nothing on trust."""

from collections.abc import Callable

import psycopg
import pytest
from django.db import connection

from apps.audit import services
from apps.audit.tests.builders import app_dsn, as_owner
from apps.tenants.context import in_tenant

STATEMENTS = [
    "UPDATE audit_entry SET actor = 'x'",
    "DELETE FROM audit_entry",
    "TRUNCATE audit_entry",
    "INSERT INTO audit_entry SELECT * FROM audit_entry ON CONFLICT (seq, recorded_at) DO UPDATE SET actor = 'x'",
    "UPDATE audit_head SET seq = 0",
    "UPDATE audit_head SET event_hash = 'x'",
    "DELETE FROM audit_head",
    "UPDATE audit_chain_anchor SET first_seq = 0",
    "DELETE FROM audit_chain_anchor",
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_it_refuses_changes_even_to_the_owner(log: str, statement: str) -> None:
    with as_owner(log) as owner:
        owner.execute("SET session_replication_role = origin")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            owner.execute(statement)


def test_it_refuses_changes_to_a_partition_named_directly(log: str) -> None:
    with as_owner(log) as owner:
        owner.execute("SET session_replication_role = origin")
        parts = owner.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'audit_entry'::regclass"
        )
        names = [name for (name,) in parts.fetchall()]
        assert len(names) == services.MONTHS_AHEAD + 1
        for name in names:
            for statement in (f"UPDATE {name} SET actor = 'x'", f"DELETE FROM {name}", f"TRUNCATE {name}"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    owner.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        *STATEMENTS,
        "ALTER TABLE audit_entry DISABLE TRIGGER append_only",
        "SET session_replication_role = replica",
        "UPDATE audit_head SET partitions_until = now()",
        "UPDATE audit_chain_break SET detail = 'x'",
        "DELETE FROM audit_verification",
        "DROP TABLE audit_entry",
    ],
)
def test_it_grants_the_app_role_only_reading_and_appending(log: str, statement: str) -> None:
    with psycopg.connect(app_dsn(), autocommit=True) as app:
        app.execute(f'SET search_path = "{log}"')
        assert app.execute("SELECT count(*) FROM audit_entry").fetchone() == (8,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(statement)


def test_it_gives_a_cloned_tenant_a_head_and_no_entries(fresh_tenant: Callable[[], str]) -> None:
    schema = fresh_tenant()
    with as_owner(schema) as owner:
        assert owner.execute("SELECT seq, rulebook_version FROM audit_head").fetchall() == [(0, 0)]
        assert owner.execute("SELECT count(*) FROM audit_entry").fetchone() == (0,)


def test_it_makes_months_once_and_ahead(log: str) -> None:
    with in_tenant(log):
        until = services.prepare(log)
        assert services.prepare(log) == until
        with connection.cursor() as cursor:
            cursor.execute("SELECT partitions_until > now() + interval '80 days' FROM audit_head")
            assert cursor.fetchone() == (True,)


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        ("behavry_audit_prepare('public', 3)", "not a tenant schema"),
        ("behavry_audit_prepare('t_nobody', 3)", "not a tenant schema"),
        ("behavry_audit_prepare('t_x\"; DROP TABLE audit_entry; --', 3)", "not a tenant schema"),
        ("behavry_audit_prepare('{schema}', 13)", "between 0 and 12"),
        ("behavry_audit_drop_month('{schema}', date_trunc('month', now())::date)", "not past its retention"),
        ("behavry_audit_drop_month('{schema}', '2020-01-01')", "only the oldest month"),
        ("behavry_audit_drop_month('{schema}', '2020-01-02')", "first day"),
        ("behavry_audit_drop_month('public', '2020-01-01')", "not a tenant schema"),
    ],
)
def test_it_takes_no_argument_on_trust(log: str, call: str, problem: str) -> None:
    with psycopg.connect(app_dsn()) as app, pytest.raises(psycopg.DatabaseError, match=problem):
        app.execute(f"SELECT public.{call.format(schema=log)}")
