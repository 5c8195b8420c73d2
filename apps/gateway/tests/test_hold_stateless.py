"""Calls of the stateless era that wait for a person: answered at once, held when they come again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from apps.gateway import request_state
from apps.gateway.app import Gateway
from apps.gateway.tests.conftest import Caller, FakeUpstream, Tenant, rpc
from apps.gateway.tests.holding import HASTY, LIMITS, TEXT, Room, account, outcome, served
from apps.tenants.sealing import seal

CALL = {"name": "post_message", "arguments": {"text": TEXT}}


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
    async with served(room, HASTY) as caller:
        yield caller


async def first(caller: Caller, **more: Any) -> dict[str, Any]:
    """The params of the retry that a client makes of the first answer."""
    answer = await caller.stateless("tools/call", {**CALL, **more})
    assert answer.status_code == 200
    result = answer.json()["result"]
    assert result["resultType"] == "input_required"
    assert "inputRequests" not in result
    assert result["_meta"]["behavry/decision"]["status"] == "pending"
    return {**CALL, "requestState": result["requestState"]}


async def test_it_is_answered_at_once_and_passes_when_it_comes_again_after_approval(room: Room, caller: Caller) -> None:
    again = await first(caller)
    row = await room.asked()
    await room.resolve(row, "approve")
    passed = await caller.stateless("tools/call", again)
    assert passed.json()["result"]["content"][0]["text"] == "done"
    assert "requestState" not in room.forwarded[0]
    replayed = await caller.stateless("tools/call", again)
    assert replayed.json()["result"]["resultType"] == "input_required"
    assert (len(room.escalations()), len(room.forwarded)) == (2, 1)


async def test_who_comes_again_too_early_is_held_and_goes_on(room: Room, caller: Caller) -> None:
    again = await first(caller)
    calling = asyncio.create_task(caller.stateless("tools/call", again))
    row = await room.asked()
    await asyncio.sleep(0.1)
    assert not calling.done()
    await room.resolve(row, "approve")
    assert outcome(await calling)["content"][0]["text"] == "done"


async def test_who_waited_in_vain_gets_a_refusal_and_not_another_round(room: Room, hasty: Caller) -> None:
    again = await first(hasty)
    answer = await hasty.stateless("tools/call", again)
    told = account(answer)
    assert (outcome(answer)["resultType"], outcome(answer)["isError"], told["status"]) == ("complete", True, "pending")
    await room.resolve(room.escalations()[0], "approve")
    assert outcome(await hasty.stateless("tools/call", again))["content"][0]["text"] == "done"


async def test_without_its_state_an_approved_call_passes_all_the_same(room: Room, hasty: Caller) -> None:
    await first(hasty)
    await room.resolve(room.escalations()[0], "approve")
    assert outcome(await hasty.stateless("tools/call", CALL))["content"][0]["text"] == "done"


async def test_a_denied_call_that_comes_again_is_refused(room: Room, hasty: Caller) -> None:
    again = await first(hasty)
    await room.resolve(room.escalations()[0], "deny", "no")
    assert account(await hasty.stateless("tools/call", again))["reason"] == "Denied by a person: no"
    assert room.forwarded == []


async def test_nobody_answered_is_told_to_whoever_comes_again_and_opens_nothing(room: Room, hasty: Caller) -> None:
    again = await first(hasty)
    await room.expire(room.escalations()[0])
    told = account(await hasty.stateless("tools/call", again))
    assert (told["decision"], told["status"]) == ("deny", "expired")
    assert len(room.escalations()) == 1
    await first(hasty)
    assert len(room.escalations()) == 2


async def test_other_arguments_under_an_old_state_need_another_approval(room: Room, hasty: Caller) -> None:
    again = await first(hasty)
    row = room.escalations()[0]
    await room.resolve(row, "approve")
    changed = {**again, "arguments": {"text": TEXT + " again"}}
    result = (await hasty.stateless("tools/call", changed)).json()["result"]
    assert result["resultType"] == "input_required"
    assert result["_meta"]["behavry/decision"]["escalation"] != str(row.id)
    assert (len(room.escalations()), room.forwarded) == (2, [])


async def refused(room: Room, caller: Caller, params: dict[str, Any]) -> None:
    answer = await caller.stateless("tools/call", params)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, -32602)
    assert error["data"] == {"reason": "invalid_request_state"}
    assert room.forwarded == []


@pytest.mark.parametrize("way", ["altered", "cut", "made up", "not base64", "other tool", "sealed for something else"])
async def test_a_state_that_is_not_this_calls_is_refused(room: Room, hasty: Caller, way: str) -> None:
    again = await first(hasty)
    await room.resolve(room.escalations()[0], "approve")
    state: str = again["requestState"]
    middle = len(state) // 2
    states = {
        "altered": state[:middle] + ("A" if state[middle] != "A" else "B") + state[middle + 1 :],
        "cut": state[:middle],
        "made up": request_state.PREFIX + "AAAA",
        "not base64": request_state.PREFIX + "ü%",
        "other tool": state,
        "sealed for something else": request_state.PREFIX + seal(b"{}", context="elsewhere").hex(),
    }
    params = {**again, "requestState": states[way]}
    if way == "other tool":
        params["name"] = "post_other"
    await refused(room, hasty, params)
    assert room.escalations()[0].status == "approved"


async def test_another_agents_or_tenants_state_is_refused(
    room: Room, hasty: Caller, other_tenant: Tenant, upstream: FakeUpstream
) -> None:
    again = await first(hasty)
    await room.resolve(room.escalations()[0], "approve")
    _, token = room.tenant.agent("slack:*")
    mine, hasty.token = hasty.token, token
    await refused(room, hasty, again)
    hasty.token = mine
    stranger = Room(other_tenant, upstream)
    async with served(stranger, HASTY) as theirs:
        await refused(stranger, theirs, again)
        assert stranger.escalations() == []
    assert room.escalations()[0].status == "approved"


async def test_a_state_has_an_end(room: Room, hasty: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    again = await first(hasty)
    late = room.escalations()[0].expires_at.timestamp() + request_state.GRACE_SECONDS + 1
    monkeypatch.setattr(request_state, "now", lambda: late)
    await refused(room, hasty, again)


async def test_the_backends_own_state_passes_untouched_in_both_directions(room: Room, hasty: Caller) -> None:
    theirs = {"resultType": "input_required", "requestState": "theirs+/=", "inputRequests": {}}

    async def answer(request: web.Request, message: Any) -> web.StreamResponse:
        return rpc(message, theirs)

    room.upstream.answer = answer
    plain = {"name": "read_message", "arguments": {"id": "1"}}
    assert (await hasty.stateless("tools/call", plain)).json()["result"] == theirs
    await hasty.stateless("tools/call", {**plain, "requestState": "theirs+/=", "inputResponses": {"a": {}}})
    sent = room.forwarded[-1]
    assert (sent["requestState"], sent["inputResponses"]) == ("theirs+/=", {"a": {}})


async def test_a_gateway_behind_this_one_keeps_its_state_for_itself(room: Room, hasty: Caller) -> None:
    theirs = request_state.PREFIX + "of-another-gateway"

    async def answer(request: web.Request, message: Any) -> web.StreamResponse:
        return rpc(message, {"resultType": "input_required", "requestState": theirs})

    room.upstream.answer = answer
    plain = {"name": "read_message", "arguments": {"id": "1"}}
    given = (await hasty.stateless("tools/call", plain)).json()["result"]["requestState"]
    assert theirs not in given
    await hasty.stateless("tools/call", {**plain, "requestState": given})
    assert room.forwarded[-1]["requestState"] == theirs


async def test_what_the_client_had_answered_the_backend_is_part_of_the_call_and_is_not_lost(
    room: Room, hasty: Caller
) -> None:
    sent = {"requestState": "theirs", "inputResponses": {"which": {"action": "accept"}}}
    again = await first(hasty, **sent)
    row = room.escalations()[0]
    assert row.arguments == {"arguments": CALL["arguments"], **sent}
    await room.resolve(row, "approve")
    other = await hasty.stateless("tools/call", {**CALL, **sent, "inputResponses": {"which": {"action": "decline"}}})
    assert other.json()["result"]["resultType"] == "input_required"
    await hasty.stateless("tools/call", again)
    assert {key: room.forwarded[0][key] for key in sent} == sent
    assert len(room.forwarded) == 1


async def test_a_method_without_such_results_is_refused_with_its_escalation(
    tenant: Tenant, upstream: FakeUpstream
) -> None:
    room = Room(tenant, upstream, risk_tier="high")
    async with served(room, LIMITS) as caller:
        told = (await caller.stateless("tasks/cancel", {"taskId": "t1"})).json()["error"]["data"]
        row = room.escalations()[0]
        assert (told["status"], told["escalation"]) == ("pending", str(row.id))
        await room.resolve(row, "approve")
        assert "result" in (await caller.stateless("tasks/cancel", {"taskId": "t1"})).json()


@given(st.text(max_size=60))
def test_no_text_is_taken_for_a_state(text: str) -> None:
    assert request_state._content("t_any", request_state.PREFIX + text) is None
