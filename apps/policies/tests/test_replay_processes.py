"""A worker that is killed outright in the middle of a replay, and the one that goes on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from apps.policies.models import Comparison
from apps.policies.services import replays
from apps.policies.tests.recording import ADA, record
from apps.policies.tests.test_replays import DENIES_READS, draft
from apps.tenants.context import in_tenant

INPUTS = 400
VICTIM = """
import sys, time, django
django.setup()
from apps.policies.services import comparisons, replays
from apps.tenants.context import in_tenant
comparisons.BATCH = 5
real = comparisons._store
def slowly(*given):
    done = real(*given)
    time.sleep(0.02)
    return done
comparisons._store = slowly
with in_tenant(sys.argv[1]):
    replays.work("victim", seconds=600)
"""


def _judged(row: Comparison) -> int:
    row.refresh_from_db()
    return row.done


def test_another_goes_on_and_nothing_is_counted_twice(fresh_tenant: Callable[[], str]) -> None:
    schema = fresh_tenant()
    with in_tenant(schema):
        record(INPUTS)
        row = replays.of_version(draft(DENIES_READS).pk, by=ADA)
    victim = subprocess.Popen([sys.executable, "-c", VICTIM, schema], env=os.environ | {"BEHAVRY_LOG_LEVEL": "ERROR"})
    try:
        with in_tenant(schema):
            deadline = time.monotonic() + 60
            while _judged(row) == 0 and time.monotonic() < deadline and victim.poll() is None:
                time.sleep(0.01)
    finally:
        os.kill(victim.pid, signal.SIGKILL)
        victim.wait(30)
    with in_tenant(schema):
        left = _judged(row)
        assert 0 < left < INPUTS
        assert (row.status, row.lease_owner, row.flips) == ("running", "victim", left)
        assert not replays.work("heir", seconds=30)  # the dead one's lease still holds
        Comparison.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        while replays.work("heir", seconds=30):
            pass
        assert (_judged(row), row.flips, row.status) == (INPUTS, INPUTS, "done")
        assert [one.count for one in row.groups.all()] == [INPUTS]
    connection.close()
