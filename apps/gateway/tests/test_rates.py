"""How often an agent may call: exactly so often, over all gateways, and not once more."""

import asyncio
from collections import Counter
from functools import partial
from typing import Any
from uuid import UUID

import httpx
import pytest
from aiohttp import web
from django.conf import LazySettings
from redis.asyncio import Redis

from apps.agents import services as agents
from apps.decision.types import Agent
from apps.gateway.app import Gateway
from apps.gateway.io import Io, Visit
from apps.gateway.limits import Limits
from apps.gateway.tests.conftest import Caller, FakeUpstream, Tenant, eventually, rpc
from apps.gateway.tests.rates import Configure, Pair, configure, pair, ready, redis

__all__ = ["configure", "pair", "ready", "redis"]


async def test_it_lets_exactly_as_many_through_as_the_limit_over_two_gateways(
    ready: Tenant, upstream: FakeUpstream, pair: Pair, configure: Configure
) -> None:
    await configure(burst=20, concurrent=1000)
    agent, token = ready.agent("filesystem:read")
    callers = pair(ready, token)
    answers = await asyncio.gather(*(callers[n % 2].call("read_file", id=n) for n in range(60)))
    assert Counter(answer.status_code for answer in answers) == {200: 20, 429: 40}
    assert len(upstream.seen) == 20
    refused = next(answer for answer in answers if answer.status_code == 429)
    error = refused.json()["error"]
    assert (error["code"], error["data"]["code"]) == (-32008, "rate_limited")
    assert 1 <= int(refused.headers["retry-after"]) <= 20
    row = (await eventually(lambda: ready.log("call.refused")))[0]
    assert (row["agent_id"], row["policy_reason"], row["response_code"]) == (agent, "rate_limited", 429)
    assert row["session_id"]


async def test_calls_leave_the_window_one_by_one_and_refused_ones_are_not_in_it(
    ready: Tenant, pair: Pair, redis: Redis
) -> None:
    agent, token = ready.agent("filesystem:read")
    caller, _ = pair(ready, token)
    seconds, microseconds = await redis.time()
    now = seconds * 1_000_000 + microseconds
    key = f"{ready.schema}:calls:{agent}"
    await redis.rpush(key, *[now - 101_000_000] * 3, *[now - 40_000_000] * 97)
    answers = [await caller.call("read_file", id=n) for n in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 3 + [429] * 3
    assert 50 <= int(answers[-1].headers["retry-after"]) <= 60
    assert await redis.llen(key) == 100


async def test_a_changed_limit_holds_for_the_very_next_call(
    ready: Tenant, pair: Pair, configure: Configure, upstream: FakeUpstream
) -> None:
    await configure(burst=2)
    _, token = ready.agent("filesystem:read")
    one, two = pair(ready, token)
    assert [(await caller.call("read_file")).status_code for caller in (one, two, one, two)] == [200, 200, 429, 429]
    await configure(burst=3)
    assert [(await caller.call("read_file")).status_code for caller in (two, one)] == [200, 429]
    assert len(upstream.seen) == 3


async def test_a_higher_risk_tier_allows_less_at_once(ready: Tenant, pair: Pair, configure: Configure) -> None:
    await configure(burst=8)
    agent, token = ready.agent("filesystem:read")

    async def tiered(changes: dict[str, str]) -> None:
        change = partial(agents.update, UUID(agent), actor="system", changes=changes)
        await asyncio.to_thread(ready.inside, change)

    caller, _ = pair(ready, token)
    assert [(await caller.call("read_file")).status_code for _ in range(4)] == [200] * 4
    await tiered({"risk_tier": "high"})
    assert (await caller.call("read_file")).status_code == 429
    await tiered({"risk_tier": "medium"})
    assert [(await caller.call("read_file")).status_code for _ in range(3)] == [200, 200, 429]


async def test_a_batch_costs_as_many_calls_as_it_has_messages_or_none(
    ready: Tenant, upstream: FakeUpstream, pair: Pair, configure: Configure, redis: Redis
) -> None:
    await configure(burst=5)
    agent, token = ready.agent("filesystem:read")
    caller, _ = pair(ready, token)

    def batch(size: int) -> list[dict[str, Any]]:
        return [
            {"jsonrpc": "2.0", "id": n, "method": "tools/call", "params": {"name": "read_file"}} for n in range(size)
        ]

    assert (await caller.send(batch(3))).status_code == 200
    refused = await caller.send(batch(3))
    assert (refused.status_code, refused.json()["error"]["data"]["code"]) == (429, "rate_limited")
    assert await redis.llen(f"{ready.schema}:calls:{agent}") == 3
    assert (await caller.send(batch(2))).status_code == 200
    assert (await caller.send(batch(6))).status_code == 429
    assert len(upstream.seen) == 5


async def test_streams_and_the_end_of_a_session_cost_nothing(
    ready: Tenant, upstream: FakeUpstream, pair: Pair, configure: Configure
) -> None:
    async def answer(request: web.Request, message: Any) -> web.StreamResponse:
        if request.method != "POST":
            return web.Response(status=405 if request.method == "GET" else 200)
        return rpc(message, {"protocolVersion": "2025-11-25"}, **{"Mcp-Session-Id": "upstream-session"})

    upstream.answer = answer
    await configure(burst=1)
    _, token = ready.agent("filesystem:read")
    caller, _ = pair(ready, token)
    await caller.initialize()
    url = f"http://{ready.host}/mcp/v1/files"
    assert (await caller.client.get(url, headers=caller.headers())).status_code == 405
    assert (await caller.client.delete(url, headers=caller.headers())).status_code == 200
    caller.session = ""
    assert (await caller.ask("ping")).status_code == 429


async def test_the_same_agent_id_in_another_tenant_is_another_window(ready: Tenant, other_tenant: Tenant) -> None:
    io = Io(Limits())
    somebody = Agent(ready.schema, "twin", "active", (), (), "low")
    try:
        for schema in (ready.schema, other_tenant.schema):
            book = await io.current_book(schema)
            counted = [await io.gather(schema, book, Visit(somebody, "session")) for _ in range(2)]
            assert [one.counted.calls_in_window for one in counted] == [1, 2]
    finally:
        await io.close()


async def test_an_emptied_redis_forgets_the_window_and_nothing_else(
    ready: Tenant, pair: Pair, configure: Configure, redis: Redis
) -> None:
    await configure(burst=2)
    agent, token = ready.agent("filesystem:read")
    caller, _ = pair(ready, token)
    assert [(await caller.call("read_file")).status_code for _ in range(3)] == [200, 200, 429]
    await redis.delete(f"{ready.schema}:calls:{agent}", f"{ready.schema}:rulebook_version")
    assert [(await caller.call("read_file")).status_code for _ in range(3)] == [200, 200, 429]


async def test_nothing_passes_while_redis_is_away(
    ready: Tenant, upstream: FakeUpstream, settings: LazySettings, pair: Pair
) -> None:
    _, token = ready.agent("filesystem:read")
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    transport = httpx.ASGITransport(running := Gateway(Limits()))
    async with running, httpx.AsyncClient(transport=transport) as client:
        answer = await Caller(client, ready.host, token).call("read_file")
    assert (answer.status_code, answer.json()["error"]["data"]["code"]) == (503, "redis_unavailable")
    assert upstream.seen == []


@pytest.mark.parametrize("broken", ["string", "foreign"])
async def test_what_is_not_a_window_lets_nobody_through(
    ready: Tenant, upstream: FakeUpstream, pair: Pair, redis: Redis, broken: str
) -> None:
    agent, token = ready.agent("filesystem:read")
    caller, _ = pair(ready, token)
    key = f"{ready.schema}:calls:{agent}"
    if broken == "string":
        await redis.set(key, "x")
    else:
        await redis.rpush(key, *["soon"] * 100)
    answer = await caller.call("read_file")
    assert (answer.status_code, upstream.seen) == (503, [])
    await redis.delete(key)
    assert (await caller.call("read_file")).status_code == 200
