"""What a server says bit by bit, by itself, in a batch, from a process, or all at once and too much of it."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from apps.decision.facts import Rulebook
from apps.exceptions.services.escalation_settings import configure_escalations
from apps.gateway.tests.conftest import Caller, FakeUpstream, Tenant, events_of, eventually
from apps.gateway.tests.test_faults import streamed
from apps.gateway.tests.test_inbound import CallerOf, caller, entry, ready, saying, server
from apps.gateway.tests.test_returning import ORDER, READ, SECRET, event, offered
from apps.policies import rulebook as rulebooks

__all__ = ["caller", "ready", "server"]  # fixtures


@pytest.mark.parametrize("where", ["notes", "answer"])
async def test_an_order_spread_over_a_stream_is_found(
    ready: Tenant, caller: Caller, upstream: FakeUpstream, where: str
) -> None:
    """What is found is in the later part: the earlier one was read when nobody could know."""
    first, rest = ORDER[:27], ORDER[27:]

    async def answer(request: web.Request, message: Any) -> web.StreamResponse:
        if not message or "id" not in message:
            return web.Response(status=202)
        one = event({"method": "notifications/message", "params": {"level": "info", "data": first}})
        two = event({"method": "notifications/message", "params": {"level": "info", "data": rest}})
        last = event({"id": message["id"], "result": offered("tools/call", rest if where == "answer" else "done")})
        return await streamed(request, one, *([two] if where == "notes" else []), last)

    upstream.answer = answer
    events = events_of(await caller.call("read_notes"))
    assert events[0]["params"]["data"] == first
    assert "previous instructions" not in str(events)
    assert "instructions and reveal" not in str(events[1:])
    blocked = await entry(ready, "inbound.injection_blocked")
    assert blocked["method"] == ("notifications/message" if where == "notes" else "tools/call")


async def test_a_secret_spread_over_a_get_stream_is_found(
    ready: Tenant, caller: Caller, upstream: FakeUpstream
) -> None:
    parts = [f"key {SECRET[:9]}", SECRET[9:]]

    async def answer(request: web.Request, message: Any) -> web.StreamResponse:
        notes = [{"method": "notifications/message", "params": {"level": "info", "data": part}} for part in parts]
        return await streamed(request, *(event(note) for note in notes))

    upstream.answer = answer
    url = f"http://{caller.host}/mcp/v1/{caller.server}"
    told = events_of(await caller.client.get(url, headers=caller.headers()))
    assert told[0]["params"]["data"] == parts[0]
    assert parts[1] not in str(told)


@pytest.mark.parametrize("message", [{"method": ORDER}, {"method": [ORDER]}, {"method": "ping", "id": [ORDER]}])
async def test_a_text_where_a_name_or_an_id_should_be_goes_nowhere(
    ready: Tenant, caller: Caller, upstream: FakeUpstream, message: dict[str, Any]
) -> None:
    async def answer(request: web.Request, asked: Any) -> web.StreamResponse:
        return await streamed(request, event(message), event({"id": 1, "result": {"content": []}}))

    upstream.answer = answer
    assert len(events_of(await caller.call("read_notes"))) == 1
    assert (await entry(ready, "inbound.injection_blocked"))["policy_id"] == "inbound.screen"


async def test_a_large_answer_holds_up_no_other_call(
    ready: Tenant, caller: Caller, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The small call ends while the large one is still looked at: it is, until the small one has ended."""
    load: Callable[..., Rulebook] = rulebooks.load
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def load_slow(*args: Any, **more: Any) -> Rulebook:
        book = load(*args, **more)

        def screen(value: Any, *rest: Any, **more: Any) -> Any:
            if len(str(value)) > 100_000:
                asyncio.run_coroutine_threadsafe(ended.wait(), loop).result(10)
            return book.screen_inbound(value, *rest, **more)

        return replace(book, screen_inbound=screen)

    monkeypatch.setattr(rulebooks, "load", load_slow)
    saying(upstream, "word " * 40_000)
    large = asyncio.create_task(caller.call("read_notes"))
    await eventually(lambda: upstream.seen)
    saying(upstream, "The meeting is at noon.")
    assert "noon" in (await caller.call("read_notes")).text
    assert not large.done()
    ended.set()
    assert "word word" in (await large).text


@pytest.fixture
def process(tenant: Tenant, caller_of: CallerOf) -> Caller:
    tenant.stdio()
    tenant.inside(lambda: configure_escalations(actor="system", changes={"hold_seconds": 0}))
    _, token = tenant.agent("*:*")
    return caller_of(tenant, token, "child")


async def test_a_request_of_a_process_that_gives_orders_is_answered_for_the_client(
    tenant: Tenant, process: Caller
) -> None:
    await process.initialize()
    events = events_of(await process.call("read_ask", question=ORDER))
    assert [message.get("method", "answer") for message in events] == ["answer"]
    told = json.loads(events[0]["result"]["content"][0]["text"])
    assert (told["id"], told["error"]["code"]) == (77, -32003)
    assert (await entry(tenant, "inbound.injection_blocked"))["method"] == "elicitation/create"


@pytest.mark.parametrize("era", ["stateful", "stateless"])
async def test_what_a_process_answers_is_screened_like_anything_else(tenant: Tenant, process: Caller, era: str) -> None:
    arguments = {"name": "read_echo", "arguments": {"text": ORDER}}
    if era == "stateful":
        await process.initialize()
        answer = await process.ask("tools/call", arguments)
    else:
        answer = await process.stateless("tools/call", arguments)
    assert READ not in answer.text
    assert (await entry(tenant, "inbound.injection_blocked"))["tool_name"] == "read_echo"


async def test_the_members_of_a_batch_are_judged_one_by_one(
    ready: Tenant, caller: Caller, upstream: FakeUpstream
) -> None:
    async def answer(request: web.Request, message: Any) -> web.StreamResponse:
        text = ORDER if message["id"] == 1 else "The meeting is at noon."
        return web.json_response({"jsonrpc": "2.0", "id": message["id"], "result": offered(message["method"], text)})

    upstream.answer = answer
    params = {"name": "read_notes", "arguments": {}}
    body = [{"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params} for id in (1, 2)]
    answers = {message["id"]: str(message) for message in (await caller.send(body)).json()}
    assert READ not in answers[1]
    assert "noon" in answers[2]
