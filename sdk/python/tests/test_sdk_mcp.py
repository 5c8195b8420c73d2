"""A session opened through the helper is a working MCP session whose every request is signed."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn
from behavry_sdk import Behavry
from behavry_sdk.mcp import connect
from mcp.server import MCPServer


def token_server(seen: list[dict[str, str]], good: set[str]) -> Any:
    """An ASGI application that guards a real MCP server the way the gateway does."""
    tools = MCPServer("files")

    @tools.tool()
    def double(number: int) -> int:
        return number * 2

    inner = tools.streamable_http_app(streamable_http_path="/mcp/v1/files", host="127.0.0.1")

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await inner(scope, receive, send)
            return
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        seen.append(headers)
        if headers.get("authorization", "").removeprefix("Bearer ") in good:
            await inner(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 401, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return application


class Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()


@asynccontextmanager
async def serving(application: Any) -> AsyncIterator[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = Server(uvicorn.Config(application, log_level="error", lifespan="on", ws="none"))
        task = asyncio.create_task(server.serve([listener]))
        await server.listens.wait()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


async def test_it_opens_a_session_and_survives_a_revoked_token() -> None:
    seen: list[dict[str, str]] = []
    good: set[str] = set()
    issued = 0

    def issue(request: httpx.Request) -> httpx.Response:
        nonlocal issued
        issued += 1
        good.add(f"token-{issued}")
        return httpx.Response(200, json={"access_token": f"token-{issued}", "expires_in": 3600})

    async with serving(token_server(seen, good)) as url:
        behavry = Behavry(url, "agt_1", "s", transport=httpx.MockTransport(issue))
        async with connect(behavry, "files", requester_id="mira") as session:
            assert [tool.name for tool in (await session.list_tools()).tools] == ["double"]
            good.clear()
            answer = await session.call_tool("double", {"number": 21})
    assert not answer.is_error
    assert "42" in str(answer.content)
    assert issued == 2
    assert {headers["x-requester-id"] for headers in seen} == {"mira"}
    assert {headers["authorization"] for headers in seen} == {"Bearer token-1", "Bearer token-2"}
