"""Starts and stops the servers under test: the fixture directly, and the gateway in front of it."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

START_TIMEOUT = 20.0
STOP_TIMEOUT = 5.0
POLL = 0.05

FIXTURE = (sys.executable, "-m", "behavry.conformance.fixture")
FIXTURE_OVER_STDIO = (*FIXTURE, "--stdio")


class NotStartedError(Exception):
    """A server under test ended, or did not listen in time."""


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
async def listening(command: Sequence[str], port: int) -> AsyncIterator[None]:
    """Run a command in its own process group until the block ends; entered once `port` accepts connections."""
    process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL, start_new_session=True)
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
