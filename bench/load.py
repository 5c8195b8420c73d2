"""A small load generator: keep-alive HTTP/1.1 connections that post one JSON-RPC call after another.

Run as a process of its own: `python -m bench.load URL --connections 32 --seconds 5 [--rate 500] [--token-file F]`.
Prints one JSON line `{"calls", "seconds", "rps", "p50_ms", "p99_ms", "statuses": {"200": n}, "failed": n}`. With
`--rate` calls start on a fixed schedule and latency counts from there, so that a slow server cannot hide its queue.
"""

import argparse
import asyncio
import json
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

CALL = {"name": "read_note", "arguments": {"path": "notes/plan.md", "limit": 20, "labels": ["a", "b"]}}


@dataclass
class Tally:
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    failed: int = 0


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request under way; answers need a Content-Length or to be chunked."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.waiting: asyncio.Future[int] | None = None
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_result(0)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head_end = self.buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = bytes(self.buffer[:head_end]).lower()
        at = head.find(b"content-length:")
        if at >= 0:
            end = head.find(b"\r\n", at)
            length = int(head[at + 15 : end if end > 0 else None])
            complete = len(self.buffer) >= head_end + 4 + length
        else:
            complete = self.buffer.endswith(b"0\r\n\r\n")
        if complete and self.waiting is not None and not self.waiting.done():
            self.buffer.clear()
            self.waiting.set_result(int(head[9:12]))

    async def call(self, request: bytes) -> int:
        self.waiting = asyncio.get_running_loop().create_future()
        self.transport.write(request)  # type: ignore[attr-defined]  # a TCP transport
        return await self.waiting


def request_bytes(url: str, token: str, number: int, headers: dict[str, str], tool: str = "") -> bytes:
    parts = urlsplit(url)
    params = {**CALL, "name": tool} if tool else CALL
    body = json.dumps({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}).encode()
    lines = [
        f"POST {parts.path} HTTP/1.1",
        f"Host: {parts.netloc}",
        "Content-Type: application/json",
        "Accept: application/json, text/event-stream",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def drive(
    url: str, token: str, connections: int, seconds: float, rate: float, headers: dict[str, str], tool: str = ""
) -> Tally:
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    tally = Tally()
    started = time.perf_counter()
    until = started + seconds
    schedule = deque(started + n / rate for n in range(int(rate * seconds))) if rate else None

    async def worker(number: int) -> None:
        request = request_bytes(url, token, number, headers, tool)
        connection: Connection | None = None
        while True:
            begin = time.perf_counter()
            if schedule is not None:
                if not schedule:
                    return
                begin = schedule.popleft()
                await asyncio.sleep(max(0.0, begin - time.perf_counter()))
            elif begin >= until:
                return
            if connection is None or connection.closed:
                _, connection = await loop.create_connection(Connection, str(parts.hostname), int(parts.port or 80))
            status = await connection.call(request)
            if status == 0:
                tally.failed += 1
                continue
            tally.statuses[str(status)] += 1
            if status == 200:
                tally.latencies.append(time.perf_counter() - begin)
            elif status == 429:
                await asyncio.sleep(0.05)

    await asyncio.gather(*(worker(n) for n in range(connections)))
    return tally


def summary(tally: Tally, seconds: float) -> dict[str, object]:
    ordered = sorted(tally.latencies) or [0.0]
    return {
        "calls": len(tally.latencies),
        "seconds": round(seconds, 2),
        "rps": round(len(tally.latencies) / seconds, 1),
        "p50_ms": round(ordered[len(ordered) // 2] * 1000, 3),
        "p99_ms": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1000, 3),
        "statuses": dict(tally.statuses),
        "failed": tally.failed,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rate", type=float, default=0, help="calls per second; 0 = as fast as answers come")
    parser.add_argument("--token-file", type=Path)
    parser.add_argument("--header", action="append", default=[], help="Name: value")
    parser.add_argument("--tool", default="", help="another tool to call")
    options = parser.parse_args()
    if urlsplit(options.url).hostname not in {"127.0.0.1", "localhost"}:
        parser.error("the load generator sends to this machine only")
    token = options.token_file.read_text().strip() if options.token_file else ""
    headers = dict(line.split(": ", 1) for line in options.header)
    began = time.perf_counter()
    drives = drive(options.url, token, options.connections, options.seconds, options.rate, headers, options.tool)
    tally = uvloop.run(drives)
    print(json.dumps(summary(tally, time.perf_counter() - began)))


if __name__ == "__main__":
    main()
