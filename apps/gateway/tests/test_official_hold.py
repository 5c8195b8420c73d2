"""The official client, in both eras and over both transports, while its call waits for a person."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from aiohttp import web
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult

from apps.gateway.app import Gateway
from apps.gateway.tests.conftest import FakeUpstream, Tenant, rpc
from apps.gateway.tests.holding import HASTY, LIMITS, TEXT, Room
from apps.gateway.tests.test_official_client import served

SERVER = Path(__file__).with_name("official_server.py")
ERAS = ("legacy", "2026-07-28")
TRANSPORTS = ("http", "stdio")


class Backend(Room):
    """The fake backend as far as a session goes, or the official server over stdio."""

    def __init__(self, tenant: Tenant, upstream: FakeUpstream, transport: str) -> None:
        super().__init__(tenant, upstream)
        if transport == "stdio":
            self.server += "s"
            tenant.server(self.server, kind="slack", transport="stdio", command=[sys.executable, str(SERVER)])

    async def answer(self, request: web.Request, message: Any) -> web.StreamResponse:
        if isinstance(message, dict) and message.get("method") == "initialize":
            opened = {
                "protocolVersion": "2025-11-25",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "fake", "version": "1"},
            }
            return rpc(message, opened, **{"Mcp-Session-Id": "upstream-session"})
        if isinstance(message, dict) and message.get("method") == "tools/call":
            return rpc(message, {"content": [{"type": "text", "text": "done"}], "resultType": "complete"})
        if isinstance(message, dict) and message.get("method") == "tools/list":
            listed = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
            return rpc(message, {"tools": [self.definition], **listed})
        return await super().answer(request, message)


@pytest.fixture(params=TRANSPORTS)
def room(tenant: Tenant, upstream: FakeUpstream, request: pytest.FixtureRequest) -> Backend:
    return Backend(tenant, upstream, request.param)


@contextlib.asynccontextmanager
async def connected(port: int, room: Room, mode: str) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {room.token}", "Host": room.tenant.host}
    async with httpx2.AsyncClient(headers=headers, timeout=20) as http:
        transport = streamable_http_client(f"http://127.0.0.1:{port}/mcp/v1/{room.server}", http_client=http)
        async with Client(transport, mode=mode) as client:
            yield client


async def post(client: Client, **more: Any) -> CallToolResult:
    return await client.call_tool("post_message", {"text": TEXT}, **more)


@pytest.mark.parametrize("mode", ERAS)
async def test_a_client_that_knows_nothing_of_approvals_gets_its_answer_when_a_person_approves(
    room: Backend, mode: str
) -> None:
    async with Gateway(LIMITS) as gateway, served(gateway) as port, connected(port, room, mode) as client:
        calling = asyncio.create_task(post(client))
        await room.resolve(await room.asked(), "approve")
        result = await calling
        assert result.is_error is False
        assert "posted" in result.content[0].text or "done" in result.content[0].text  # type: ignore[union-attr]


@pytest.mark.parametrize("mode", ERAS)
async def test_a_client_is_told_to_come_again_and_passes_after_approval(room: Backend, mode: str) -> None:
    async with Gateway(HASTY) as gateway, served(gateway) as port, connected(port, room, mode) as client:
        told = await post(client)
        assert told.is_error is True
        assert told.meta is not None
        assert told.meta["behavry/decision"]["status"] == "pending"
        await room.resolve(room.escalations()[0], "approve")
        assert (await post(client)).is_error is False
        assert (await post(client)).is_error is True


@pytest.mark.parametrize("mode", ERAS)
async def test_a_client_reads_a_denial_and_why(room: Backend, mode: str) -> None:
    async with Gateway(LIMITS) as gateway, served(gateway) as port, connected(port, room, mode) as client:
        calling = asyncio.create_task(post(client))
        await room.resolve(await room.asked(), "deny", "not today")
        result = await calling
        assert result.is_error is True
        assert "not today" in result.content[0].text  # type: ignore[union-attr]


@pytest.mark.parametrize("mode", ERAS)
async def test_a_clients_patience_is_renewed_by_progress(room: Backend, mode: str) -> None:
    notes: list[float] = []
    enough = asyncio.Event()

    async def progress(progress: float, total: float | None, message: str | None) -> None:
        notes.append(progress)
        if len(notes) == 2:
            enough.set()

    limits = replace(LIMITS, hold_pulse_seconds=0.05)
    async with Gateway(limits) as gateway, served(gateway) as port, connected(port, room, mode) as client:
        calling = asyncio.create_task(post(client, progress_callback=progress))
        row = await room.asked()
        await enough.wait()
        await room.resolve(row, "approve")
        assert (await calling).is_error is False
    assert notes == sorted(notes)
