"""A connected MCP client session through the gateway. Needs the extra `mcp`: `pip install behavry[mcp]`."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2  # what the MCP SDK speaks HTTP with
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from .auth import CHANNEL, PROMPT, REQUESTER, guard
from .client import Behavry

TIMEOUT = httpx2.Timeout(30.0, read=300.0)  # a server may hold a stream open


class McpAuth(httpx2.Auth):
    """`BehavryAuth` for the MCP SDK's own HTTP client."""

    requires_request_body = True

    def __init__(self, behavry: Behavry, requester_id: str | None = None, requester_channel: str | None = None) -> None:
        self._behavry = behavry
        self._requester_id = behavry.requester_id if requester_id is None else requester_id
        self._requester_channel = behavry.requester_channel if requester_channel is None else requester_channel

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        guard(self._behavry, str(request.url))
        await request.aread()
        token = await self._behavry.atoken()
        response = yield self._signed(request, token)
        if response.status_code == 401:
            yield self._signed(request, await self._behavry.areplace(token))

    def _signed(self, request: httpx2.Request, token: str) -> httpx2.Request:
        request.headers["Authorization"] = f"Bearer {token}"
        if self._requester_id:
            request.headers[REQUESTER] = self._requester_id
        if self._requester_channel:
            request.headers[CHANNEL] = self._requester_channel
        if self._behavry.system_prompt_hash:
            request.headers[PROMPT] = self._behavry.system_prompt_hash
        return request


@asynccontextmanager
async def connect(
    behavry: Behavry,
    server: str,
    *,
    requester_id: str | None = None,
    requester_channel: str | None = None,
    **options: Any,
) -> AsyncIterator[Client]:
    """A session with the MCP server of this name, every call of it governed; closed with the block.

    `options` are those of `mcp.Client`: callbacks, `mode`, `read_timeout_seconds`, …
    """
    auth = McpAuth(behavry, requester_id, requester_channel)
    async with httpx2.AsyncClient(auth=auth, timeout=TIMEOUT) as http:
        transport = streamable_http_client(behavry.server_url(server), http_client=http)
        async with Client(transport, **options) as session:
            yield session
