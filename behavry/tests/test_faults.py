"""Faults against real processes: whatever dies, no upstream saw a call that the log does not hold."""

import asyncio
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
from django.db import connection

from apps.audit.verification import walk
from apps.tenants.context import in_tenant
from behavry import embedded
from behavry.tests.forks import Forks
from behavry.tests.house import House, Upstream, call_body

ROUNDS = 30


async def hammer(house: House, numbers: Iterator[int], stop: asyncio.Event, workers: int = 12) -> Counter[int]:
    """Call until told to stop; counts the HTTP statuses, 0 for a broken connection."""
    statuses: Counter[int] = Counter()
    async with aiohttp.ClientSession(headers=house.headers) as session:

        async def worker() -> None:
            while not stop.is_set():
                try:
                    async with session.post(house.url, json=call_body(next(numbers))) as answer:
                        await answer.read()
                        statuses[answer.status] += 1
                except aiohttp.ClientError:
                    statuses[0] += 1
                    await asyncio.sleep(0.01)

        await asyncio.gather(*(worker() for _ in range(workers)))
    return statuses


def logged(schema: str, kind: str) -> list[dict[str, Any]]:
    with in_tenant(schema), connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, payload, parent_event_id, policy_result FROM audit_entry WHERE kind = %s ORDER BY seq",
            [kind],
        )
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def numbers_of(rows: list[dict[str, Any]]) -> list[int]:
    import orjson

    payloads = [orjson.loads(row["payload"]) if isinstance(row["payload"], str) else row["payload"] for row in rows]
    return [payload["arguments"]["n"] if "arguments" in payload else payload["n"] for payload in payloads]


def counting() -> Iterator[int]:
    n = 0
    while True:
        n += 1
        yield n


@pytest.mark.processes
@pytest.mark.slow
def test_killing_the_gateway_at_any_point_leaves_every_call_that_the_upstream_saw_in_the_log(
    tenant_house: tuple[str, House], upstream: Upstream, full_payloads: Any
) -> None:
    schema, house = tenant_house
    full_payloads(schema)
    numbers, dice = counting(), random.Random()

    async def one_round(pid: int) -> Counter[int]:
        stop = asyncio.Event()
        hammering = asyncio.create_task(hammer(house, numbers, stop))
        await asyncio.sleep(dice.uniform(0.03, 0.35))
        os.kill(pid, signal.SIGKILL)
        stop.set()
        return await hammering

    total: Counter[int] = Counter()
    with Forks(house) as forks:
        for number in range(ROUNDS):
            pid = forks.start()
            house.await_answer()
            if number % 5:  # the other rounds are killed while the first calls still wait for the rulebook
                assert eventually(lambda: post(house, next(numbers)).status_code == 200)
            total += asyncio.run(one_round(pid))
    time.sleep(0.5)  # the database finishes what a killed client had sent

    decisions, outcomes = logged(schema, "call.decision"), logged(schema, "call.outcome")
    decided = Counter(numbers_of([row for row in decisions if row["policy_result"] == "allow"]))
    assert total[200] > ROUNDS, total
    assert set(upstream.seen) - set(decided) == set()
    assert [n for n, times in decided.items() if times > 1] == []
    assert max(Counter(row["parent_event_id"] for row in outcomes).values()) == 1
    assert {row["parent_event_id"] for row in outcomes} <= {row["id"] for row in decisions}
    with in_tenant(schema):
        assert walk().breaks == ()


@pytest.mark.processes
def test_without_redis_calls_are_refused_with_503_and_work_again_when_it_returns(
    tenant_house: tuple[str, House], upstream: Upstream, tmp_path: Path
) -> None:
    _, house = tenant_house
    port = embedded.free_port()
    with embedded.redis_server(tmp_path / "redis", port=port, password="of-this-test") as redis_url:
        house.env = {**house.env, "REDIS_URL": redis_url}
        house.start()
        assert post(house, 1).status_code == 200
    refused = post(house, 2)
    assert refused.status_code == 503
    assert "Retry-After" in refused.headers
    assert refused.json()["error"]["message"]
    with embedded.redis_server(tmp_path / "redis", port=port, password="of-this-test"):
        assert eventually(lambda: post(house, 3).status_code == 200)
    assert 2 not in upstream.seen


@pytest.mark.processes
@pytest.mark.slow
def test_without_postgresql_nothing_is_forwarded(upstream: Upstream, tmp_path: Path) -> None:
    environ = {key: value for key, value in os.environ.items() if key not in embedded.NAMES}
    data = tmp_path / "pg"
    with embedded.postgres(data) as owner_url:
        found = embedded.Services(owner_url, os.environ["REDIS_URL"])
        env = {**environ, **embedded.environment(found, "postgres")}
        embedded.migrate(env, quiet=True)
        house = made_elsewhere(env, upstream.port, tmp_path)
        house.start()
        assert post(house, 1).status_code == 200
    try:
        refused = post(house, 2)
        assert refused.status_code == 503
        assert upstream.seen == [1]
        with embedded.postgres(data):
            assert eventually(lambda: post(house, 3).status_code == 200)
        assert upstream.seen[0] == 1 and 2 not in upstream.seen
    finally:
        house.stop()


def made_elsewhere(env: dict[str, str], upstream_port: int, tmp_path: Path) -> House:
    """Furnish a tenant in another database, by a process that lives in that database's environment."""
    import json
    import subprocess

    script = (
        "import json, pathlib, django; django.setup()\n"
        "from apps.tenants.services import create_tenant\n"
        "from behavry.tests.conftest import furnish\n"
        "create_tenant(name='Alone', slug='alone', hosts=['alone.test'])\n"
        f"house = furnish('t_alone', {upstream_port}, {{}}, pathlib.Path({str(tmp_path)!r}))\n"
        "print(json.dumps(house.token))\n"
    )
    env = {**env, "DJANGO_SETTINGS_MODULE": "behavry.settings"}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return House(env, tmp_path, json.loads(done.stdout.splitlines()[-1]), "alone.test")


def post(house: House, n: int) -> httpx.Response:
    return httpx.post(house.url, json=call_body(n), headers=house.headers, timeout=30)


def eventually(holds: Any, seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.1)
    return False
