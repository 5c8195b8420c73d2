"""Tenant B's agents at tenant A's gateway: tokens, servers and MCP sessions of the one are nothing to the other."""

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.db import connection

from apps.agents import services as agents
from apps.gateway import tests as gateway_tests
from apps.gateway.app import Gateway
from apps.gateway.limits import Limits
from apps.tenants.context import in_tenant
from behavry.tests.doors import head_of

CHILD = Path(gateway_tests.__file__).with_name("child_server.py")
HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
CALL = {"name": "read_echo", "arguments": {"n": 1}}


@dataclass(frozen=True, slots=True)
class Home:
    """A committed tenant with one MCP server of its own and two agents."""

    schema: str
    server: str
    token: str
    colleague: str

    @property
    def host(self) -> str:
        return f"{self.schema.removeprefix('t_')}.test"


@pytest.fixture
def homes(fresh_tenant: Callable[[], str]) -> tuple[Home, Home]:
    return _settled(fresh_tenant(), "files"), _settled(fresh_tenant(), "vault")


def _settled(schema: str, server: str) -> Home:
    with in_tenant(schema):
        command = [sys.executable, str(CHILD)]
        agents.register_server(name=server, transport="stdio", command=command, actor="system", kind="filesystem")
        tokens = []
        for name in ("reader", "colleague"):
            made = agents.register(name=name, actor="system", permissions=["filesystem:read"])
            grant = agents.issue_token(client_id=made.agent.client_id, client_secret=made.client_secret)
            tokens.append(grant.access_token)
    return Home(schema, server, *tokens)


async def ask(
    client: httpx.AsyncClient, home: Home, server: str, token: str, session: str = "", method: str = "tools/call"
) -> httpx.Response:
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": CALL if method == "tools/call" else HELLO}
    sent = {
        "Host": home.host,
        "Authorization": f"Bearer {token}",
        "Accept": "application/json, text/event-stream",
        **({"Mcp-Session-Id": session, "MCP-Protocol-Version": "2025-11-25"} if session else {}),
    }
    return await client.post(f"http://{home.host}/mcp/v1/{server}", json=body, headers=sent)


def entries_of(schema: str) -> int:
    """The end of a tenant's log, read on a thread of its own: the event loop must not touch the database."""

    def read() -> int:
        try:
            return head_of(schema)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(read).result()


async def at_the_gateway(work: Callable[[httpx.AsyncClient], Any]) -> None:
    limits = Limits(call_seconds=5.0, child_idle_seconds=5.0)
    async with Gateway(limits) as gateway, httpx.AsyncClient(transport=httpx.ASGITransport(gateway), timeout=20) as to:
        await work(to)


def test_it_takes_no_token_of_another_tenant_and_says_no_more_than_of_nonsense(homes: tuple[Home, Home]) -> None:
    ours, theirs = homes

    async def work(client: httpx.AsyncClient) -> None:
        before = entries_of(ours.schema)
        for server in (ours.server, theirs.server, "nowhere"):
            foreign = await ask(client, theirs, server, ours.token)
            nonsense = await ask(client, theirs, server, "a.b.c")
            assert (foreign.status_code, foreign.content) == (401, nonsense.content)
            assert foreign.headers["www-authenticate"] == nonsense.headers["www-authenticate"]
            assert ours.schema not in foreign.text + str(foreign.headers)
        assert entries_of(ours.schema) == before

    asyncio.run(at_the_gateway(work))


def test_it_knows_no_server_of_another_tenant(homes: tuple[Home, Home]) -> None:
    ours, theirs = homes

    async def work(client: httpx.AsyncClient) -> None:
        foreign = await ask(client, ours, theirs.server, ours.token)
        nowhere = await ask(client, ours, "nowhere", ours.token)
        assert (foreign.status_code, foreign.content) == (404, nowhere.content)
        assert (await ask(client, ours, ours.server, ours.token, method="initialize")).status_code == 200

    asyncio.run(at_the_gateway(work))


def test_it_opens_no_session_to_anybody_but_the_agent_that_began_it(homes: tuple[Home, Home]) -> None:
    ours, theirs = homes

    async def work(client: httpx.AsyncClient) -> None:
        began = await ask(client, ours, ours.server, ours.token, method="initialize")
        session = began.headers["mcp-session-id"]
        at_home = await ask(client, ours, ours.server, ours.token, session)
        assert at_home.status_code == 200
        assert "n" in at_home.text
        unknown = await ask(client, theirs, theirs.server, theirs.token, "A" * len(session))
        assert unknown.status_code == 404
        for home, token in ((theirs, theirs.token), (ours, ours.colleague)):
            foreign = await ask(client, home, home.server, token, session)
            assert (foreign.status_code, foreign.content) == (404, unknown.content)
            for method in ("GET", "DELETE"):
                sent = {"Host": home.host, "Authorization": f"Bearer {token}", "Mcp-Session-Id": session}
                sent["Accept"] = "text/event-stream"
                answer = await client.request(method, f"http://{home.host}/mcp/v1/{home.server}", headers=sent)
                assert answer.status_code == 404
        assert (await ask(client, ours, ours.server, ours.token, session)).status_code == 200

    asyncio.run(at_the_gateway(work))
