"""Agents that never tire: `python -m bench.hammer --url … --out FILE` posts calls over keep-alive connections for ever.

Every answer is noted in FILE as it comes: when the call was sent, when its answer was there (this machine's monotonic
clock) and whether the kill switch had refused it.
"""

import argparse
import asyncio
import struct
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

from bench.load import Connection, request_bytes

NOTE = struct.Struct("ddB")
ALLOWED, REFUSED, OTHER = 0, 1, 2


class Heard(Connection):
    """A connection that keeps what it was answered."""

    body = b""

    def data_received(self, data: bytes) -> None:
        self.body = bytes(self.buffer) + data
        super().data_received(data)


async def agent(url: str, host: str, token: str, note: Callable[[bytes], object], pause: float) -> None:
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    headers = {"MCP-Protocol-Version": "2025-11-25"}
    request = request_bytes(url, token, 1, headers).replace(parts.netloc.encode(), host.encode(), 1)
    connection: Heard | None = None
    while True:
        if connection is None or connection.closed:
            try:
                _, connection = await loop.create_connection(Heard, str(parts.hostname), int(parts.port or 80))
            except OSError:
                await asyncio.sleep(0.01)
                continue
        sent = time.monotonic()
        status = await connection.call(request)
        came = time.monotonic()
        what = OTHER
        if b"kill_switch" in connection.body:
            what = REFUSED
        elif status == 200 and b'"result"' in connection.body and b'"isError":false' in connection.body:
            what = ALLOWED
        note(NOTE.pack(sent, came, what))
        await asyncio.sleep(pause if what == ALLOWED else max(pause, 0.005))


async def main(options: argparse.Namespace) -> None:
    token = options.token_file.read_text().strip()
    with options.out.open("ab", buffering=0) as out:
        urls = options.url * options.agents
        await asyncio.gather(*(agent(url, options.host, token, out.write, options.pause) for url in urls))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.hammer", description=__doc__)
    parser.add_argument("--url", action="append", required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--agents", type=int, default=4, help="per URL")
    parser.add_argument("--pause", type=float, default=0.0, help="seconds between an answer and the next call")
    parser.add_argument("--token-file", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    uvloop.run(main(parser.parse_args()))
