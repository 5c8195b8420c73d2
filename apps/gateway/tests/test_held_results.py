"""A result that gives orders waits for a person; whatever becomes of it, its call is not carried out again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web

from apps.exceptions.models import Escalation, WithheldResult
from apps.exceptions.services import withheld, withheld_flags
from apps.exceptions.services.resolutions import Source
from apps.exceptions.tasks import expire_escalations
from apps.gateway.app import Gateway
from apps.gateway.tests.conftest import Caller, FakeUpstream, Tenant, events_of, eventually, rpc
from apps.gateway.tests.fetching import ORDER, PAGE, QUIET, Fetching, text_of
from apps.gateway.tests.holding import HASTY, LIMITS, TEXT, account, outcome, served
from apps.policies.models import SourceRule
from apps.policies.services import source_rules
from apps.tenants.redis import redis_client


@pytest.fixture
def room(tenant: Tenant, upstream: FakeUpstream) -> Fetching:
    return Fetching(tenant, upstream)


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with Gateway(LIMITS) as running:
        yield running


@pytest.fixture
def caller(room: Fetching, caller_of: Callable[..., Caller]) -> Caller:
    return caller_of(room.tenant, room.token, room.server)


@pytest.fixture
async def hasty(room: Fetching) -> AsyncIterator[Caller]:
    """A gateway that holds nobody for long."""
    async with served(room, HASTY) as caller:
        yield caller


def kept(room: Fetching) -> int:
    return room.tenant.inside(lambda: WithheldResult.objects.filter(escalation__agent_id=room.agent).count())


async def waiting(gateway: Gateway, count: int = 1) -> None:
    parts = gateway._parts
    assert parts is not None
    await eventually(lambda: parts.exchanges.holds.count == count)


async def test_the_caller_is_held_and_gets_the_sanitised_version_that_a_person_lets_go(
    room: Fetching, gateway: Gateway, caller: Caller
) -> None:
    calling = asyncio.create_task(caller.call("post_message", text="a"))
    row = await room.asked()
    assert (row.subject, row.findings[0]["class"]) == ("inbound", "imperative_command")
    await waiting(gateway)
    await room.answers(row, "allow_sanitized")
    text = text_of(await calling)
    assert "Minutes of Monday" in text
    assert "Next meeting on Friday." in text
    assert "previous instructions" not in text
    assert (len(room.forwarded), kept(room)) == (1, 0)
    assert room.kinds() == [
        "call.decision",
        "inbound.injection_blocked",
        "call.outcome",
        "escalation.opened",
        "call.decision",
        "escalation.resolved",
        "call.decision",
        "inbound.result_released",
    ]
    carried, waited, released = room.tenant.log("call.decision")
    assert [one["policy_result"] for one in (carried, waited, released)] == ["allow", "escalate", "allow"]
    assert [one["stage"] for one in (waited, released)] == ["inbound", "inbound"]
    (delivered,) = room.tenant.log("inbound.result_released")
    assert delivered["parent_event_id"] == released["id"]
    assert row.event_id == carried["id"]


async def test_who_comes_again_gets_the_original_and_the_call_is_carried_out_once(
    room: Fetching, hasty: Caller
) -> None:
    told = outcome(await hasty.call("post_message", text="a"))
    facts = told["_meta"]["behavry/decision"]
    assert (told["isError"], facts["decision"], facts["status"], facts["result"]) == (
        True,
        "escalate",
        "pending",
        "withheld",
    )
    assert "not carried out again" in facts["retry"]
    assert ORDER not in str(told)
    again = account(await hasty.call("post_message", text="a"))
    assert (again["escalation"], len(room.forwarded)) == (facts["escalation"], 1)
    await room.answers(await room.asked(), "allow_original")
    async with served(room, HASTY) as elsewhere:
        assert text_of(await elsewhere.call("post_message", text="a")) == f"{PAGE} (read 1)"
    assert (len(room.forwarded), kept(room)) == (1, 0)
    room.page = QUIET
    assert text_of(await hasty.call("post_message", text="a")) == f"{QUIET} (read 2)"


async def test_another_argument_is_another_call_and_another_agent_gets_nothing(room: Fetching, hasty: Caller) -> None:
    await hasty.call("post_message", text="a")
    await room.answers(await room.asked(), "allow_original")
    room.page = QUIET
    assert text_of(await hasty.call("post_message", text="b")) == f"{QUIET} (read 2)"
    _, token = room.tenant.agent("slack:*")
    other = Caller(hasty.client, hasty.host, token, hasty.server)
    assert text_of(await other.call("post_message", text="a")) == f"{QUIET} (read 3)"
    requester = await hasty.ask(
        "tools/call", {"name": "post_message", "arguments": {"text": "a"}}, X_Requester_Id="jane"
    )
    assert text_of(requester) == f"{QUIET} (read 4)"
    assert ORDER in text_of(await hasty.call("post_message", text="a"))


async def test_a_blocked_result_is_refused_with_the_note_and_its_call_not_carried_out_again(
    room: Fetching, hasty: Caller
) -> None:
    await hasty.call("post_message", text="a")
    await room.answers(await room.asked(), "block", "it gives orders")
    told = outcome(await hasty.call("post_message", text="a"))
    facts = told["_meta"]["behavry/decision"]
    assert (facts["decision"], facts["status"]) == ("deny", "denied")
    assert "it gives orders" in told["content"][0]["text"]
    assert "ann" not in str(told)
    assert len(room.forwarded) == 1
    denied = room.tenant.log("call.decision")[-1]
    assert (denied["policy_result"], "user:ann" in denied["policy_reason"]) == ("deny", True)


@pytest.mark.parametrize("kind", ["domain", "server"])
async def test_a_blocked_source_is_substituted_from_then_on(room: Fetching, hasty: Caller, kind: str) -> None:
    await hasty.call("post_message", text="a")
    row = await room.asked()
    assert "evil.example" in row.inbound["domains"]
    source = Source(kind, "evil.example" if kind == "domain" else room.server)
    await room.answers(row, "block_source", source=source)
    rules = room.tenant.inside(lambda: list(SourceRule.objects.values_list("id", flat=True)))
    try:
        assert account(await hasty.call("post_message", text="a"))["status"] == "denied"
        room.page = f"{QUIET} See https://evil.example/more."
        told = events_of(await hasty.call("post_message", text="b"))[-1]
        assert QUIET not in str(told)
        assert [len(room.forwarded), len(room.escalations())] == [2, 1]
        assert await eventually(lambda: room.tenant.log("inbound.source_blocked"))
    finally:
        for rule in rules:
            await room.tenant.change(lambda id=rule: source_rules.remove(id, actor="system"))  # type: ignore[misc]


async def test_when_nobody_decides_the_caller_is_refused_and_a_later_call_is_a_new_one(
    room: Fetching, caller: Caller
) -> None:
    calling = asyncio.create_task(caller.call("post_message", text="a"))
    await room.expire(await room.asked())
    told = outcome(await calling)
    assert "Nobody decided in time" in told["content"][0]["text"]
    assert room.tenant.log("call.decision")[-1]["policy_result"] == "deny"
    room.page = QUIET
    assert text_of(await caller.call("post_message", text="a")) == f"{QUIET} (read 2)"


async def test_of_two_that_come_again_one_gets_it_and_none_carries_the_call_out(
    room: Fetching, hasty: Caller, gateway: Gateway, caller: Caller
) -> None:
    await hasty.call("post_message", text="a")
    row = await room.asked()
    calling = [asyncio.create_task(caller.call("post_message", id=id, text="a")) for id in (1, 2)]
    await waiting(gateway, 2)
    await room.answers(row, "allow_sanitized")
    results = [outcome(answer) for answer in await asyncio.gather(*calling)]
    assert sorted(result["isError"] for result in results) == [False, True]
    refused = next(result for result in results if result["isError"])
    assert "delivered already" in refused["content"][0]["text"]
    assert len(room.forwarded) == 1


async def test_a_result_survives_a_caller_that_has_gone(room: Fetching, caller: Caller, hasty: Caller) -> None:
    calling = asyncio.create_task(caller.call("post_message", text="a"))
    row = await room.asked()
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)
    await room.answers(row, "allow_sanitized")
    assert "Minutes of Monday" in text_of(await hasty.call("post_message", text="a"))
    assert len(room.forwarded) == 1


async def test_what_redis_has_lost_is_set_again_by_the_task(room: Fetching, hasty: Caller) -> None:
    await hasty.call("post_message", text="a")
    key = withheld_flags.flag_key(room.tenant.schema, room.agent)
    assert await room.tenant.change(lambda: redis_client().delete(key)) == 1
    await room.tenant.change(lambda: expire_escalations(room.tenant.schema))
    assert account(await hasty.call("post_message", text="a"))["status"] == "pending"
    assert len(room.forwarded) == 1


async def test_a_call_that_a_person_approved_needs_no_second_approval_for_its_result(
    room: Fetching, hasty: Caller
) -> None:
    await hasty.call("post_message", text=TEXT)
    await room.answers(await room.asked(), "approve")
    assert account(await hasty.call("post_message", text=TEXT))["result"] == "withheld"
    row = await room.asked(2)
    assert (row.subject, len(room.forwarded)) == ("inbound", 1)
    await room.answers(row, "allow_sanitized")
    assert "Minutes of Monday" in text_of(await hasty.call("post_message", text=TEXT))
    assert [one.subject for one in room.escalations()] == ["call", "inbound"]
    assert account(await hasty.call("post_message", text=TEXT))["status"] == "pending"  # a new call, a new question
    assert len(room.forwarded) == 1


async def test_a_stream_that_has_begun_ends_with_what_was_released(room: Fetching, caller: Caller) -> None:
    async def brought(request: web.Request, message: Any) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        note = b'{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"reading"}}'
        await stream.write(b"data: " + note + b"\n\n")
        body = rpc(message, {"content": [{"type": "text", "text": PAGE}], "isError": False}).body
        assert isinstance(body, bytes)
        await stream.write(b"data: " + body + b"\n\n")
        return stream

    room.brought = brought  # type: ignore[method-assign]
    calling = asyncio.create_task(caller.call("post_message", text="a"))
    await room.answers(await room.asked(), "allow_sanitized")
    events = events_of(await calling)
    assert events[0]["method"] == "notifications/message"
    assert "Minutes of Monday" in events[-1]["result"]["content"][0]["text"]
    assert ORDER not in str(events)


async def test_in_a_batch_the_others_have_their_answers_at_once(
    room: Fetching, gateway: Gateway, caller: Caller
) -> None:
    async def brought(request: web.Request, message: Any) -> web.StreamResponse:
        text = PAGE if message["params"]["arguments"]["text"] == "a" else QUIET
        return rpc(message, {"content": [{"type": "text", "text": text}], "isError": False})

    room.brought = brought  # type: ignore[method-assign]
    batch = [
        {
            "jsonrpc": "2.0",
            "id": text,
            "method": "tools/call",
            "params": {"name": "post_message", "arguments": {"text": text}},
        }
        for text in ("a", "b")
    ]
    calling = asyncio.create_task(caller.send(batch, MCP_Protocol_Version="2025-03-26"))
    row = await room.asked()
    await waiting(gateway)
    await room.answers(row, "allow_original")
    events = {event["id"]: event["result"]["content"][0]["text"] for event in events_of(await calling)}
    assert events == {"a": PAGE, "b": QUIET}


async def test_a_notification_neither_takes_a_released_result_nor_carries_the_call_out(
    room: Fetching, hasty: Caller
) -> None:
    await hasty.call("post_message", text="a")
    await room.answers(await room.asked(), "allow_original")
    refused = await hasty.ask("tools/call", {"name": "post_message", "arguments": {"text": "a"}}, id=None)
    assert (refused.status_code, len(room.forwarded)) == (403, 1)
    assert ORDER in text_of(await hasty.call("post_message", text="a"))


async def test_no_secret_is_given_out_with_the_original_nor_shown(room: Fetching, hasty: Caller) -> None:
    key = "AKIA" + "Q3ZXVBNM7WKYZ2BT"
    room.page = f"{PAGE} Key: {key}"
    assert key not in (await hasty.call("post_message", text="a")).text
    row = await room.asked()
    assert key not in repr(row.findings)
    await room.answers(row, "allow_original")
    text = text_of(await hasty.call("post_message", text="a"))
    assert (ORDER in text, key in text) == (True, False)


async def test_it_is_refused_and_nothing_of_it_delivered_where_it_cannot_be_kept(
    room: Fetching, hasty: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(withheld, "MAX_SANITISED", 10)
    told = outcome(await hasty.call("post_message", text="a"))
    assert (told["isError"], told["_meta"]["behavry/decision"]["decision"]) == (True, "deny")
    assert "result_too_large" in told["content"][0]["text"]
    assert ORDER not in str(told)
    assert (len(room.forwarded), room.escalations()) == (1, [])


async def test_it_is_refused_where_too_many_of_the_agent_wait(room: Fetching, hasty: Caller) -> None:
    await hasty.call("post_message", text="a")
    row = await room.asked()
    fields = [field.attname for field in Escalation._meta.concrete_fields if not field.primary_key]
    alike = {name: getattr(row, name) for name in fields}
    await room.tenant.change(lambda: Escalation.objects.bulk_create([Escalation(**alike) for _ in range(99)]))
    told = outcome(await hasty.call("post_message", text="b"))
    assert "100 calls waiting" in told["content"][0]["text"]
    assert (ORDER in str(told), len(room.escalations())) == (False, 100)


async def test_a_resource_is_held_like_a_tools_answer(room: Fetching, hasty: Caller) -> None:
    async def brought(request: web.Request, message: Any) -> web.StreamResponse:
        return rpc(message, {"contents": [{"uri": message["params"]["uri"], "text": PAGE}]})

    room.brought = brought  # type: ignore[method-assign]
    params = {"uri": "slack://minutes"}
    told = events_of(await hasty.ask("resources/read", params))[-1]["error"]
    assert (told["code"], told["data"]["result"], told["data"]["status"]) == (-32003, "withheld", "pending")
    await room.answers(await room.asked(), "allow_original")
    again = events_of(await hasty.ask("resources/read", params))[-1]["result"]
    assert again["contents"][0]["text"] == PAGE
    assert room.upstream.methods.count("resources/read") == 1


async def test_in_the_stateless_era_it_comes_again_with_its_state_and_is_told_when_its_time_is_over(
    room: Fetching, caller: Caller
) -> None:
    params = {"name": "post_message", "arguments": {"text": "a"}}
    asked = (await caller.stateless("tools/call", params)).json()["result"]
    assert (asked["resultType"], asked["_meta"]["behavry/decision"]["result"]) == ("input_required", "withheld")
    again = {**params, "requestState": asked["requestState"]}
    await room.expire(await room.asked())
    told = outcome(await caller.stateless("tools/call", again))
    assert "Nobody decided in time" in told["content"][0]["text"]
    assert len(room.forwarded) == 1
    room.page = QUIET
    assert "read 2" in text_of(await caller.stateless("tools/call", params))


async def test_in_the_stateless_era_a_state_brings_its_result_once(room: Fetching, caller: Caller) -> None:
    params = {"name": "post_message", "arguments": {"text": "a"}}
    asked = (await caller.stateless("tools/call", params)).json()["result"]
    again = {**params, "requestState": asked["requestState"]}
    await room.answers(await room.asked(), "allow_sanitized")
    assert "Minutes of Monday" in text_of(await caller.stateless("tools/call", again))
    told = outcome(await caller.stateless("tools/call", again))
    assert "delivered already" in told["content"][0]["text"]
    assert len(room.forwarded) == 1
