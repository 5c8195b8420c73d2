"""The backend of the benchmark: answers every JSON-RPC call with a small JSON result, as fast as Python can.

`python -m bench.upstream --port N`. Speaks just enough HTTP/1.1: one request at a time per connection, no chunking.
The tool `read_all` gives 1 MB of Markdown.
With `--stamps FILE` it notes when each message arrived, on this machine's monotonic clock.
"""

import argparse
import asyncio
import io
import struct
import time
from functools import partial
from pathlib import Path

import orjson
import uvloop

from bench.bodies import LARGE, markdown, result

RESULT = {"content": [{"type": "text", "text": "Open at nine, close at six."}], "isError": False}


STAMP = struct.Struct("d")


class Upstream(asyncio.Protocol):
    def __init__(self, stamps: io.FileIO | None = None, large: bytes = b"null") -> None:
        self.large = large
        self.buffer = bytearray()
        self.stamps = stamps

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.stamps is not None:
            self.stamps.write(STAMP.pack(time.monotonic()))
        self.buffer += data
        while (head_end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self.buffer[:head_end]).lower()
            at = head.find(b"content-length:")
            end = head.find(b"\r\n", at)
            length = int(head[at + 15 : end if end > 0 else None]) if at >= 0 else 0
            total = head_end + 4 + length
            if len(self.buffer) < total:
                return
            body = bytes(self.buffer[head_end + 4 : total])
            del self.buffer[:total]
            self.answer(body)

    def answer(self, body: bytes) -> None:
        message = orjson.loads(body) if body else {}
        if "id" not in message:
            self.transport.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")  # type: ignore[attr-defined]
            return
        wants_large = message.get("params", {}).get("name") == "read_all"
        given = orjson.Fragment(self.large) if wants_large else RESULT
        answer = orjson.dumps({"jsonrpc": "2.0", "id": message["id"], "result": given})
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(answer)
        self.transport.write(head + answer)  # type: ignore[attr-defined]  # a TCP transport


async def serve(port: int, stamps: Path | None) -> None:
    file = io.FileIO(stamps, "a") if stamps is not None else None
    server = await asyncio.get_running_loop().create_server(
        partial(Upstream, file, orjson.dumps(result(markdown(LARGE)))), "127.0.0.1", port
    )
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.upstream", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--stamps", type=Path, help="a file to note arrivals in")
    options = parser.parse_args()
    uvloop.run(serve(options.port, options.stamps))
