"""GET, resumption and DELETE of the stateful era, and that a long stream ends when its agent does."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web

from apps.agents import services as agents
from apps.decision.errors import RateLimited
from apps.gateway.limits import Limits
from apps.gateway.load import Load
from apps.gateway.tests.conftest import Caller, FakeUpstream, Tenant, events_of, eventually, rpc
from apps.gateway.tests.test_faults import streamed

CallerOf = Callable[..., Caller]
CHANGED = b'id: 7\ndata: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n\n'
LISTED = b'data: {"jsonrpc":"2.0","id":5,"result":{"tools":[{"name":"delete_x"},{"name":"read_y"}]}}\n\n'


class Stateful:
    """Answers of an upstream with sessions; GET brings `chunks` and then stays open for `then` seconds."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = [CHANGED]
        self.then = 0.0
        self.verbs: list[tuple[str, dict[str, str]]] = []

    async def __call__(self, request: web.Request, message: Any) -> web.StreamResponse:
        self.verbs.append((request.method, dict(request.headers)))
        if request.method == "GET":
            return await streamed(request, *self.chunks, then=self.then)
        if request.method == "DELETE":
            return web.Response()
        if message["method"] == "initialize":
            return rpc(message, {"protocolVersion": "2025-11-25"}, **{"Mcp-Session-Id": "theirs"})
        return rpc(message, {})


@pytest.fixture
def stateful(upstream: FakeUpstream) -> Stateful:
    upstream.answer = made = Stateful()
    return made


@pytest.fixture
async def caller(tenant: Tenant, upstream: FakeUpstream, stateful: Stateful, caller_of: CallerOf) -> Caller:
    tenant.server(transport="http", url=upstream.url)
    agent, token = tenant.agent("filesystem:read")
    caller = caller_of(tenant, token)
    caller.agent = agent
    await caller.initialize()
    return caller


def url(caller: Caller) -> str:
    return f"http://{caller.host}/mcp/v1/{caller.server}"


async def test_the_stream_brings_what_the_server_says_unasked(
    tenant: Tenant, caller: Caller, stateful: Stateful
) -> None:
    answer = await caller.client.get(url(caller), headers=caller.headers())
    assert events_of(answer) == [{"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}]
    assert "id: 7" in answer.text
    verb, headers = stateful.verbs[-1]
    assert (verb, headers["Mcp-Session-Id"]) == ("GET", "theirs")
    methods = [row["method"] for row in await eventually(lambda: closed(tenant))]
    assert methods == ["stream/open", "notifications/tools/list_changed", "stream/close"]


def closed(tenant: Tenant) -> list[dict[str, Any]]:
    rows = tenant.messages()
    return rows if any(row["method"] == "stream/close" for row in rows) else []


async def test_a_resumed_stream_shows_no_more_of_a_list_than_the_list_itself(
    tenant: Tenant, caller: Caller, stateful: Stateful
) -> None:
    stateful.chunks = [LISTED]
    answer = await caller.client.get(url(caller), headers=caller.headers(Last_Event_ID="6"))
    assert stateful.verbs[-1][1]["Last-Event-ID"] == "6"
    assert events_of(answer)[0]["result"]["tools"] == [{"name": "read_y"}]
    assert tenant.log("message.recorded")[0]["method"] == "stream/resume"


async def test_an_open_stream_tells_a_stopped_agent_nothing_more(
    tenant: Tenant, caller: Caller, upstream: FakeUpstream
) -> None:
    opened, stopped = asyncio.Event(), asyncio.Event()

    async def answer(request: web.Request, message: Any) -> web.StreamResponse:
        response = await streamed(request, CHANGED)
        opened.set()
        await stopped.wait()
        await response.write(CHANGED)
        return response

    upstream.answer = answer
    listening = asyncio.create_task(caller.client.get(url(caller), headers=caller.headers()))
    await opened.wait()
    await eventually(lambda: len(tenant.messages()) == 2)
    tenant.inside(lambda: agents.suspend(UUID(caller.agent), actor="system"))
    stopped.set()
    assert len(events_of(await listening)) == 1


async def test_delete_ends_the_session_at_both_ends(caller: Caller, stateful: Stateful) -> None:
    assert (await caller.client.delete(url(caller), headers=caller.headers())).status_code == 200
    assert stateful.verbs[-1][0] == "DELETE"
    assert (await caller.call("read_file")).status_code == 404


async def test_other_verbs_are_told_what_there_is(caller: Caller) -> None:
    answer = await caller.client.put(url(caller), headers=caller.headers())
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST, DELETE")
    answer = await caller.client.get(url(caller), headers=caller.headers(MCP_Protocol_Version="2026-07-28"))
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    answer = await caller.client.get(url(caller), headers=caller.headers(Accept="application/json"))
    assert answer.status_code == 406


async def test_an_upstream_that_forgot_the_session_ends_it(
    caller: Caller, upstream: FakeUpstream, stateful: Stateful
) -> None:
    async def answer(request: web.Request, message: Any) -> web.StreamResponse:
        return web.Response(status=404)

    upstream.answer = answer
    assert (await caller.call("read_file")).status_code == 404
    upstream.answer = stateful
    assert (await caller.call("read_file")).status_code == 404  # the gateway has forgotten it too


def test_one_agent_leaves_streams_for_the_others() -> None:
    load = Load(Limits(streams=6, streams_per_agent=4))
    with ExitStack() as open_ones:
        for _ in range(4):
            load.enter()
            open_ones.enter_context(load.as_stream(("t_one", "agent")))
        with pytest.raises(RateLimited), load.as_stream(("t_one", "agent")):
            pass
        for _ in range(2):
            load.enter()
            open_ones.enter_context(load.as_stream(("t_two", "agent")))
        with pytest.raises(RateLimited), load.as_stream(("t_two", "agent")):
            pass
        assert (load.calls, load.streams) == (0, 6)
    assert (load.calls, load.streams) == (6, 0)
    with load.as_stream(("t_one", "agent")):
        assert load.streams == 1


def test_one_agent_comes_and_goes_only_so_often() -> None:
    load = Load(Limits(visits_at_once=3, visits_per_second=0.001))
    for _ in range(3):
        load.visit(("t_one", "agent"))
    with pytest.raises(RateLimited):
        load.visit(("t_one", "agent"))
    load.visit(("t_two", "agent"))
