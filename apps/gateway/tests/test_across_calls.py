"""Secrets that leave in pieces, planted values, and secrets that spread over sessions: through a whole gateway."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

from redis.asyncio import Redis

from apps.agents import services as agents
from apps.decision.scan.patterns import made
from apps.gateway.tests.conftest import Caller, FakeUpstream, Tenant, eventually
from apps.gateway.tests.rates import Pair, pair, ready, redis
from apps.policies.models import CanaryToken
from apps.policies.services import canaries

__all__ = ["pair", "ready", "redis"]
CallerOf = Callable[..., Caller]
TOKEN = "ghp_" + made.chars(made.ALNUM, 36, "split")
PIECES = (TOKEN[:9], TOKEN[9:22], TOKEN[22:])
OWN_VALUE = "quartz-harbour-" + "7719x"


def denied(answer: Any) -> bool:
    body = answer.json()
    return "error" in body or body["result"].get("isError") is True


def told_nothing_of_a_canary(answer: Any) -> None:
    """Not that it was one, nor its name: whoever knows would look elsewhere. The log knows."""
    assert "dlp.secret" in answer.text
    assert not any(word in answer.text.lower() for word in ("canary", "wiki", "fragments", OWN_VALUE))


async def test_the_piece_that_makes_a_credential_whole_is_blocked_every_time_and_said_once(
    ready: Tenant, pair: Pair, upstream: FakeUpstream, redis: Redis
) -> None:
    ready.server(name="chat", transport="http", url=upstream.url, kind="filesystem")
    agent, token = ready.agent("filesystem:read")
    one, two = pair(ready, token)
    elsewhere = Caller(two.client, ready.host, token, server="chat")
    assert not denied(await one.call("read_file", id=1, path=PIECES[0]))
    assert not denied(await one.call("read_file", id=2, path="notes/plan.md", limit=5))
    assert not denied(await elsewhere.call("read_note", id=3, note=f"part 2: {PIECES[1]}"))
    before = len(upstream.seen)
    for number in range(3):
        answer = await one.call("read_file", id=4 + number, text=f'"{PIECES[2]}"')
        assert denied(answer)
        assert PIECES[2] not in answer.text
    assert len(upstream.seen) == before
    assert not denied(await one.call("read_file", id=8, path="notes/plan.md"))
    told = await eventually(lambda: ready.log("dlp.fragment_reassembly"))
    assert len(told) == 1
    assert told[0]["extra"]["patterns"] == ["github_token"]
    assert told[0]["extra"]["window"]["calls"] == 4
    stages = [(row["stage"], row["policy_id"]) for row in ready.log("call.decision") if row["policy_result"] == "deny"]
    assert stages == [("fragments", "fragments.github_token")] * 3
    key = f"{ready.schema}:carried:{agent}"
    stored = str(await redis.lrange(key, 0, -1))
    assert len(stored) > 100
    assert not any(piece in stored for piece in PIECES)
    assert 0 < await redis.ttl(key) <= 600
    assert not any(PIECES[2] in str(row) for row in ready.log())


async def test_pieces_of_calls_at_the_same_time_are_put_together_too(
    ready: Tenant, pair: Pair, upstream: FakeUpstream
) -> None:
    _, token = ready.agent("filesystem:read")
    caller, _ = pair(ready, token)
    batch = [
        {
            "jsonrpc": "2.0",
            "id": n,
            "method": "tools/call",
            "params": {"name": "read_file", "arguments": {"path": piece}},
        }
        for n, piece in enumerate(PIECES)
    ]
    await caller.send(batch, MCP_Protocol_Version="2025-03-26")
    answers = await asyncio.gather(*(caller.call("read_file", id=9 + n, path=p) for n, p in enumerate(PIECES)))
    sent = "".join(str(message) for message in upstream.seen)
    assert not all(piece in sent for piece in PIECES)
    assert any(denied(answer) for answer in answers)


async def test_what_was_denied_has_not_left_and_is_no_piece(ready: Tenant, pair: Pair, redis: Redis) -> None:
    agent, token = ready.agent("filesystem:read")
    caller, _ = pair(ready, token)
    assert denied(await caller.call("delete_file", id=1, path=PIECES[0]))
    assert not await redis.exists(f"{ready.schema}:carried:{agent}")
    assert not denied(await caller.call("read_file", id=2, path=PIECES[1] + PIECES[2]))


async def test_pieces_of_two_agents_or_tenants_are_not_put_together(
    ready: Tenant, other_tenant: Tenant, pair: Pair, upstream: FakeUpstream
) -> None:
    other_tenant.server(transport="http", url=upstream.url)
    tokens = [(ready, ready.agent("filesystem:read")[1]), (ready, ready.agent("filesystem:read")[1])]
    tokens.append((other_tenant, other_tenant.agent("filesystem:read")[1]))
    for number, ((tenant, token), piece) in enumerate(zip(tokens, PIECES, strict=True)):
        caller, _ = pair(tenant, token)
        assert not denied(await caller.call("read_file", id=number, path=piece))
    assert not ready.log("dlp.fragment_reassembly") + other_tenant.log("dlp.fragment_reassembly")


async def test_a_planted_value_is_denied_and_said_by_its_name_wherever_it_stands(
    ready: Tenant, pair: Pair, upstream: FakeUpstream
) -> None:
    def plant() -> None:
        if not CanaryToken.objects.filter(name="wiki").exists():
            canaries.plant(name="wiki", kind="own", value=OWN_VALUE, actor="system")

    await ready.change(plant)
    _, token = ready.agent("filesystem:read")
    caller, _ = pair(ready, token)
    before = len(upstream.seen)
    params: list[dict[str, Any]] = [
        {"name": "read_file", "arguments": {"path": f"see {OWN_VALUE}"}},
        {"name": "read_file", "arguments": {"where": {OWN_VALUE: 1}}},
        {"name": "read_file", "arguments": {"path": made.b64(f"value={OWN_VALUE}")}},
        {"name": "read_file", "arguments": {"path": OWN_VALUE.replace("-", "%2D")}},
    ]
    for number, one in enumerate(params):
        answer = await caller.ask("tools/call", one, number)
        assert denied(answer)
        told_nothing_of_a_canary(answer)
        assert "A secret may not leave, found at $.arguments" in answer.text
    read = await caller.ask("resources/read", {"uri": f"file:///{OWN_VALUE}"}, 8)
    replied = await caller.send({"jsonrpc": "2.0", "id": "s1", "result": {"content": OWN_VALUE}})
    assert replied.status_code == 403
    assert len(upstream.seen) == before
    assert not denied(await caller.call("read_file", id=10, path=OWN_VALUE[:9]))
    pieced = await caller.call("read_file", id=11, path=OWN_VALUE[9:])
    for answer in (read, replied, pieced):
        assert denied(answer)
        told_nothing_of_a_canary(answer)
    await eventually(lambda: len(ready.log("canary.sighted")) == 7)
    told = ready.log("canary.sighted")
    assert {row["extra"]["canary"] for row in told} == {"wiki"}
    assert {row["policy_id"] for row in ready.log("call.decision") if row["policy_result"] == "deny"} >= {
        "dlp.canary_wiki", "fragments.canary_wiki"
    }  # fmt: skip
    assert [row["extra"]["in_pieces"] for row in told] == [False] * 6 + [True]
    assert not any(OWN_VALUE in str(row) for row in ready.log())
    await ready.change(
        lambda: canaries.retire(CanaryToken.objects.get(name="wiki", retired_at=None).pk, actor="system")
    )
    assert not denied(await caller.call("read_file", id=12, path=OWN_VALUE))


async def test_one_pattern_in_three_sessions_is_said_once(ready: Tenant, pair: Pair, redis: Redis) -> None:
    agent, token = ready.agent("filesystem:read")

    def session() -> str:
        made_now = agents.rotate_secret(UUID(agent), actor="system")
        grant = agents.issue_token(client_id=made_now.agent.client_id, client_secret=made_now.client_secret)
        return grant.access_token

    tokens = [token, *[await ready.change(session) for _ in range(3)]]
    for number, one in enumerate(tokens):
        for caller in pair(ready, one):
            assert denied(await caller.call("read_file", id=number, path=TOKEN))
        if number == 1:
            assert not ready.log("dlp.cross_session_correlation")
    told = await eventually(lambda: ready.log("dlp.cross_session_correlation"))
    assert len(told) == 1
    extra = told[0]["extra"]
    assert extra["patterns"] == [{"pattern": "github_token", "sessions": 3}]
    assert (extra["score"], extra["window_seconds"]) == (100, 3600)
    ring = await redis.lrange(f"{ready.schema}:dlp_seen:{agent}", 0, -1)
    assert len(ring) == 8
    assert TOKEN not in str(ring)
