"""Entries that something is done on, and the inputs kept beside them."""

import asyncio
import json
import os
import subprocess
import sys
from typing import Any

import orjson
import psycopg
import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.audit import services
from apps.audit.appender import Appender
from apps.audit.models import AuditEntry, DecisionInput
from apps.audit.tests.builders import app_dsn, check, make_entry
from apps.decision.errors import BadInput, Outdated
from apps.decision.events import EventKind
from apps.tenants.context import in_tenant

CHILD = """
import asyncio, sys
import django
django.setup()
from apps.audit.appender import Appender
from apps.audit.tests.builders import app_dsn, make_entry
from apps.decision.errors import Outdated

async def write(appender):
    while True:
        await appender.append(sys.argv[1], make_entry(actor="racer", rulebook_version=int(sys.argv[2])), acts=True)

async def main():
    appender = Appender(app_dsn(), max_batch=3)
    found = await asyncio.gather(*(write(appender) for _ in range(8)), return_exceptions=True)
    await appender.close()
    sys.exit(0 if all(type(one) is Outdated for one in found) else 1)

asyncio.run(main())
"""


def run(*given: tuple[Any, bytes | None, bool], schema: str) -> list[Any]:
    """What becomes of these entries when they are appended as one batch."""

    async def main() -> list[Any]:
        appender = Appender(app_dsn())
        futures = [appender.enqueue(schema, entry, document, acts=acts) for entry, document, acts in given]
        found = await asyncio.gather(*futures, return_exceptions=True)
        await appender.close()
        return list(found)

    return asyncio.run(main())


def kinds(found: list[Any]) -> list[type]:
    return [type(one) for one in found]


def test_it_refuses_what_was_judged_under_older_rules_and_writes_the_rest(log: str) -> None:
    with in_tenant(log):
        version = services.record(EventKind.KILL_SWITCH_ENGAGED, actor="user:one").seq
    old, new = make_entry(rulebook_version=version - 1), make_entry(rulebook_version=version)
    found = run((old, b"{}", True), (new, None, True), (old, None, False), (new, b"{}", True), schema=log)
    assert kinds(found) == [Outdated, services.Position, services.Position, services.Position]
    check(log, 4)
    with in_tenant(log):
        assert list(DecisionInput.objects.values_list("seq", flat=True)) == [found[3].seq]


def test_it_minds_the_rules_that_change_within_the_batch(log: str) -> None:
    act = make_entry(rulebook_version=0)
    found = run(
        (act, None, True), (make_entry(kind=EventKind.SESSION_REVOKED), None, False), (act, b"{}", True), schema=log
    )
    assert kinds(found) == [services.Position, services.Position, Outdated]
    check(log, 2)
    with in_tenant(log):
        assert services.head(log).rulebook_version == found[1].seq


def test_it_notices_that_another_writer_changed_the_rules(log: str) -> None:
    async def main() -> None:
        appender = Appender(app_dsn())
        await appender.append(log, make_entry(rulebook_version=0), acts=True)  # from here it knows the head
        await asyncio.to_thread(change)
        with pytest.raises(Outdated):
            await appender.append(log, make_entry(rulebook_version=0), acts=True)
        await appender.append(log, make_entry(rulebook_version=10), acts=True)
        with pytest.raises(Outdated):
            await appender.append(log, make_entry(rulebook_version=9), b"{}", acts=True)
        await appender.close()

    def change() -> None:
        with psycopg.connect(app_dsn(), autocommit=True) as other:
            other.execute(f"UPDATE {log}.audit_head SET seq = 10, rulebook_version = 10, event_hash = repeat('0', 64)")

    asyncio.run(main())


@pytest.mark.processes
def test_it_lets_no_act_of_older_rules_follow_the_change_in_any_process(log: str) -> None:
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "behavry.settings"}
    children = [subprocess.Popen([sys.executable, "-c", CHILD, log, "0"], env=env) for _ in range(2)]
    with in_tenant(log):
        while AuditEntry.objects.filter(actor="racer").count() < 50:
            assert all(child.poll() is None for child in children)
        changed = services.record(EventKind.KILL_SWITCH_ENGAGED, actor="user:one").seq
        assert [child.wait(30) for child in children] == [0, 0]
        assert not AuditEntry.objects.filter(actor="racer", seq__gt=changed).exists()
        assert AuditEntry.objects.filter(actor="racer", seq__lt=changed).count() >= 50


values = st.recursive(
    st.none() | st.booleans() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(values.filter(lambda value: "\ud800" not in repr(value)), min_size=1, max_size=6))
def test_it_keeps_inputs_to_the_letter(log: str, documents: list[Any]) -> None:
    texts = [orjson.dumps(document) for document in documents]
    texts.append(json.dumps(documents, indent="\t").encode() + b"\r\n")  # no writer of ours makes these
    found = run(*((make_entry(), text, False) for text in texts), schema=log)
    with in_tenant(log):
        kept = DecisionInput.objects.in_bulk([position.seq for position in found])
        entries = AuditEntry.objects.in_bulk(list(kept))
    assert [kept[position.seq].document.encode() for position in found] == texts
    assert all(
        (row.event_id, row.recorded_at) == (entries[seq].id, entries[seq].recorded_at) for seq, row in kept.items()
    )


def test_it_refuses_inputs_that_the_database_would_refuse(log: str) -> None:
    found = run((make_entry(), b'"\xff"', True), (make_entry(), b'"\0"', True), (make_entry(), b"1", True), schema=log)
    assert kinds(found) == [BadInput, BadInput, services.Position]
    check(log, 1)


def test_it_keeps_an_input_with_its_transaction_and_never_changes_it(log: str) -> None:
    with in_tenant(log):
        kept = services.append(make_entry(), b'{"a":"\\n"}')
        with pytest.raises(RuntimeError), transaction.atomic():
            services.append(make_entry(), b"{}")
            raise RuntimeError
        rows = list(DecisionInput.objects.values_list("seq", "document"))
    assert rows == [(kept.seq, '{"a":"\\n"}')]
    with psycopg.connect(app_dsn(), autocommit=True) as app:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(f"UPDATE {log}.audit_input SET document = ''")
        assert app.execute(f"DELETE FROM {log}.audit_input").rowcount == 1
