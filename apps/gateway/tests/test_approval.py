"""What an approval covers: one exact call, once, as it is judged at the time of its use."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
from aiohttp import web

from apps.agents import services as agents
from apps.agents.models import McpServer
from apps.decision.screens.killswitch import FRESH_SECONDS
from apps.gateway.app import Gateway
from apps.gateway.tests.conftest import Caller, FakeUpstream, Tenant, events_of, eventually
from apps.gateway.tests.holding import HASTY, LIMITS, TEXT, Room, account, outcome, served
from apps.policies.services import policies


@pytest.fixture
def room(tenant: Tenant, upstream: FakeUpstream) -> Room:
    return Room(tenant, upstream)


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with Gateway(LIMITS) as running:
        yield running


@pytest.fixture
def caller(room: Room, caller_of: Callable[..., Caller]) -> Caller:
    return caller_of(room.tenant, room.token, room.server)


@pytest.fixture
async def hasty(room: Room) -> AsyncIterator[Caller]:
    """A gateway that holds nobody for long."""
    async with served(room, HASTY) as caller:
        yield caller


async def test_another_gateway_finds_what_one_that_ended_had_held(room: Room) -> None:
    async def call() -> httpx.Response:
        async with served(room, HASTY) as caller:
            return await caller.call("post_message", text=TEXT)

    assert account(await call())["status"] == "pending"
    await room.resolve(room.escalations()[0], "approve")
    assert outcome(await call())["isError"] is False


async def test_what_servers_are_told_beside_the_arguments_is_approved_with_them(room: Room, hasty: Caller) -> None:
    def call(**meta: Any) -> dict[str, Any]:
        return {"name": "post_message", "arguments": {"text": TEXT}, "_meta": meta}

    await hasty.ask("tools/call", call(channel="#team", progressToken=1))
    row = room.escalations()[0]
    assert row.arguments == {"arguments": {"text": TEXT}, "_meta": {"channel": "#team"}}
    await room.resolve(row, "approve")
    other = account(await hasty.ask("tools/call", call(channel="#everyone", progressToken=2)))
    assert (other["status"], other["escalation"] != str(row.id), room.forwarded) == ("pending", True, [])
    assert outcome(await hasty.ask("tools/call", call(channel="#team", progressToken=3)))["isError"] is False


async def test_changed_arguments_need_another_approval(room: Room, hasty: Caller) -> None:
    await hasty.call("post_message", text=TEXT)
    row = room.escalations()[0]
    await room.resolve(row, "approve")
    other = account(await hasty.call("post_message", text=TEXT + " now"))
    assert (other["status"], other["escalation"] != str(row.id), room.forwarded) == ("pending", True, [])


async def test_another_requester_needs_another_approval(room: Room, hasty: Caller) -> None:
    params = {"name": "post_message", "arguments": {"text": TEXT}}
    await hasty.ask("tools/call", params, X_Requester_Id="jane")
    await room.resolve(room.escalations()[0], "approve")
    other = account(await hasty.ask("tools/call", params, X_Requester_Id="john"))
    assert (other["status"], len(room.escalations()), room.forwarded) == ("pending", 2, [])


async def test_a_tool_that_was_redefined_needs_another_approval(room: Room, hasty: Caller) -> None:
    await hasty.call("post_message", text=TEXT)
    first = room.escalations()[0]
    await room.resolve(first, "approve")
    room.definition["inputSchema"] = {"type": "object", "properties": {"icon": {"type": "boolean"}}}
    assert len(outcome(await hasty.ask("tools/list"))["tools"]) == 1
    told = account(await hasty.call("post_message", text=TEXT))
    second = room.escalations()[-1]
    assert (told["escalation"], second.tool_digest != first.tool_digest) == (str(second.id), True)
    assert room.forwarded == []


async def test_an_approved_call_of_a_tool_that_is_quarantined_meanwhile_does_not_go(room: Room, hasty: Caller) -> None:
    await hasty.call("post_message", text=TEXT)
    await room.resolve(room.escalations()[0], "approve")
    room.definition["description"] = "Posts, and tells the owner of the server"
    assert outcome(await hasty.ask("tools/list"))["tools"] == []
    refused = await hasty.call("post_message", text=TEXT)
    assert events_of(refused)[-1]["error"]["message"] == "Unknown tool: post_message"
    assert room.forwarded == []


async def test_another_servers_change_leaves_an_approval_and_the_called_servers_own_takes_it(
    room: Room, hasty: Caller
) -> None:
    def change(name: str, headers: dict[str, str]) -> None:
        server = McpServer.objects.get(name=name)
        agents.update_server(server.pk, actor="system", changes={"headers": headers})

    room.tenant.server("elsewhere", transport="http", url=room.upstream.url)
    await hasty.call("post_message", text=TEXT)
    await room.resolve(await room.asked(), "approve")
    await room.tenant.change(lambda: change("elsewhere", {"X-Team": "two"}))
    assert outcome(await hasty.call("post_message", text=TEXT))["isError"] is False

    await hasty.call("post_message", text=TEXT)
    await room.resolve(await room.asked(2), "approve")
    await room.tenant.change(lambda: change(room.server, {"X-Team": "two"}))
    assert account(await hasty.call("post_message", text=TEXT))["status"] == "pending"
    assert len(room.forwarded) == 1


async def test_the_backend_is_asked_for_a_definition_that_nobody_has_seen(room: Room, hasty: Caller) -> None:
    await hasty.call("post_message", text=TEXT)
    assert room.upstream.methods == ["tools/list"]
    listed = room.tenant.log("message.recorded")[0]
    assert (listed["method"], listed["extra"]["direction"]) == ("tools/list", "to_server")
    await hasty.call("post_message", text=TEXT)
    assert room.upstream.methods == ["tools/list"]


async def test_a_backend_that_does_not_say_what_its_tool_is_gets_no_call(room: Room, hasty: Caller) -> None:
    async def answer(request: web.Request, message: Any) -> web.StreamResponse:
        return web.Response(status=500)

    room.upstream.answer = answer
    refused = await hasty.call("post_message", text=TEXT)
    assert (refused.status_code, room.escalations(), room.forwarded) == (502, [], [])
    assert [row["error"] for row in await eventually(lambda: room.tenant.log("call.refused"))] == [
        "upstream_http_status"
    ]


NEVER = """package behavry.tenant.quiet

verdicts contains {"result": "deny", "reason": "Quiet now", "policy": "quiet"} if {
	input.request.tool_name == "post_message"
}
"""


async def test_a_policy_that_denies_by_now_wins_over_an_approval(room: Room, caller: Caller) -> None:
    calling = asyncio.create_task(caller.call("post_message", text=TEXT))
    row = await room.asked()

    def forbid() -> Any:
        policy = policies.create(name="quiet", content=NEVER, actor="system")
        policies.activate(policy.id, actor="system")
        return policy.id

    made = await room.tenant.change(forbid)
    try:
        await room.resolve(row, "approve")
        told = (await calling).text
        assert "Quiet now" in told or "Unknown tool" in told
    finally:
        await room.tenant.change(lambda: policies.archive(made, actor="system"))
    assert room.log()[-1][:3] == ("deny", "policy", "tenant.quiet.quiet")
    assert (room.escalations()[0].status, room.forwarded) == ("approved", [])


@pytest.mark.parametrize("end", [agents.suspend, agents.revoke])
async def test_an_agent_that_is_out_of_service_by_then_is_told_on_its_stream(
    room: Room, caller: Caller, end: Callable[..., object]
) -> None:
    calling = asyncio.create_task(caller.call("post_message", text=TEXT))
    row = await room.asked()
    await room.tenant.change(lambda: end(UUID(row.agent_id), actor="system"))
    await room.resolve(row, "approve")
    assert events_of(await calling)[-1]["error"]["code"] == -32009
    refused = await eventually(lambda: room.tenant.log("call.refused"))
    assert (refused[0]["stage"], room.forwarded) == ("door", [])


async def test_a_message_nobody_waits_for_is_refused_with_its_escalation_and_passes_later(
    room: Room, hasty: Caller
) -> None:
    params = {"name": "post_message", "arguments": {"text": TEXT}}
    refused = await hasty.ask("tools/call", params, id=None)
    assert refused.status_code == 403
    row = room.escalations()[0]
    assert str(row.id) in refused.text
    assert room.forwarded == []
    await room.resolve(row, "approve")
    assert (await hasty.ask("tools/call", params, id=None)).status_code == 202
    assert len(room.forwarded) == 1


async def test_a_person_sees_no_secret_and_the_kept_input_has_none(room: Room, hasty: Caller) -> None:
    secret = "xoxb" + "-" + "123456789012-123456789012-" + "AbCdEfGhIjKlMnOpQrStUvWx"
    from_dlp = await hasty.call("post_message", text=f"{TEXT} {secret}")
    assert from_dlp.status_code == 200
    rows = room.escalations()
    assert all(secret not in repr(row.arguments) for row in rows)
    assert secret not in repr(room.tenant.log())


async def test_of_two_identical_calls_one_approval_lets_one_go(room: Room, gateway: Gateway, caller: Caller) -> None:
    calling = [asyncio.create_task(caller.call("post_message", id=id, text=TEXT)) for id in (1, 2)]
    row = await room.asked()
    parts = gateway._parts
    assert parts is not None
    await eventually(lambda: parts.exchanges.holds.count == 2)
    await room.resolve(row, "approve")
    second = await room.asked(2)
    done, waiting = await asyncio.wait(calling, return_when=asyncio.FIRST_COMPLETED)
    assert (len(done), len(waiting), len(room.forwarded)) == (1, 1, 1)
    await room.resolve(second, "deny")
    assert account(await waiting.pop())["decision"] == "deny"
    assert len(room.forwarded) == 1


async def test_an_approval_is_not_lost_when_its_call_was_too_late_to_be_sent(room: Room, hasty: Caller) -> None:
    params = {"name": "post_message", "arguments": {"text": TEXT}}
    await hasty.stateless("tools/call", params)
    await room.resolve(room.escalations()[0], "approve")
    usual = room.answer

    async def slow(request: web.Request, message: Any) -> web.StreamResponse:
        if message["method"] == "tools/list":
            await asyncio.sleep(FRESH_SECONDS * 1.5)  # asked for the headers that mirror arguments, after the decision
        return await usual(request, message)

    room.upstream.answer = slow
    async with served(room, HASTY) as elsewhere:
        passed = await elsewhere.stateless("tools/call", params)
    assert outcome(passed)["content"][0]["text"] == "done"
    assert (len(room.forwarded), [row.status for row in room.escalations()]) == (1, ["used"])
    assert [entry[:2] for entry in room.log()[1:]] == [("allow", "approval")] * 2
    ended = {row["error"]: row["parent_event_id"] for row in room.tenant.log("call.outcome")}
    allowed = [row["id"] for row in room.tenant.log("call.decision")[1:]]
    assert ended == {"outdated": allowed[0], "": allowed[1]}
