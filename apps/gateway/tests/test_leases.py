"""How many calls of an agent run at once: over all gateways, and without those of a process that died."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest
from aiohttp import web
from redis.asyncio import Redis

from apps.gateway.leases import Flights
from apps.gateway.redis_line import RedisLine
from apps.gateway.tests.conftest import FakeUpstream, Tenant, eventually, rpc
from apps.gateway.tests.rates import Configure, Pair, configure, pair, ready, redis

__all__ = ["configure", "pair", "ready", "redis"]

# A gateway process with one call in flight, which says so and is never heard of again.
PROCESS = """
import asyncio, sys
from django.conf import settings
from apps.gateway.leases import Flights
from apps.gateway.redis_line import RedisLine, encoded

async def main():
    line = RedisLine(settings.REDIS_URL)
    await line.command(encoded("PING"))
    flights = Flights(line, 1.0)
    flights.open()
    flights.lease(sys.argv[1], sys.argv[2]).release()
    flights.lease(sys.argv[1], sys.argv[2])
    await asyncio.sleep(0)
    await line.command(encoded("PING"))
    print("in flight", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def blocking(upstream: FakeUpstream) -> asyncio.Event:
    gate = asyncio.Event()

    async def answer(request: web.Request, message: Any) -> web.StreamResponse:
        await gate.wait()
        return rpc(message, {})

    upstream.answer = answer
    return gate


async def test_it_lets_exactly_as_many_run_at_once_over_two_gateways(
    ready: Tenant, upstream: FakeUpstream, pair: Pair, configure: Configure
) -> None:
    await configure(concurrent=3)
    gate = blocking(upstream)
    _, token = ready.agent("filesystem:read")
    callers = pair(ready, token)
    calls = [asyncio.create_task(callers[n % 2].call("read_file", id=n)) for n in range(10)]
    await eventually(lambda: sum(call.done() for call in calls) == 7 and len(upstream.seen) == 3)
    gate.set()
    answers = [await call for call in calls]
    assert Counter(answer.status_code for answer in answers) == {200: 3, 429: 7}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert (refused.json()["error"]["data"]["code"], refused.headers["retry-after"]) == ("too_many_concurrent", "1")
    rows = await eventually(lambda: len(rows := ready.log("call.refused")) == 7 and rows)
    assert {row["policy_reason"] for row in rows} == {"too_many_concurrent"}


async def test_a_place_is_free_again_when_the_call_has_ended(
    ready: Tenant, pair: Pair, configure: Configure, redis: Redis
) -> None:
    await configure(concurrent=1)
    agent, token = ready.agent("filesystem:read")
    one, two = pair(ready, token)
    for caller in (one, two, one, two):
        assert (await caller.call("read_file")).status_code == 200
        for _ in range(500):  # nobody waits for the word that it has ended
            if not await redis.hlen(f"{ready.schema}:in_flight:{agent}"):
                break
            await asyncio.sleep(0.01)


async def test_a_reloaded_rulebook_and_a_changed_cap_count_those_that_run(
    ready: Tenant, upstream: FakeUpstream, pair: Pair, configure: Configure
) -> None:
    await configure(concurrent=2)
    gate = blocking(upstream)
    _, token = ready.agent("filesystem:read")
    one, two = pair(ready, token)
    running = [asyncio.create_task(caller.call("read_file", id=n)) for n, caller in enumerate((one, two))]
    await eventually(lambda: len(upstream.seen) == 2)
    assert (await one.call("read_file")).status_code == 429
    await configure(concurrent=3)
    running.append(asyncio.create_task(one.call("read_file", id=3)))
    await eventually(lambda: len(upstream.seen) == 3)
    assert (await two.call("read_file")).status_code == 429
    gate.set()
    assert [(await call).status_code for call in running] == [200] * 3


async def test_an_emptied_redis_learns_again_what_runs(
    ready: Tenant, upstream: FakeUpstream, pair: Pair, configure: Configure, redis: Redis
) -> None:
    await configure(concurrent=1)
    gate = blocking(upstream)
    agent, token = ready.agent("filesystem:read")
    one, two = pair(ready, token)
    running = asyncio.create_task(one.call("read_file"))
    await eventually(lambda: upstream.seen)
    key = f"{ready.schema}:in_flight:{agent}"
    await redis.delete(key)
    for _ in range(500):
        if await redis.exists(key):
            break
        await asyncio.sleep(0.01)
    assert (await two.call("read_file")).status_code == 429
    gate.set()
    assert (await running).status_code == 200


async def test_a_batch_takes_a_place_for_each_of_its_requests(
    ready: Tenant, upstream: FakeUpstream, pair: Pair, configure: Configure
) -> None:
    await configure(concurrent=3)
    _, token = ready.agent("filesystem:read")
    caller, _ = pair(ready, token)
    messages = [{"jsonrpc": "2.0", "id": n, "method": "tools/call", "params": {"name": "read_file"}} for n in range(4)]
    refused = await caller.send(messages)
    assert (refused.status_code, refused.json()["error"]["data"]["code"]) == (429, "too_many_concurrent")
    assert (await caller.send(messages[:3])).status_code == 200
    assert len(upstream.seen) == 3


@pytest.mark.processes
async def test_a_killed_process_holds_its_places_no_longer_than_its_lease(
    ready: Tenant, upstream: FakeUpstream, pair: Pair, configure: Configure
) -> None:
    await configure(concurrent=1)
    agent, token = ready.agent("filesystem:read")
    caller, _ = pair(ready, token)
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "behavry.settings"}
    command = [sys.executable, "-c", PROCESS, ready.schema, agent]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:  # noqa: ASYNC220 - one, in a test
        try:
            assert process.stdout is not None
            assert await asyncio.to_thread(process.stdout.readline) == "in flight\n"
            assert (await caller.call("read_file")).status_code == 429
            assert upstream.seen == []
        finally:
            process.send_signal(signal.SIGKILL)
    for _ in range(500):
        answer = await caller.call("read_file")
        if answer.status_code == 200:
            break
        await asyncio.sleep(0.01)
    assert answer.status_code == 200


async def test_a_place_is_given_back_once_and_taken_back_without_a_question(
    ready: Tenant, settings: Any, redis: Redis
) -> None:
    line = RedisLine(settings.REDIS_URL)
    flights = Flights(line, 5.0)
    await line.command(b"*1\r\n$4\r\nPING\r\n")
    lease = flights.lease(ready.schema, "somebody")
    key = f"{ready.schema}:in_flight:somebody"

    async def told() -> int:
        await asyncio.sleep(0)
        await line.command(b"*1\r\n$4\r\nPING\r\n")
        return sum(int(value) % 100_000 for value in (await redis.hgetall(key)).values())

    lease.take(2)
    lease.release()
    lease.release()
    assert await told() == 0
    lease.retake()
    lease.retake()
    assert await told() == 1
    lease.release()
    assert await told() == 0
    await flights.close()
    await line.close()
