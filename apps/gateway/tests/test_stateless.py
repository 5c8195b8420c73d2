"""The stateless revision: its envelope, its headers, and what a backend of another era makes of it."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from mcp.shared.inbound import classify_inbound_request, decode_header_value, encode_header_value

from apps.gateway import envelope, param_headers
from apps.gateway.messages import Message, ProtocolError
from apps.gateway.tests.conftest import STATELESS, Caller, FakeUpstream, Tenant, rpc

CallerOf = Callable[..., Caller]
TOOL = {
    "name": "read_file",
    "inputSchema": {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}},
}


@pytest.fixture
def ready(tenant: Tenant, upstream: FakeUpstream) -> Tenant:
    tenant.server(transport="http", url=upstream.url)
    return tenant


@pytest.fixture
def caller(ready: Tenant, caller_of: CallerOf) -> Caller:
    _, token = ready.agent("filesystem:read")
    return caller_of(ready, token)


async def test_it_tells_the_upstream_headers_made_from_the_body(caller: Caller, upstream: FakeUpstream) -> None:
    answer = await caller.stateless(
        "resources/read", {"uri": "file:///grüße"}, Mcp_Name=encode_header_value("file:///grüße")
    )
    assert answer.status_code == 200
    sent = upstream.headers[0]
    assert (sent["MCP-Protocol-Version"], sent["Mcp-Method"]) == (STATELESS, "resources/read")
    assert decode_header_value(sent["Mcp-Name"]) == "file:///grüße"


@pytest.mark.parametrize(
    "headers",
    [
        {"Mcp_Method": "tools/list"},
        {"Mcp_Name": "other"},
        {"Mcp_Name": "=?base64?!!?="},
        {"MCP_Protocol_Version": "2025-11-25"},
    ],
)
async def test_a_header_that_differs_from_the_body_is_refused(
    caller: Caller, upstream: FakeUpstream, headers: dict[str, str]
) -> None:
    answer = await caller.stateless("tools/call", {"name": "read_file"}, **headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32020)
    assert upstream.seen == []


async def test_white_space_around_a_header_means_nothing(caller: Caller, upstream: FakeUpstream) -> None:
    answer = await caller.stateless("tools/call", {"name": "read_file"}, Mcp_Name="  read_file  ")
    assert (answer.status_code, upstream.headers[0]["Mcp-Name"]) == (200, "read_file")


async def test_a_routing_header_that_occurs_twice_is_refused(caller: Caller, upstream: FakeUpstream) -> None:
    meta = {envelope.VERSION_KEY: STATELESS, envelope.CAPABILITIES_KEY: {}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "read_file", "_meta": meta}}
    headers = [*caller.headers().items(), ("MCP-Protocol-Version", STATELESS), ("Mcp-Method", "tools/call")]
    headers += [("Mcp-Name", "read_file"), ("Mcp-Name", "delete_file")]
    url = f"http://{caller.host}/mcp/v1/files"
    answer = await caller.client.post(url, json=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"], upstream.seen) == (400, -32020, [])


async def test_an_unknown_version_is_told_which_there_are(caller: Caller) -> None:
    meta = {envelope.VERSION_KEY: "2031-01-01"}
    answer = await caller.stateless("tools/call", {"name": "x", "_meta": meta}, MCP_Protocol_Version="2031-01-01")
    assert answer.status_code == 400
    assert answer.json()["error"]["data"] == {"supported": [STATELESS], "requested": "2031-01-01"}


async def test_a_filtered_list_is_never_shared(caller: Caller, upstream: FakeUpstream) -> None:
    async def answer(request: web.Request, message: Any) -> web.StreamResponse:
        return rpc(message, {"tools": [TOOL], "resultType": "complete", "ttlMs": 10**9, "cacheScope": "public"})

    upstream.answer = answer
    listed = await caller.stateless("tools/list")
    result = listed.json()["result"]
    assert (result["cacheScope"], result["ttlMs"], listed.headers["cache-control"]) == ("private", 60_000, "no-store")


@pytest.mark.parametrize(
    ("region", "header", "status"),
    [("eu", "eu", 200), ("eu", "us", 400), ("eu", None, 400), (None, "eu", 400), ("grün", "=?base64?Z3LDvG4=?=", 200)],
)
async def test_mirrored_arguments_must_equal_their_headers(
    caller: Caller, upstream: FakeUpstream, region: str | None, header: str | None, status: int
) -> None:
    async def answer(request: web.Request, message: Any) -> web.StreamResponse:
        return rpc(message, {"tools": [TOOL]} if message["method"] == "tools/list" else {"content": []})

    upstream.answer, upstream.asked = answer, True
    arguments = {"path": "/a", **({"region": region} if region else {})}
    headers = {"Mcp_Param_Region": header} if header else {}
    answered = await caller.stateless("tools/call", {"name": "read_file", "arguments": arguments}, **headers)
    assert answered.status_code == status
    assert upstream.methods.count("tools/call") == (1 if status == 200 else 0)


async def test_a_header_of_an_unlisted_tool_is_not_forwarded(caller: Caller, upstream: FakeUpstream) -> None:
    await caller.stateless("tools/call", {"name": "read_file", "arguments": {"a": 1}}, Mcp_Param_Region="x")
    assert "Mcp-Param-Region" not in upstream.headers[-1]


@pytest.mark.parametrize("status", [400, 404, 405, 500])
async def test_a_backend_that_only_knows_sessions_lets_clients_fall_back(
    caller: Caller, upstream: FakeUpstream, status: int
) -> None:
    async def answer(request: web.Request, message: Any) -> web.StreamResponse:
        return web.Response(status=status, text="what?")

    upstream.answer = answer
    probe = await caller.stateless("server/discover")
    assert (probe.status_code, probe.json()["error"]["code"]) == (404, -32601)


@given(st.text())
def test_header_values_are_written_and_read_as_the_official_library_does(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    assert envelope.encode(text) == encode_header_value(text)
    assert envelope.decode(envelope.encode(text).encode("latin-1")) == text


@given(st.binary(max_size=12))
def test_malformed_base64_equals_nothing(raw: bytes) -> None:
    value = f"=?base64?{base64.b64encode(raw).decode()[:-1]}?="
    mine, theirs = envelope.decode(value.encode()), decode_header_value(value)
    assert mine == theirs


VERSIONS = st.sampled_from([STATELESS, "2025-11-25", "2030-01-01", "", 7, None])
NAMES = st.sampled_from(["read", "write", None, 3])


@given(
    meta=st.dictionaries(st.sampled_from([envelope.VERSION_KEY, envelope.CAPABILITIES_KEY, "x"]), VERSIONS),
    method=st.sampled_from(["tools/call", "tools/list", "resources/read", "x/y"]),
    name=NAMES,
    header_version=st.sampled_from([STATELESS, "2030-01-01", None]),
    header_method=st.sampled_from(["tools/call", "tools/list", "x/y", None]),
    header_name=st.sampled_from(["read", "write", None]),
)
def test_the_ladder_ends_where_the_official_librarys_does(
    meta: dict[str, Any], method: str, name: Any, header_version: Any, header_method: Any, header_name: Any
) -> None:
    params: dict[str, Any] = {"_meta": meta, "uri" if method == "resources/read" else "name": name}
    headers = {
        key: value
        for key, value in (
            ("mcp-protocol-version", header_version),
            ("mcp-method", header_method),
            ("mcp-name", header_name),
        )
        if value is not None
    }
    verdict = classify_inbound_request({"method": method, "params": params}, headers=headers)
    try:
        raw = {key.encode(): value.encode() for key, value in headers.items()}
        envelope.check_stateless(Message(1, method, params), raw)
        code = None
    except ProtocolError as error:
        code = error.code
    assert code == getattr(verdict, "code", None)


@pytest.mark.parametrize(
    ("value", "header", "equal"),
    [
        (42, "42", True),
        (42.0, "42", True),
        (42, "42.0", True),
        (42, "43", False),
        (True, "true", True),
        (True, "1", False),
    ],
)
def test_integers_compare_as_numbers(value: Any, header: str, equal: bool) -> None:
    kind = "boolean" if isinstance(value, bool) else "integer"
    message = Message(1, "tools/call", {"arguments": {"n": value}})
    headers = {b"mcp-param-n": header.encode()}
    if equal:
        assert set(param_headers.checked(((("n",), "N", kind),), message, headers)) == {"Mcp-Param-N"}
    else:
        with pytest.raises(ProtocolError):
            param_headers.checked(((("n",), "N", kind),), message, headers)
