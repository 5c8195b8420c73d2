"""The package as its users see it: installed under its own name, typed, against the real token endpoint."""

import itertools
import json
import os
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import jwt
import pytest
from mcp import Client
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthToken

from apps.agents import services as agents
from apps.audit.models import AuditEntry
from apps.tenants import services as tenants
from apps.tenants.context import in_tenant

SOURCE = Path(__file__).resolve().parents[1] / "src"
ROOT = Path(__file__).resolve().parents[3]
NUMBERS = itertools.count(77)
TOKENS = """
import asyncio, json
from behavry import Behavry, TokenRefused
behavry = Behavry()
first = behavry.token()
second = asyncio.run(behavry.areplace(first))
try:
    Behavry(client_secret="wrong").token()
except TokenRefused as error:
    print(json.dumps([first, second, error.code]))
"""
CALLS = """
import asyncio, json
from behavry import Behavry
from behavry.mcp import connect
async def main():
    async with connect(Behavry(), "sums", requester_id="mira") as session:
        names = [tool.name for tool in (await session.list_tools()).tools]
        answer = await session.call_tool("double", {"number": 21})
        print(json.dumps([names, answer.structured_content]))
asyncio.run(main())
"""
BACKEND = """
import sys
import uvicorn
from mcp.server import MCPServer
server = MCPServer("sums")
@server.tool()
def double(number: int) -> int:
    return number * 2
uvicorn.run(server.streamable_http_app(host="127.0.0.1"), fd=int(sys.argv[1]), log_level="error")
"""


@dataclass(frozen=True, slots=True)
class Running:
    """A tenant of its own, its gateway and an MCP server behind it."""

    url: str
    schema: str
    env: dict[str, str]


def run(arguments: list[str], env: dict[str, str], cwd: Path) -> "subprocess.CompletedProcess[str]":
    plain = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"}}
    return subprocess.run(
        [sys.executable, *arguments], env={**plain, **env}, cwd=cwd, capture_output=True, text=True, timeout=120
    )


@contextmanager
def serving(host: str, arguments: Callable[[int], list[str]]) -> Iterator[str]:
    """A server process on a socket that listens before it starts, so that nobody has to wait for it."""
    with socket.socket() as listener:
        listener.bind((host, 0))
        listener.listen()
        server = subprocess.Popen(
            [sys.executable, *arguments(listener.fileno())],
            cwd=ROOT,
            pass_fds=[listener.fileno()],
            env={**os.environ, "BEHAVRY_ALLOWED_HOSTS": "*", "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield f"http://{host}:{listener.getsockname()[1]}"
        finally:
            server.terminate()
            try:
                server.wait(20)
            finally:
                server.kill()


@pytest.fixture
def running(fresh_tenant: Callable[[], str]) -> Iterator[Running]:
    number = next(NUMBERS)
    host = f"127.0.0.{number}"  # a tenant is found by its host; these are on every Linux machine
    schema = tenants.create_tenant(name="SDK", slug=f"sdk{number}", hosts=[host]).schema_name
    with (
        serving("127.0.0.1", lambda fd: ["-c", BACKEND, str(fd)]) as backend,
        serving(host, lambda fd: ["-m", "uvicorn", "behavry.asgi:application", "--fd", str(fd)]) as url,
    ):
        with in_tenant(schema):
            made = agents.register(name="sdk", actor="system", permissions=["generic:read"])
            agents.register_server(
                name="sums",
                transport="http",
                url=f"{backend}/mcp",
                tool_actions={"double": "read"},
                actor="system",
            )
        env = {"PYTHONPATH": str(SOURCE), "BEHAVRY_URL": url}
        env |= {"BEHAVRY_CLIENT_ID": made.agent.client_id, "BEHAVRY_CLIENT_SECRET": made.client_secret}
        yield Running(url, schema, env)


def test_it_ships_its_types() -> None:
    project = tomllib.loads((SOURCE.parent / "pyproject.toml").read_text())
    assert project["tool"]["setuptools"]["package-data"] == {"behavry": ["py.typed"]}
    assert (SOURCE / "behavry" / "py.typed").exists()


@pytest.mark.processes
def test_it_gets_tokens_from_the_real_endpoint(running: Running, tmp_path: Path) -> None:
    found = run(["-c", TOKENS], running.env, tmp_path)
    assert found.returncode == 0, found.stderr
    first, second, code = json.loads(found.stdout)
    assert first != second
    assert code == "invalid_client"


@pytest.mark.processes
def test_it_calls_a_tool_through_the_real_gateway(running: Running, tmp_path: Path) -> None:
    found = run(["-c", CALLS], running.env, tmp_path)
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout) == [["double"], {"result": 42}]
    with in_tenant(running.schema):
        entry = AuditEntry.objects.get(kind="call.decision", tool_name="double")
    assert (entry.policy_result, entry.requester_id) == ("allow", "mira")


class Memory:
    """Where the MCP client keeps its tokens."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> None:
        return None

    async def set_client_info(self, client_info: object) -> None:
        raise AssertionError("the credentials are given, nothing is registered")


@pytest.mark.processes
async def test_the_official_mcp_client_finds_its_way_without_this_package(running: Running) -> None:
    server, storage = f"{running.url}/mcp/v1/sums", Memory()
    provider = ClientCredentialsOAuthProvider(
        server,
        storage,
        running.env["BEHAVRY_CLIENT_ID"],
        running.env["BEHAVRY_CLIENT_SECRET"],
        issuer=running.url,
    )
    async with (
        httpx2.AsyncClient(auth=provider, timeout=60) as http,
        Client(streamable_http_client(server, http_client=http)) as session,
    ):
        answer = await session.call_tool("double", {"number": 4})
    assert answer.structured_content == {"result": 8}
    assert storage.tokens is not None
    audience = jwt.decode(storage.tokens.access_token, options={"verify_signature": False})["aud"]
    assert audience.endswith("/mcp/v1/sums")
