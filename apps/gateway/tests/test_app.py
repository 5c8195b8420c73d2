"""Whole calls with an HTTP upstream: what passes, what does not, what is logged."""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
from aiohttp import web

from apps.agents import services as agents
from apps.gateway.tests.conftest import Caller, FakeUpstream, Tenant, eventually, rpc

CallerOf = Callable[..., Caller]


@pytest.fixture
def ready(tenant: Tenant, upstream: FakeUpstream) -> Tenant:
    tenant.server(transport="http", url=upstream.url, headers={"X-Api-Key": "of the server"})
    return tenant


async def test_it_forwards_an_allowed_call_and_logs_decision_and_outcome(
    ready: Tenant, upstream: FakeUpstream, caller_of: CallerOf
) -> None:
    agent, token = ready.agent("filesystem:read")
    answer = await caller_of(ready, token).call("read_file", path="/srv/a.txt")
    assert (answer.status_code, answer.json()["result"]["content"][0]["text"]) == (200, "done")
    assert upstream.seen[0]["params"] == {"name": "read_file", "arguments": {"path": "/srv/a.txt"}}
    outcome = (await eventually(lambda: ready.log("call.outcome")))[0]
    decision = ready.log("call.decision")[0]
    assert outcome["parent_event_id"] == decision["id"]
    assert (decision["agent_id"], decision["tool_name"], decision["policy_result"]) == (agent, "read_file", "allow")
    assert (decision["target"], decision["method"]) == ("/srv/a.txt", "tools/call")


async def test_it_gives_the_upstream_the_registrys_credentials_and_never_the_callers(
    ready: Tenant, upstream: FakeUpstream, caller_of: CallerOf
) -> None:
    _, token = ready.agent("filesystem:read")
    await caller_of(ready, token).ask("tools/call", {"name": "read_file"}, Cookie="a=b", X_Other="x")
    sent = upstream.headers[0]
    assert sent["X-Api-Key"] == "of the server"
    assert not {"Authorization", "Cookie", "X-Other"} & set(sent)


async def test_it_answers_a_denied_call_with_a_tool_result_that_names_the_entry(
    ready: Tenant, upstream: FakeUpstream, caller_of: CallerOf
) -> None:
    _, token = ready.agent("filesystem:read")
    answer = await caller_of(ready, token).call("read_file", path="/etc/shadow")
    result = answer.json()["result"]
    account = result["_meta"]["behavry/decision"]
    assert (answer.status_code, result["isError"], upstream.seen) == (200, True, [])
    assert json.loads(result["content"][1]["text"]) == account
    entry = ready.log("call.decision")[0]
    assert account["event_id"] == str(entry["id"])
    assert account["decision"] == entry["policy_result"] == "deny"
    assert (account["reason"], account["policy"]) == (entry["policy_reason"], entry["policy_id"])


async def test_it_answers_other_denials_with_an_error_that_carries_the_same(
    ready: Tenant, upstream: FakeUpstream, caller_of: CallerOf
) -> None:
    _, token = ready.agent("slack:read")
    answer = await caller_of(ready, token).ask("completion/complete", {"ref": {"type": "ref/prompt", "name": "x"}})
    error = answer.json()["error"]
    assert error["code"] == -32003
    assert set(error["data"]) == {"decision", "reason", "policy", "event_id"}
    assert upstream.seen == []


async def test_it_denies_a_secret_before_it_leaves_and_keeps_it_out_of_the_log(
    ready: Tenant, upstream: FakeUpstream, caller_of: CallerOf
) -> None:
    _, token = ready.agent("filesystem:*")
    secret = "AKIA" + "Q3EGRIJ7PLMWXZ2T"
    answer = await caller_of(ready, token).call("write_file", path=f"/srv/{secret}", content=f"key={secret}")
    assert answer.json()["result"]["_meta"]["behavry/decision"]["policy"].startswith("dlp.")
    assert upstream.seen == []
    assert secret not in answer.text
    assert secret not in repr(ready.log())
    assert ready.log("call.decision")[0]["stage"] == "dlp"


@pytest.mark.parametrize("said", ["result", "error"])
async def test_a_hidden_tool_is_not_listed_and_answered_for_like_one_that_is_not_there(
    ready: Tenant, upstream: FakeUpstream, caller_of: CallerOf, said: str
) -> None:
    async def answer(request: web.Request, message: Any) -> web.StreamResponse:
        if message["method"] == "tools/list":
            return rpc(message, {"tools": [{"name": n} for n in ("write_file", "read_file", "list_all", "delete_x")]})
        name = message["params"]["name"]
        if said == "result":
            return rpc(message, {"content": [{"type": "text", "text": f"Unknown tool: {name}"}], "isError": True})
        error = {"code": -32602, "message": f"MCP error -32602: Tool {name} not found"}
        return web.json_response({"jsonrpc": "2.0", "id": message["id"], "error": error}, status=400)

    upstream.answer = answer
    _, token = ready.agent("filesystem:read")
    caller = caller_of(ready, token)
    listed = (await caller.ask("tools/list")).json()["result"]["tools"]
    assert [tool["name"] for tool in listed] == ["list_all", "read_file"]
    hidden, missing = await caller.call("delete_x", path="/a"), await caller.call("read_y", path="/a")
    assert upstream.methods == ["tools/list", "tools/call"]  # nobody asked the upstream about the hidden one
    assert hidden.text.replace("delete_x", "read_y") == missing.text
    assert (hidden.status_code, dict(hidden.headers) | {"content-length": ""}) == (
        missing.status_code,
        dict(missing.headers) | {"content-length": ""},
    )
    assert ready.log("call.decision")[0]["policy_result"] == "deny"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":NaN}}', 400, -32700),
        (b"[" * 200 + b"]" * 200, 400, -32700),
        (b"[]", 400, -32600),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', 400, -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}', 400, -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}', 400, -32600),
        (
            b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"x":"' + b"a" * (5 * 1024 * 1024) + b'"}}',
            413,
            -32011,
        ),
    ],
)
async def test_it_refuses_what_it_cannot_read_and_says_so_in_the_log(
    ready: Tenant, upstream: FakeUpstream, caller_of: CallerOf, body: bytes, status: int, code: int
) -> None:
    _, token = ready.agent("filesystem:read")
    answer = await caller_of(ready, token).send(body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert upstream.seen == []
    assert (await eventually(lambda: ready.log("call.refused")))[0]["response_code"] == status


async def test_it_forwards_what_it_judged_and_not_the_bytes_it_was_sent(
    ready: Tenant, upstream: FakeUpstream, caller_of: CallerOf
) -> None:
    _, token = ready.agent("filesystem:read")
    body = (
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","extra":1,'
        b'"params":{"name":"delete_x","name":"read_file","arguments":{"path":"/a","path":"/b"}}}'
    )
    await caller_of(ready, token).send(body)
    assert upstream.seen[0] == {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "read_file", "arguments": {"path": "/b"}},
    }
    assert ready.log("call.decision")[0]["tool_name"] == "read_file"


async def test_arguments_that_are_not_an_object_are_refused(
    ready: Tenant, upstream: FakeUpstream, caller_of: CallerOf
) -> None:
    _, token = ready.agent("filesystem:read")
    answer = await caller_of(ready, token).ask("tools/call", {"name": "read_file", "arguments": ["/etc/shadow"]})
    assert (answer.status_code, answer.json()["error"]["code"], upstream.seen) == (400, -32602, [])


async def test_an_unknown_method_needs_the_policys_word(
    ready: Tenant, upstream: FakeUpstream, caller_of: CallerOf
) -> None:
    _, reader = ready.agent("filesystem:read")
    _, runner = ready.agent("filesystem:execute")
    assert (await caller_of(ready, reader).ask("future/thing")).json()["error"]["code"] == -32003
    assert (await caller_of(ready, runner).ask("future/thing")).json()["result"]
    assert upstream.methods == ["future/thing"]


async def test_a_suspended_or_revoked_agent_is_refused_on_the_very_next_call(
    ready: Tenant, upstream: FakeUpstream, caller_of: CallerOf
) -> None:
    agent, token = ready.agent("filesystem:read")
    caller = caller_of(ready, token)
    assert (await caller.call("read_file")).json()["result"]["isError"] is False
    ready.inside(lambda: agents.revoke(UUID(agent), actor="system"))
    assert (await caller.call("read_file")).status_code == 401
    assert len(upstream.seen) == 1


async def test_a_new_server_is_there_on_the_very_next_call(
    ready: Tenant, upstream: FakeUpstream, caller_of: CallerOf
) -> None:
    _, token = ready.agent("filesystem:read")
    caller = caller_of(ready, token, "later")
    answer = await caller.call("read_file")
    assert (answer.status_code, answer.json()["error"]["message"]) == (404, "Unknown server")
    ready.server("later", transport="http", url=upstream.url)
    assert (await caller.call("read_file")).status_code == 200


async def test_a_notification_is_recorded_forwarded_and_acknowledged(
    ready: Tenant, upstream: FakeUpstream, caller_of: CallerOf
) -> None:
    _, token = ready.agent("filesystem:read")
    answer = await caller_of(ready, token).ask("notifications/initialized", id=None)
    assert (answer.status_code, answer.content) == (202, b"")
    assert upstream.methods == ["notifications/initialized"]
    assert ready.log("message.recorded")[0]["method"] == "notifications/initialized"


async def test_a_batch_is_judged_message_by_message(ready: Tenant, upstream: FakeUpstream, caller_of: CallerOf) -> None:
    _, token = ready.agent("filesystem:read")

    def call(id: int, tool: str) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool}}

    notification = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    batch = [call(1, "read_a"), notification, call(2, "delete_b"), call(3, "read_c")]
    answer = await caller_of(ready, token).send(batch, MCP_Protocol_Version="2025-03-26")
    found = {item["id"]: item for item in answer.json()}
    assert sorted(found) == [1, 2, 3]
    assert found[1]["result"]["isError"] is False
    assert found[2]["error"]["message"] == "Unknown tool: delete_b"
    assert sorted(upstream.methods) == ["notifications/initialized", "tools/call", "tools/call"]
    refused = await caller_of(ready, token).send(batch, MCP_Protocol_Version="2025-11-25")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, -32600)


async def test_it_sheds_load_with_429_and_a_hint(
    ready: Tenant, upstream: FakeUpstream, gateway: Any, caller_of: CallerOf
) -> None:
    gate = asyncio.Event()

    async def answer(request: web.Request, message: Any) -> web.StreamResponse:
        await gate.wait()
        return rpc(message, {})

    upstream.answer = answer
    _, token = ready.agent("filesystem:read")
    caller = caller_of(ready, token)
    calls = [asyncio.create_task(caller.call("read_file", id=n)) for n in range(6)]
    answers: list[httpx.Response] = []
    done, waiting = await asyncio.wait(calls, timeout=1.5)
    answers = [task.result() for task in done]
    gate.set()
    answers += [await task for task in waiting]
    shed = [a for a in answers if a.status_code == 429]
    assert len(shed) == 2
    assert shed[0].headers["retry-after"] == "1"
    assert shed[0].json()["error"]["code"] == -32008
    assert (await caller.call("read_file")).status_code == 200
