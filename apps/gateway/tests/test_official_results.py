"""The official client, in both eras, while the result of its call waits for a person."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult

from apps.gateway.app import Gateway
from apps.gateway.tests.conftest import FakeUpstream, Tenant
from apps.gateway.tests.fetching import ORDER, Fetching
from apps.gateway.tests.holding import HASTY, LIMITS
from apps.gateway.tests.test_official_client import served

ERAS = ("legacy", "2026-07-28")


@pytest.fixture
def room(tenant: Tenant, upstream: FakeUpstream) -> Fetching:
    return Fetching(tenant, upstream)


@contextlib.asynccontextmanager
async def connected(port: int, room: Fetching, mode: str) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {room.token}", "Host": room.tenant.host}
    async with httpx2.AsyncClient(headers=headers, timeout=20) as http:
        transport = streamable_http_client(f"http://127.0.0.1:{port}/mcp/v1/{room.server}", http_client=http)
        async with Client(transport, mode=mode) as client:
            yield client


async def read(client: Client, text: str = "a") -> CallToolResult:
    return await client.call_tool("post_message", {"text": text})


def text_of(result: CallToolResult) -> str:
    return str(result.content[0].text)  # type: ignore[union-attr]


def told(result: CallToolResult) -> dict[str, Any]:
    assert result.is_error is True
    assert result.meta is not None
    facts: dict[str, Any] = result.meta["behavry/decision"]
    return facts


@pytest.mark.parametrize("mode", ERAS)
async def test_a_client_that_knows_nothing_of_this_gets_what_a_person_lets_go(room: Fetching, mode: str) -> None:
    async with Gateway(LIMITS) as gateway, served(gateway) as port, connected(port, room, mode) as client:
        calling = asyncio.create_task(read(client))
        await room.answers(await room.asked(), "allow_sanitized")
        result = await calling
        assert (result.is_error, ORDER in text_of(result)) == (False, False)
        assert "Minutes of Monday" in text_of(result)
        assert len(room.forwarded) == 1


@pytest.mark.parametrize("mode", ERAS)
async def test_a_client_comes_again_for_its_result(room: Fetching, mode: str) -> None:
    async with Gateway(HASTY) as gateway, served(gateway) as port, connected(port, room, mode) as client:
        assert told(await read(client))["status"] == "pending"
        assert told(await read(client))["status"] == "pending"
        await room.answers(await room.asked(), "allow_original")
        assert ORDER in text_of(await read(client))
        assert len(room.forwarded) == 1


@pytest.mark.parametrize("mode", ERAS)
async def test_a_client_is_told_that_its_result_is_blocked(room: Fetching, mode: str) -> None:
    async with Gateway(LIMITS) as gateway, served(gateway) as port, connected(port, room, mode) as client:
        calling = asyncio.create_task(read(client))
        await room.answers(await room.asked(), "block", "not this page")
        result = await calling
        assert told(result)["decision"] == "deny"
        assert "not this page" in text_of(result)
        assert len(room.forwarded) == 1
