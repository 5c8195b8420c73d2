"""The official MCP client and server, in both eras, through a real server process's worth of HTTP."""

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
import uvicorn
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from apps.gateway.app import Gateway
from apps.gateway.tests.conftest import Tenant, eventually

SERVER = Path(__file__).with_name("official_server.py")


@contextlib.asynccontextmanager
async def served(gateway: Gateway) -> AsyncIterator[int]:
    config = uvicorn.Config(gateway, lifespan="off", log_level="warning", ws="none", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[assignment, method-assign]
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    task = asyncio.create_task(server.serve([listening]))
    await eventually(lambda: server.started)
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        await task
        listening.close()


@contextlib.asynccontextmanager
async def connected(port: int, tenant: Tenant, token: str, mode: str) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {token}", "Host": tenant.host}
    async with httpx2.AsyncClient(headers=headers, timeout=20) as http:
        transport = streamable_http_client(f"http://127.0.0.1:{port}/mcp/v1/official", http_client=http)
        async with Client(transport, mode=mode) as client:
            yield client


@pytest.fixture
def token(tenant: Tenant) -> str:
    tenant.server("official", transport="stdio", command=[sys.executable, str(SERVER)])
    return tenant.agent("filesystem:read")[1]


@pytest.mark.parametrize("mode", ["auto", "legacy", "2026-07-28"])
async def test_the_official_client_works_in_every_era(tenant: Tenant, token: str, gateway: Gateway, mode: str) -> None:
    notes: list[float] = []

    async def progress(progress: float, total: float | None, message: str | None) -> None:
        notes.append(progress)

    async with served(gateway) as port, connected(port, tenant, token, mode) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == ["read_slowly", "read_sum"]
        result = await client.call_tool("read_sum", {"a": 2, "b": 3})
        assert result.structured_content == {"result": 5}
        await client.call_tool("read_slowly", {}, progress_callback=progress)
        assert notes == [1.0, 2.0]
        denied = await client.call_tool("read_sum", {"a": 1, "b": 1, "path": "/etc/shadow"})
        assert denied.is_error
        assert denied.meta is not None
        assert denied.meta["behavry/decision"]["decision"] == "deny"
        with pytest.raises(Exception, match="Unknown tool: delete_all"):
            await client.call_tool("delete_all", {})
    assert {row["tool_name"] for row in tenant.log("call.outcome")} >= {"read_sum", "read_slowly"}


async def test_many_clients_share_a_gateway(tenant: Tenant, token: str, gateway: Gateway) -> None:
    async def work(port: int, n: int) -> object:
        async with connected(port, tenant, token, "auto") as client:
            return (await client.call_tool("read_sum", {"a": n, "b": n})).structured_content

    async with served(gateway) as port:
        sums = await asyncio.gather(*(work(port, n) for n in range(3)))
    assert sums == [{"result": 2 * n} for n in range(3)]
