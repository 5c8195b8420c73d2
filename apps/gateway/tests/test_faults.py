"""Backends that are dead, slow, half-open or wrong, and clients that leave: a clear end each, and an entry for it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from apps.gateway.app import Gateway
from apps.gateway.tests.conftest import Caller, FakeUpstream, Tenant, events_of, eventually

CallerOf = Callable[..., Caller]


@pytest.fixture
def ready(tenant: Tenant, upstream: FakeUpstream) -> Tenant:
    tenant.server(transport="http", url=upstream.url)
    return tenant


@pytest.fixture
def caller(ready: Tenant, caller_of: CallerOf) -> Caller:
    _, token = ready.agent("filesystem:read")
    return caller_of(ready, token)


def outcomes(tenant: Tenant) -> Callable[[], list[dict[str, Any]]]:
    return lambda: tenant.log("call.outcome")


async def test_a_dead_backend_is_a_502(tenant: Tenant, caller_of: CallerOf) -> None:
    tenant.server(transport="http", url="http://127.0.0.1:9/mcp")
    _, token = tenant.agent("filesystem:read")
    answer = await caller_of(tenant, token).call("read_file")
    assert (answer.status_code, answer.json()["error"]["code"], answer.json()["id"]) == (502, -32006, 1)
    outcome = (await eventually(outcomes(tenant)))[0]
    assert (outcome["response_code"], outcome["error"]) == (502, "upstream_unreachable")


async def test_a_slow_backend_is_a_504(ready: Tenant, caller: Caller, upstream: FakeUpstream) -> None:
    async def answer(request: web.Request, message: Any) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    upstream.answer = answer
    answered = await caller.call("read_file")
    assert (answered.status_code, answered.json()["error"]["code"]) == (504, -32007)
    assert (await eventually(outcomes(ready)))[0]["error"] == "upstream_slow"


async def test_a_backend_that_trickles_forever_is_given_up(
    ready: Tenant, caller: Caller, upstream: FakeUpstream
) -> None:
    async def answer(request: web.Request, message: Any) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for _ in range(100):
            await response.write(b" ")
            await asyncio.sleep(0.2)
        return response

    upstream.answer = answer
    assert (await caller.call("read_file")).status_code == 504


@pytest.mark.parametrize(
    ("status", "kind", "body", "code"),
    [
        (200, "text/html", "<p>hello", "upstream_not_json"),
        (200, "application/json", "{", "upstream_not_json"),
        (200, "application/json", "[]", "upstream_not_json_rpc"),
        (302, "text/plain", "", "upstream_http_status"),
        (500, "text/plain", "secret trace", "upstream_http_status"),
        (401, "application/json", '{"error":"x"}', "upstream_refused_gateway"),
    ],
)
async def test_a_wrong_answer_is_a_502_that_says_nothing_of_it(
    ready: Tenant, caller: Caller, upstream: FakeUpstream, status: int, kind: str, body: str, code: str
) -> None:
    async def answer(request: web.Request, message: Any) -> web.StreamResponse:
        headers = {"Location": "http://elsewhere.test/"} if status == 302 else {}
        return web.Response(status=status, text=body, content_type=kind, headers=headers)

    upstream.answer = answer
    answered = await caller.call("read_file")
    assert (answered.status_code, answered.json()["error"]["data"]["code"]) == (502, code)
    assert "secret" not in answered.text
    assert "www-authenticate" not in answered.headers
    assert (await eventually(outcomes(ready)))[0]["error"] == code


async def test_an_answer_for_another_request_is_given_the_right_id(caller: Caller, upstream: FakeUpstream) -> None:
    async def answer(request: web.Request, message: Any) -> web.StreamResponse:
        return web.json_response({"jsonrpc": "2.0", "id": 999, "result": {"content": []}, "smuggled": True})

    upstream.answer = answer
    assert (await caller.call("read_file")).json() == {"jsonrpc": "2.0", "id": 1, "result": {"content": []}}


async def streamed(request: web.Request, *chunks: bytes, then: float = 0.0) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for chunk in chunks:
        await response.write(chunk)
    await asyncio.sleep(then)
    return response


NOTE = b'data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}\n\n'


async def test_progress_and_answer_of_a_stream_arrive_and_are_counted(
    ready: Tenant, caller: Caller, upstream: FakeUpstream
) -> None:
    async def answer(request: web.Request, message: Any) -> web.StreamResponse:
        return await streamed(
            request, b"id: 1\ndata: \n\n", NOTE, NOTE, b'data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n'
        )

    upstream.answer = answer
    answered = await caller.call("read_file")
    assert [event.get("method", "answer") for event in events_of(answered)] == ["notifications/progress"] * 2 + [
        "answer"
    ]
    assert "id: 1\n" in answered.text
    outcome = (await eventually(outcomes(ready)))[0]
    assert outcome["extra"]["messages"] == {"notifications/progress": 2}


async def test_a_stream_that_breaks_off_ends_in_an_error_event(
    ready: Tenant, caller: Caller, upstream: FakeUpstream
) -> None:
    async def answer(request: web.Request, message: Any) -> web.StreamResponse:
        response = await streamed(request, NOTE)
        assert request.transport is not None
        request.transport.abort()
        return response

    upstream.answer = answer
    events = events_of(await caller.call("read_file"))
    assert events[-1]["error"]["code"] == -32006
    assert (await eventually(outcomes(ready)))[0]["error"] == "upstream_broke_off"


async def test_a_half_open_stream_is_given_up(ready: Tenant, caller: Caller, upstream: FakeUpstream) -> None:
    async def answer(request: web.Request, message: Any) -> web.StreamResponse:
        return await streamed(request, NOTE, then=30)

    upstream.answer = answer
    events = events_of(await caller.call("read_file"))
    assert events[-1]["error"]["code"] == -32007
    assert (await eventually(outcomes(ready)))[0]["error"] == "upstream_slow"


async def test_a_client_that_leaves_cancels_the_call_and_leaves_an_outcome(
    ready: Tenant, upstream: FakeUpstream, gateway: Gateway
) -> None:
    left = asyncio.Event()

    async def answer(request: web.Request, message: Any) -> web.StreamResponse:
        try:
            await asyncio.sleep(30)
        finally:
            left.set()
        return web.Response()

    upstream.answer = answer
    _, token = ready.agent("filesystem:read")
    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file"}}'
    headers = {"host": ready.host, "authorization": f"Bearer {token}", "content-type": "application/json"}
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/mcp/v1/files",
        "scheme": "http",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": body, "more_body": False},
        {"type": "http.disconnect"},
    ]

    async def receive() -> dict[str, Any]:
        if len(messages) == 1:
            await eventually(lambda: upstream.seen)
        return messages.pop(0)

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    before = asyncio.all_tasks()
    await asyncio.wait_for(gateway(scope, receive, send), 10)
    assert sent == []
    assert (await eventually(outcomes(ready)))[0]["error"] == "caller_gone"
    left_over = {task.get_name() for task in asyncio.all_tasks() - before if task.get_name().startswith("gateway")}
    assert left_over == set()


async def test_a_cancelled_call_is_cancelled_upstream_and_ends(
    ready: Tenant, caller: Caller, upstream: FakeUpstream
) -> None:
    async def answer(request: web.Request, message: Any) -> web.StreamResponse:
        if message["method"] == "notifications/cancelled":
            return web.Response(status=202)
        await asyncio.sleep(30)
        return web.Response()

    upstream.answer = answer
    calling = asyncio.create_task(caller.call("read_file", id="slow"))
    await eventually(lambda: upstream.seen)
    assert (await caller.ask("notifications/cancelled", {"requestId": "slow"}, id=None)).status_code == 202
    assert upstream.seen[-1]["params"] == {"requestId": "slow"}
    assert (await calling).status_code == 504
    assert [entry["method"] for entry in ready.messages()] == ["notifications/cancelled"]
