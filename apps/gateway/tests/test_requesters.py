"""For whom an agent says it acts: on every entry of its calls, and conspicuous when it is somebody new."""

import secrets
from collections.abc import Callable
from typing import Any

from redis.asyncio import Redis

from apps.gateway.tests.conftest import Caller, FakeUpstream, Tenant, eventually
from apps.gateway.tests.rates import ready, redis

__all__ = ["ready", "redis"]
CallerOf = Callable[..., Caller]
READ = {"name": "read_file", "arguments": {"path": "/srv/a"}}


async def speak(caller: Caller, requester: str, channel: str = "chat") -> int:
    headers = {"X_Requester_Id": requester, "X_Requester_Channel": channel}
    return (await caller.ask("tools/call", READ, **headers)).status_code


def mismatches(tenant: Tenant) -> list[dict[str, Any]]:
    return tenant.log("requester.identity_mismatch")


async def test_every_entry_of_a_call_says_for_whom_and_the_same_order_has_the_same_hash(
    ready: Tenant, caller_of: CallerOf
) -> None:
    _, token = ready.agent("filesystem:read")
    caller = caller_of(ready, token)
    assert [await speak(caller, "mira"), await speak(caller, "mira", "mail")] == [200, 200]
    await caller.ask("ping", X_Requester_Id="mira", X_Requester_Channel="chat")
    await caller.ask("tools/call", READ, X_Requester_Id="mira", Content_Type="text/plain")
    await eventually(lambda: len(ready.log("call.outcome")) == 2 and ready.log("call.refused"))
    rows = ready.log("call.decision", "call.outcome", "message.recorded", "call.refused")
    assert {(row["requester_id"], row["requester_verified"]) for row in rows} == {("mira", False)}
    calls = ready.log("call.decision", "call.outcome")
    assert sorted(row["requester_channel"] for row in calls) == ["chat", "chat", "mail", "mail"]
    hashes = {row["instruction_hash"] for row in calls}
    assert len(hashes) == 1 and len(hashes.pop()) == 64


async def test_somebody_new_within_the_window_is_an_entry_and_nobody_else_is(
    ready: Tenant, caller_of: CallerOf, redis: Redis
) -> None:
    agent, token = ready.agent("filesystem:read")
    caller = caller_of(ready, token)
    for requester in ("mira", "mira", "", "otto", "mira", "otto", "ada"):
        assert await speak(caller, requester) == 200
    rows = await eventually(lambda: len(found := mismatches(ready)) >= 2 and found)
    assert [(row["requester_id"], row["extra"]["distinct_requesters"]) for row in rows] == [("otto", 2), ("ada", 3)]
    assert {(row["agent_id"], row["extra"]["window_seconds"]) for row in rows} == {(agent, 900)}
    assert all(row["session_id"] for row in rows)
    kept = await redis.zrange(f"{ready.schema}:requesters:{agent}", 0, -1)
    assert len(kept) == 3
    assert not any(name in member for name in (b"mira", b"otto", b"ada") for member in kept)


async def test_who_asked_longer_ago_than_the_window_does_not_count(
    ready: Tenant, caller_of: CallerOf, redis: Redis
) -> None:
    agent, token = ready.agent("filesystem:read")
    seconds, _ = await redis.time()
    await redis.zadd(f"{ready.schema}:requesters:{agent}", {"somebody": (seconds - 901) * 1_000_000})
    await speak(caller_of(ready, token), "mira")
    await eventually(lambda: ready.log("call.outcome"))
    assert mismatches(ready) == []


async def test_a_crowd_of_made_up_names_is_no_flood_of_entries(ready: Tenant, caller_of: CallerOf) -> None:
    _, token = ready.agent("filesystem:read")
    caller = caller_of(ready, token)
    for number in range(40):
        await speak(caller, f"name{number}")
    await eventually(lambda: len(ready.log("call.outcome")) == 40)
    assert [row["extra"]["distinct_requesters"] for row in mismatches(ready)] == [*range(2, 11), 16, 32]


async def test_another_tenants_requesters_are_its_own(
    ready: Tenant, other_tenant: Tenant, upstream: FakeUpstream, caller_of: CallerOf
) -> None:
    other_tenant.server(transport="http", url=upstream.url)
    for tenant, name in ((ready, "mira"), (other_tenant, "otto")):
        _, token = tenant.agent("filesystem:read")
        assert await speak(caller_of(tenant, token), name) == 200
    await eventually(lambda: other_tenant.log("call.outcome"))
    assert mismatches(ready) == mismatches(other_tenant) == []


async def test_odd_names_are_cut_and_secrets_in_them_masked(ready: Tenant, caller_of: CallerOf) -> None:
    _, token = ready.agent("filesystem:read")
    secret = "AKIA" + secrets.token_hex(8).upper()
    caller = caller_of(ready, token)
    headers = {name.encode(): value.encode() for name, value in caller.headers().items()}
    headers |= {b"X-Requester-Id": b"\xff\xfe" + b"n" * 5_000, b"X-Requester-Channel": secret.encode()}
    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file"}}'
    await caller.client.post(f"http://{ready.host}/mcp/v1/files", content=body, headers=headers)
    row = (await eventually(lambda: ready.log("call.decision")))[0]
    assert len(row["requester_id"]) == 200
    assert secret not in row["requester_channel"]
