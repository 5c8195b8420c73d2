"""Group commit among processes: one gapless chain, and nothing confirmed is ever lost."""

import os
import subprocess
import sys

import pytest

from apps.audit import services, verification
from apps.audit.models import AuditEntry
from apps.audit.tests.builders import check
from apps.decision.events import EventKind
from apps.tenants.context import in_tenant

CHILD = """
import asyncio, sys
import django
django.setup()
from apps.audit.appender import Appender
from apps.audit.tests.builders import app_dsn, make_entry

async def main():
    appender = Appender(app_dsn(), max_batch=7)
    for _ in range(20):
        await asyncio.gather(*(appender.append(sys.argv[1], make_entry(actor=sys.argv[2])) for _ in range(10)))
    await appender.close()

asyncio.run(main())
"""


ENDLESS_CHILD = """
import asyncio, sys
import django
django.setup()
from apps.audit.appender import Appender
from apps.audit.tests.builders import app_dsn, make_entry

async def write(appender):
    while True:
        position = await appender.append(sys.argv[1], make_entry())
        print(position.seq, position.event_hash, flush=True)

async def main():
    appender = Appender(app_dsn())
    await asyncio.gather(*(write(appender) for _ in range(8)))

asyncio.run(main())
"""


@pytest.mark.processes
def test_it_shares_a_tenant_with_other_processes(log: str) -> None:
    schema = log
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "behavry.settings"}
    children = [subprocess.Popen([sys.executable, "-c", CHILD, schema, name], env=env) for name in ("one", "two")]
    with in_tenant(schema):
        for _ in range(20):
            services.record(EventKind.ADMIN_SIGNED_IN, actor="three")
    assert [child.wait(60) for child in children] == [0, 0]
    check(schema, 420)
    with in_tenant(schema):
        counts = [AuditEntry.objects.filter(actor=name).count() for name in ("one", "two", "three")]
    assert counts == [200, 200, 20]


@pytest.mark.processes
def test_it_has_written_whatever_it_confirmed_before_it_was_killed(log: str) -> None:
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "behavry.settings"}
    confirmed: dict[int, str] = {}
    for enough in (5, 40):
        with subprocess.Popen(
            [sys.executable, "-c", ENDLESS_CHILD, log], env=env, stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            lines = [child.stdout.readline() for _ in range(enough)]
            child.kill()
            lines += child.stdout.readlines()
        for line in lines:
            if line.endswith("\n"):
                seq, event_hash = line.split()
                confirmed[int(seq)] = event_hash
    with in_tenant(log):
        report = verification.walk()
        stored = dict(AuditEntry.objects.values_list("seq", "event_hash"))
    assert report.count == 0
    assert len(confirmed) >= 45
    assert confirmed.items() <= stored.items()
