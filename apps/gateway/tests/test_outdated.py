"""A gateway whose Redis lags behind the log: the log refuses what was judged by an older rulebook."""

import asyncio
from collections.abc import Callable
from uuid import UUID

import pytest
from redis.asyncio import Redis

from apps.agents import services as agents
from apps.gateway.tests.conftest import Caller, FakeUpstream, Tenant, eventually
from apps.gateway.tests.rates import ready, redis

__all__ = ["ready", "redis"]


@pytest.mark.parametrize("verb", ["GET", "DELETE"])
async def test_a_stream_or_session_is_judged_again_by_what_the_log_knows(
    ready: Tenant, upstream: FakeUpstream, caller_of: Callable[..., Caller], redis: Redis, verb: str
) -> None:
    agent, token = ready.agent("filesystem:read")
    caller = caller_of(ready, token)
    assert (await caller.call("read_file")).status_code == 200
    await eventually(lambda: ready.log("call.outcome"))
    key = f"{ready.schema}:rulebook_version"
    lagging = int(await redis.get(key) or 0)
    await asyncio.to_thread(ready.inside, lambda: agents.suspend(UUID(agent), actor="system"))
    await redis.set(key, lagging)
    answer = await caller.client.request(verb, f"http://{ready.host}/mcp/v1/files", headers=caller.headers())
    assert (answer.status_code, len(upstream.seen)) == (401, 1)
    refused = (await eventually(lambda: ready.log("call.refused")))[0]
    assert (refused["agent_id"], refused["policy_reason"]) == (agent, "session_revoked")
    assert ready.messages() == []
    assert int(await redis.get(key) or 0) > lagging
