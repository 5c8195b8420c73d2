"""Calls of the stateful era that wait for a person: held on their stream, approved, denied, given up."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from apps.exceptions.services import kill_switch
from apps.gateway.app import Gateway
from apps.gateway.tests.conftest import Caller, FakeUpstream, Tenant, events_of, eventually
from apps.gateway.tests.holding import HASTY, LIMITS, TEXT, Room, account, outcome, served


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


async def test_a_held_call_goes_on_when_a_person_approves(room: Room, caller: Caller) -> None:
    calling = asyncio.create_task(caller.call("post_message", text=TEXT))
    row = await room.asked()
    assert room.forwarded == []
    await room.resolve(row, "approve")
    answer = await calling
    assert outcome(answer)["content"][0]["text"] == "done"
    assert answer.headers["content-type"] == "text/event-stream"
    assert ": ping" in answer.text or answer.text.startswith(":")
    assert [params["arguments"] for params in room.forwarded] == [{"text": TEXT}]
    id = str(row.id)
    assert room.log() == [("escalate", "policy", "slack.broadcast", id), ("allow", "approval", "approval", id)]
    allowed = room.tenant.log("call.decision")[1]
    assert allowed["policy_reason"] == "Approved by user:ann"
    used = room.escalations()[0]
    assert (used.status, used.used_event_id) == ("used", allowed["id"])
    ended = (await eventually(lambda: room.tenant.log("call.outcome")))[0]
    assert (ended["parent_event_id"], ended["response_code"]) == (allowed["id"], 200)


async def test_progress_is_reported_to_whoever_asked_for_it(room: Room, caller: Caller) -> None:
    params = {"name": "post_message", "arguments": {"text": TEXT}, "_meta": {"progressToken": "p1"}}
    calling = asyncio.create_task(caller.ask("tools/call", params))
    row = await room.asked()
    await asyncio.sleep(0.1)
    await room.resolve(row, "approve")
    notes = [event for event in events_of(await calling) if event.get("method") == "notifications/progress"]
    values = [note["params"]["progress"] for note in notes]
    assert values
    assert values == sorted(set(values))
    assert {note["params"]["progressToken"] for note in notes} == {"p1"}


async def test_a_denial_refuses_and_says_why_but_tells_the_log_alone_who(room: Room, caller: Caller) -> None:
    calling = asyncio.create_task(caller.call("post_message", text=TEXT))
    row = await room.asked()
    await room.resolve(row, "deny", "not on a Sunday")
    answer = await calling
    told = account(answer)
    assert (told["decision"], told["policy"], told["status"]) == ("deny", "approval", "denied")
    assert (told["reason"], "ann" in answer.text) == ("Denied by a person: not on a Sunday", False)
    assert room.tenant.log("call.decision")[-1]["policy_reason"] == "Denied by user:ann: not on a Sunday"
    assert (told["escalation"], room.forwarded) == (str(row.id), [])
    again = account(await caller.call("post_message", text=TEXT))
    assert (again["status"], again["escalation"], len(room.escalations())) == ("denied", str(row.id), 1)
    assert [entry[:3] for entry in room.log()[1:]] == [("deny", "approval", "approval")] * 2


async def test_nobody_answering_in_time_is_a_denial(room: Room, caller: Caller) -> None:
    calling = asyncio.create_task(caller.call("post_message", text=TEXT))
    row = await room.asked()
    await room.expire(row)
    told = account(await calling)
    assert (told["decision"], told["reason"], told["status"]) == ("deny", "Nobody decided in time", "expired")
    assert room.log()[-1] == ("deny", "approval", "approval", str(row.id))
    assert room.forwarded == []


async def test_a_call_held_too_long_is_told_how_to_come_again_and_passes_once_then(room: Room, hasty: Caller) -> None:
    told = account(await hasty.call("post_message", text=TEXT))
    row = room.escalations()[0]
    assert (told["decision"], told["status"], told["escalation"]) == ("escalate", "pending", str(row.id))
    assert {"expires_at", "retry", "event_id"} <= set(told)
    again = account(await hasty.call("post_message", text=TEXT))
    assert (again["escalation"], len(room.escalations())) == (str(row.id), 1)
    await room.resolve(row, "approve")
    passed = outcome(await hasty.call("post_message", text=TEXT))
    assert passed["isError"] is False
    third = account(await hasty.call("post_message", text=TEXT))
    assert (third["status"], third["escalation"] != str(row.id)) == ("pending", True)
    assert len(room.forwarded) == 1


async def test_the_kill_switch_denies_what_is_held(room: Room, caller: Caller) -> None:
    calling = asyncio.create_task(caller.call("post_message", text=TEXT))
    await room.asked()
    await room.tenant.change(lambda: kill_switch.engage(reason="an incident", actor="user:ann"))
    try:
        told = account(await calling)
    finally:
        await room.tenant.change(lambda: kill_switch.release(reason="it is over", actor="user:ann"))
    assert (told["decision"], told["policy"]) == ("deny", "kill_switch.tenant")
    assert ([row.status for row in room.escalations()], room.forwarded) == (["denied"], [])


async def test_a_client_that_leaves_is_noted_and_its_call_still_waits_for_a_person(
    room: Room, gateway: Gateway
) -> None:
    gone = asyncio.Event()
    body = (
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"post_message","arguments":{"text":"@here"}}}'
    )
    names = {"host": room.tenant.host, "authorization": f"Bearer {room.token}", "content-type": "application/json"}
    scope = {
        "type": "http",
        "method": "POST",
        "path": f"/mcp/v1/{room.server}",
        "scheme": "http",
        "headers": [(name.encode(), value.encode()) for name, value in names.items()],
    }
    messages: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        pass

    calling = asyncio.create_task(gateway(scope, receive, send))
    await room.asked()
    gone.set()
    await asyncio.wait_for(calling, 10)
    left = (await eventually(lambda: room.tenant.log("call.outcome")))[0]
    decided = room.tenant.log("call.decision")[0]
    assert (left["error"], left["response_code"], left["parent_event_id"]) == ("caller_gone", 499, decided["id"])
    assert [row.status for row in room.escalations()] == ["pending"]
    assert gateway._parts is not None
    assert (gateway._parts.load.calls, gateway._parts.load.streams) == (0, 0)


async def test_a_held_call_leaves_its_places_to_others(room: Room, gateway: Gateway, caller: Caller) -> None:
    calling = asyncio.create_task(caller.call("post_message", text=TEXT))
    row = await room.asked()
    parts = gateway._parts
    assert parts is not None
    await eventually(lambda: parts.exchanges.holds.count == 1)
    assert (parts.load.calls, parts.load.streams) == (0, 1)
    await room.resolve(row, "approve")
    await calling
    assert (parts.load.calls, parts.load.streams) == (0, 0)


async def test_no_room_to_wait_is_told_like_a_wait_that_was_too_long(room: Room) -> None:
    async with served(room, replace(LIMITS, streams=0)) as caller:
        answer = await caller.call("post_message", text=TEXT)
    assert account(answer)["status"] == "pending"


async def test_the_members_of_a_batch_are_held_side_by_side(room: Room, gateway: Gateway, caller: Caller) -> None:
    def member(id: int, text: str) -> dict[str, Any]:
        params = {"name": "post_message", "arguments": {"text": text}}
        return {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}

    messages = [member(1, TEXT), member(2, TEXT + "!"), member(3, "hello")]
    calling = asyncio.create_task(caller.send(messages, MCP_Protocol_Version="2025-03-26"))
    await room.asked(2)
    parts = gateway._parts
    assert parts is not None
    await eventually(lambda: parts.exchanges.holds.count == 2)
    await eventually(lambda: (parts.load.calls, parts.load.streams) == (0, 1))
    rows = {row.arguments["text"]: row for row in room.escalations()}
    await room.resolve(rows[TEXT], "approve")
    await room.resolve(rows[TEXT + "!"], "deny")
    answers = {event["id"]: event["result"]["isError"] for event in events_of(await calling) if "id" in event}
    assert answers == {1: False, 2: True, 3: False}
    assert sorted(params["arguments"]["text"] for params in room.forwarded) == sorted([TEXT, "hello"])
    assert (parts.load.calls, parts.load.streams) == (0, 0)


async def test_a_gateway_that_ends_lets_its_callers_go(room: Room, gateway: Gateway, caller: Caller) -> None:
    calling = asyncio.create_task(caller.call("post_message", text=TEXT))
    await room.asked()
    assert gateway._parts is not None
    await gateway._parts.exchanges.holds.close()
    assert account(await calling)["status"] == "pending"
