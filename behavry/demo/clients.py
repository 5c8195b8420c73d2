"""Connects the official MCP client to an endpoint in a chosen era, with a bearer token, and reads its refusals."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult

TIMEOUT = httpx2.Timeout(30.0, read=120.0)


class Era(StrEnum):
    """How the client settles the protocol version; the values are the official client's own words."""

    AUTO = "auto"  # asks server/discover first, falls back to initialize
    STATEFUL = "legacy"  # initialize, sessions
    STATELESS = "2026-07-28"  # no handshake


@dataclass(frozen=True, slots=True)
class Denial:
    """What the gateway says about a call that it refused."""

    decision: str
    reason: str
    policy: str
    event_id: str
    stage: str = ""


@asynccontextmanager
async def connect(
    url: str, token: str = "", *, era: Era = Era.AUTO, headers: Mapping[str, str] | None = None, **options: Any
) -> AsyncIterator[Client]:
    """A connected official client; `options` (callbacks, timeouts) go to `mcp.Client`."""
    sent = {**({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
    async with httpx2.AsyncClient(headers=sent, timeout=TIMEOUT) as http:
        transport = streamable_http_client(url, http_client=http)
        async with Client(transport, mode=era.value, **options) as client:
            yield client


async def fetch_token(base: str, client_id: str, client_secret: str) -> str:
    """An access token for an agent's client credentials. Raises `httpx2.HTTPStatusError` when it is refused."""
    credentials = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
    async with httpx2.AsyncClient(timeout=TIMEOUT) as http:
        response = await http.post(f"{base.rstrip('/')}/api/v1/auth/token", json=credentials)
        response.raise_for_status()
        return str(response.json()["access_token"])


def denial_in_error(error: MCPError) -> Denial | None:
    return _denial(error.error.data)


def denial_in_result(result: CallToolResult) -> Denial | None:
    if not result.is_error:
        return None
    return _denial(result.structured_content) or _denial(result.meta)


def _denial(value: object) -> Denial | None:
    """The members may stand in the value itself or in one of its members, as they do under a key of `_meta`."""
    for found in _mappings(value):
        if isinstance(decision := found.get("decision"), str):
            rest = (str(found.get(name) or "") for name in ("reason", "policy", "event_id", "stage"))
            return Denial(decision, *rest)
    return None


def _mappings(value: object) -> Iterator[Mapping[str, object]]:
    if isinstance(value, Mapping):
        yield value
        yield from (member for member in value.values() if isinstance(member, Mapping))
