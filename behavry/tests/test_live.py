"""The served processes: health on both doors, and the live feed over SSE and WebSocket through a real server."""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import aiohttp
import httpx
import pytest
from django.contrib.auth.models import User
from django.db import connection

from apps.agents import services as agents
from apps.tenants.context import in_tenant
from apps.tenants.roles import Role
from behavry.embedded import free_port
from behavry.processes import Processes

pytestmark = pytest.mark.processes


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[str], int]]:
    """Starts an ASGI application of behavry/asgi.py and gives its port once it is ready."""
    with Processes(dict(os.environ), tmp_path) as processes:

        def start(name: str) -> int:
            port = free_port()
            command = [sys.executable, "-m", "uvicorn", f"behavry.asgi:{name}", "--port", str(port)]
            command += ["--http", "apps.gateway.serving:HttpProtocol"]
            processes.start(name, command)
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                processes.raise_if_any_ended()
                try:
                    if httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=2).status_code == 200:
                        return port
                except httpx.HTTPError:
                    time.sleep(0.05)
            raise AssertionError(processes.log(name).read_text()[-2000:])

        yield start


def test_the_gateway_alone_says_whether_it_is_ready_and_serves_nothing_else(serve: Callable[[str], int]) -> None:
    port = serve("gateway")
    assert httpx.get(f"http://127.0.0.1:{port}/health").json()["status"] == "ok"
    assert httpx.get(f"http://127.0.0.1:{port}/admin/").status_code in {404, 421}


def test_requests_leave_no_connections_behind(serve: Callable[[str], int], fresh_tenant: Callable[[], str]) -> None:
    host = {"Host": f"{fresh_tenant().removeprefix('t_')}.test"}
    address = f"http://127.0.0.1:{serve('application')}/.well-known/jwks.json"
    before = _connections()
    with httpx.Client(headers=host) as client:
        assert {client.get(address).status_code for _ in range(40)} == {200}
    assert _connections() - before < 10


def _connections() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def test_an_entry_reaches_both_feeds_within_seconds(
    serve: Callable[[str], int], fresh_tenant: Callable[[], str], person: Callable[..., User]
) -> None:
    schema = fresh_tenant()
    with in_tenant(schema):
        reader = person(schema, "viewer")
        made = agents.create_access_token(reader, name="feed", role=Role.VIEWER, ttl=timedelta(hours=1), actor="system")
    base = f"http://127.0.0.1:{serve('application')}/api/v1/audit"
    headers = {"Host": f"{schema.removeprefix('t_')}.test", "Authorization": f"Bearer {made.token}"}

    def append() -> None:
        try:
            with in_tenant(schema):
                agents.register(name="newcomer", actor="system")
        finally:
            connection.close()  # this thread's own

    async def both() -> tuple[str, str]:
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.get(
                f"{base}/stream", headers={"Last-Event-ID": "0"}, timeout=aiohttp.ClientTimeout(sock_read=20)
            ) as stream,
            session.ws_connect(f"{base}/feed?after=0") as socket,
        ):
            await asyncio.to_thread(append)
            line = message = ""
            async with asyncio.timeout(10):
                while "agent.registered" not in line:
                    line = (await stream.content.readline()).decode()
                while "agent.registered" not in message:
                    message = await socket.receive_str()
            return line, message

    over_sse, over_websocket = asyncio.run(both())
    assert over_sse.startswith("data:")
    assert "newcomer" in over_websocket or "system" in over_websocket
