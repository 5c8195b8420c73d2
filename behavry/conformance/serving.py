"""Starts and stops the servers under test: the fixture directly, and the gateway in front of it.

The gateway needs the services that `python -m behavry.embedded exec` provides.
"""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from behavry.demo.clients import fetch_token

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
HTTP_SERVER, STDIO_SERVER = "fixture-http", "fixture-stdio"
START_TIMEOUT = 30.0
STOP_TIMEOUT = 5.0
POLL = 0.05

FIXTURE = (sys.executable, "-m", "behavry.conformance.fixture")
FIXTURE_OVER_STDIO = (*FIXTURE, "--stdio")


class NotStartedError(Exception):
    """A server under test ended, or did not listen in time."""


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway with the fixture behind it twice, and a token that may call everything."""

    base: str
    token: str = field(repr=False)

    def url(self, server: str) -> str:
        return f"{self.base}/mcp/v1/{server}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def fixture_over_http() -> AsyncIterator[str]:
    """The fixture on a port of its own; yields its URL."""
    port = free_port()
    async with listening((*FIXTURE, "--http", str(port)), port):
        yield f"http://127.0.0.1:{port}/mcp"


@asynccontextmanager
async def start_gateway(
    fixture_url: str, more: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> AsyncIterator[Running]:
    """The product on a port of its own, with a tenant made for this run in the database of the environment.

    `more` are further stdio servers, names to commands.
    """
    port = free_port()
    base = f"http://{HOST}:{port}"
    agent = await _seed(fixture_url, more)
    command: tuple[str, ...] = (
        sys.executable,
        "-m",
        "uvicorn",
        "behavry.asgi:application",
        "--host",
        HOST,
        "--port",
        str(port),
    )
    environment = {
        **os.environ,
        "BEHAVRY_GATEWAY_ALLOWED_ORIGINS": base,
        # The suites open a session for every scenario and seldom end one; each is a process of the stdio backend.
        "BEHAVRY_GATEWAY_MAX_CHILDREN": "100",
        "BEHAVRY_GATEWAY_MAX_CHILDREN_PER_AGENT": "100",
        "BEHAVRY_LOG_LEVEL": "ERROR",
    }
    command += ("--http", "apps.gateway.serving:HttpProtocol")
    async with listening((*command, "--log-level", "error"), port, environment):
        token = await fetch_token(base, agent["client_id"], agent["client_secret"])
        yield Running(base, token)


async def _seed(fixture_url: str, more: Mapping[str, Sequence[str]]) -> Mapping[str, str]:
    # A process of its own: Django is set up there, and its synchronous work stays out of this loop.
    command = (sys.executable, "-m", "behavry.conformance.seed", HOST, fixture_url, json.dumps(dict(more)))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, cwd=ROOT)
    printed, _ = await process.communicate()
    if process.returncode:
        raise NotStartedError("The tenant for this run could not be made; is DATABASE_URL a fresh, migrated database?")
    found: Mapping[str, str] = json.loads(printed)
    return found


@asynccontextmanager
async def listening(
    command: Sequence[str], port: int, environment: Mapping[str, str] | None = None
) -> AsyncIterator[None]:
    """Run a command in its own process group until the block ends; entered once `port` accepts connections."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, start_new_session=True, cwd=ROOT, env=environment
    )
    try:
        await _accepts(port, process)
        yield
    finally:
        await _stop(process)


async def _accepts(port: int, process: asyncio.subprocess.Process) -> None:
    try:
        async with asyncio.timeout(START_TIMEOUT):
            while process.returncode is None:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(POLL)
                    continue
                writer.close()
                await writer.wait_closed()
                return
    except TimeoutError as late:
        raise NotStartedError(f"Nothing listens on port {port} after {START_TIMEOUT:.0f} s") from late
    raise NotStartedError(f"The server ended with status {process.returncode} before it listened")


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        async with asyncio.timeout(STOP_TIMEOUT):
            await process.wait()
    except TimeoutError:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
