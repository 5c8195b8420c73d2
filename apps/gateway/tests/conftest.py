"""Fixtures of the gateway's tests: a committed tenant, upstreams over HTTP and stdio, and a gateway in this process."""

import asyncio
import json
import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from aiohttp import web
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from apps.agents import services as agents
from apps.agents.models import McpServer
from apps.audit import services as audit
from apps.gateway import asking
from apps.gateway.app import Gateway
from apps.gateway.limits import Limits
from apps.gateway.messages import dumps
from apps.tenants import services as tenants
from apps.tenants.context import in_operator, in_tenant
from apps.tenants.models import TenantConfig

T = TypeVar("T")
STATELESS = "2026-07-28"
BOTH = "application/json, text/event-stream"
CHILD = Path(__file__).with_name("child_server.py")


@dataclass
class FakeUpstream:
    """An upstream that notes what reaches it and answers as it is told."""

    seen: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answer: Callable[[web.Request, Any], Awaitable[web.StreamResponse]] | None = None
    url: str = ""
    asked: bool = False  # whether the gateway's own questions for lists are noted and answered like all others

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        message = json.loads(body) if body else None
        if not self.asked and isinstance(message, dict) and message.get("id") == asking.ID:
            return rpc(message, {})
        self.seen.append(message or {})
        self.headers.append(dict(request.headers))
        if self.answer is not None:
            return await self.answer(request, message)
        if not isinstance(message, dict) or "id" not in message:
            return web.Response(status=202)
        return rpc(message, {"content": [{"type": "text", "text": "done"}], "isError": False})

    @property
    def methods(self) -> list[str]:
        return [message["method"] for message in self.seen if message and "method" in message]


def rpc(message: dict[str, Any], result: Any, **headers: str) -> web.Response:
    return web.Response(
        body=dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}),
        content_type="application/json",
        headers=headers,
    )


@pytest.fixture
async def upstream() -> AsyncIterator[FakeUpstream]:
    fake = FakeUpstream()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_route("*", "/mcp", fake.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}/mcp"
    yield fake
    await runner.cleanup()


@dataclass
class Tenant:
    """A committed tenant, what is registered in it, and its log since the test began."""

    schema: str
    began: int = 0

    def tidied(self) -> "Tenant":
        """Without the servers of other tests, and with a log that seems to begin here."""

        def tidy() -> int:
            for server in McpServer.objects.all():
                agents.remove_server(server.id, actor="system")
            return audit.head(self.schema).seq

        self.began = self.inside(tidy)
        return self

    @property
    def host(self) -> str:
        return f"{self.schema.removeprefix('t_')}.test"

    def inside(self, work: Callable[[], T]) -> T:
        """Run something in the tenant, in a thread of its own: a test's event loop must not touch the database."""

        def apart() -> T:
            try:
                with in_tenant(self.schema):
                    return work()
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as thread:
            return thread.submit(apart).result()

    async def change(self, work: Callable[[], T]) -> T:
        """From an async test, after calls: the gateway may be writing to the log at this moment, holding its head, and
        must not be kept from finishing while this waits for it."""
        return await asyncio.to_thread(self.inside, work)

    def agent(self, *permissions: str, **more: Any) -> tuple[str, str]:
        """Id and access token of a new agent."""

        def make() -> tuple[str, str]:
            made = agents.register(
                name=f"agent{secrets.token_hex(4)}", actor="system", permissions=list(permissions), **more
            )
            grant = agents.issue_token(client_id=made.agent.client_id, client_secret=made.client_secret)
            return str(made.agent.id), grant.access_token

        return self.inside(make)

    def server(self, name: str = "files", **more: Any) -> None:
        options = {"kind": "filesystem", **more}
        self.inside(lambda: agents.register_server(name=name, actor="system", **options))

    def stdio(self, name: str = "child", *arguments: str, **more: Any) -> None:
        self.server(name, transport="stdio", command=[sys.executable, str(CHILD), *arguments], **more)

    def log(self, *kinds: str) -> list[dict[str, Any]]:

        def read() -> list[dict[str, Any]]:
            with connection.cursor() as cursor:
                cursor.execute("SELECT * FROM audit_entry WHERE seq > %s ORDER BY seq", [self.began])
                names = [column[0] for column in cursor.description or ()]
                return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

        rows = self.inside(read)
        return [row for row in rows if row["kind"] in kinds] if kinds else rows

    def messages(self) -> list[dict[str, Any]]:
        """Of the log, what passed between client and server, without what the gateway asks by itself."""
        return [row for row in self.log("message.recorded") if row["extra"].get("direction") != "to_server"]

    def asked(self) -> list[dict[str, Any]]:
        """What the gateway asked by itself."""
        return [row for row in self.log("message.recorded") if row["extra"].get("direction") == "to_server"]


@pytest.fixture(scope="session")
def standing(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> list[str]:
    """Two committed tenants for the whole run: making one takes a second, and a test can tidy up after others."""
    with django_db_blocker.unblock():
        names = [f"gateway{number}" for number in (1, 2)]
        made = [tenants.create_tenant(name=name, slug=name, hosts=[f"{name}.test"]).schema_name for name in names]
        with in_operator():
            TenantConfig.objects.filter(tenant__schema_name__in=made).update(max_agents=10_000)
        connection.close()
        return [str(schema) for schema in made]


@pytest.fixture
def tenant(standing: list[str], django_db_blocker: DjangoDbBlocker) -> Iterator[Tenant]:
    with django_db_blocker.unblock():
        yield Tenant(standing[0]).tidied()


@pytest.fixture
def other_tenant(standing: list[str], django_db_blocker: DjangoDbBlocker) -> Iterator[Tenant]:
    with django_db_blocker.unblock():
        yield Tenant(standing[1]).tidied()


@dataclass
class Caller:
    """An MCP client that says exactly what it is told to say."""

    client: httpx.AsyncClient
    host: str
    token: str
    server: str = "files"
    session: str = ""
    agent: str = ""

    def headers(self, **more: str) -> dict[str, str]:
        headers = {"Host": self.host, "Accept": BOTH, "Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if self.session:
            headers["Mcp-Session-Id"] = self.session
        return {**headers, **{name.replace("_", "-"): value for name, value in more.items()}}

    async def send(self, body: Any, **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else dumps(body)
        url = f"http://{self.host}/mcp/v1/{self.server}"
        return await self.client.post(url, content=content, headers=self.headers(**headers))

    async def ask(
        self, method: str, params: dict[str, Any] | None = None, id: Any = 1, **headers: str
    ) -> httpx.Response:
        body: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params or {}}
        if id is not None:
            body["id"] = id
        return await self.send(body, **headers)

    async def call(self, tool: str, id: Any = 1, **arguments: Any) -> httpx.Response:
        return await self.ask("tools/call", {"name": tool, "arguments": arguments}, id)

    async def stateless(
        self, method: str, params: dict[str, Any] | None = None, id: Any = 1, **headers: str
    ) -> httpx.Response:
        meta = {"io.modelcontextprotocol/protocolVersion": STATELESS, "io.modelcontextprotocol/clientCapabilities": {}}
        params = {**(params or {}), "_meta": {**meta, **(params or {}).get("_meta", {})}}
        mirrored = {"MCP_Protocol_Version": STATELESS, "Mcp_Method": method}
        if isinstance(name := params.get("uri" if method.startswith("resources") else "name"), str):
            mirrored["Mcp_Name"] = name
        return await self.ask(method, params, id, **{**mirrored, **headers})

    async def initialize(self, version: str = "2025-11-25") -> httpx.Response:
        params = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
        answer = await self.ask("initialize", params, "first")
        self.session = answer.headers.get("mcp-session-id", "")
        return answer


def events_of(answer: httpx.Response) -> list[dict[str, Any]]:
    """The messages of an answer, however they came."""
    if answer.headers["content-type"].startswith("application/json"):
        return [answer.json()]
    lines = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line]


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with Gateway(Limits(call_seconds=3.0, in_flight=4, child_idle_seconds=0.5)) as running:
        yield running


class Settling(httpx.ASGITransport):
    """Answers once the log holds what happened. A test that then changes something, and keeps the event loop waiting
    for it, would else wait for ever when the gateway holds the log's head at that moment."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(gateway)
        self._gateway = gateway

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        for _ in range(1000):
            if self._gateway.quiet:
                break
            await asyncio.sleep(0.001)
        return response


@pytest.fixture
async def caller_of(gateway: Gateway) -> AsyncIterator[Callable[..., Caller]]:
    transport = Settling(gateway)
    async with httpx.AsyncClient(transport=transport, timeout=20) as client:
        yield lambda tenant, token, server="files": Caller(client, tenant.host, token, server)


async def eventually(holds: Callable[[], Any], seconds: float = 10.0) -> Any:
    """Wait until something holds, and give it back; fails after a while."""
    deadline = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < deadline:
        value = await asyncio.to_thread(holds)
        if value:
            return value
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen in time")
