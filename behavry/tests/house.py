"""A house of its own for fault tests: a gateway process, an upstream that remembers its calls, a tenant, a token."""

import json
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from behavry.embedded import free_port
from behavry.processes import Processes

PROTOCOL = {"MCP-Protocol-Version": "2025-11-25", "Accept": "application/json, text/event-stream"}


@dataclass
class Upstream:
    """A real MCP-speaking HTTP server that notes the `n` of every call before it answers."""

    seen: list[int] = field(default_factory=list)
    delay: float = 0.0
    port: int = 0

    @contextmanager
    def serving(self) -> Iterator["Upstream"]:
        noted = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                noted.seen.append(message["params"]["arguments"]["n"])
                time.sleep(noted.delay)
                result = {"content": [{"type": "text", "text": "done"}], "isError": False}
                body = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *args: Any) -> None:
                pass  # a killed gateway resets its connections, which is the point of the test

        server = Server(("127.0.0.1", 0), Handler)
        self.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


@dataclass
class House:
    """A running gateway and what is needed to call it."""

    env: Mapping[str, str]
    logs: Path
    token: str
    host: str
    port: int = field(default_factory=free_port)
    processes: Processes | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp/v1/notes"

    def start(self) -> None:
        self.processes = Processes(self.env, self.logs)
        command = ["-m", "uvicorn", "behavry.asgi:gateway", "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--http", "apps.gateway.serving:HttpProtocol"]
        self.process = self.processes.start("gateway", [sys.executable, *command, "--no-access-log"])
        self.await_answer()

    def await_answer(self) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self.processes is not None:
                self.processes.raise_if_any_ended()
            try:
                httpx.get(f"http://127.0.0.1:{self.port}/mcp/v1/notes", timeout=1)
                return
            except httpx.HTTPError:
                time.sleep(0.02)
        raise AssertionError(f"the gateway did not come up; its log is in {self.logs}")

    def kill(self) -> None:
        """kill -9, as the kernel does when memory runs out."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.processes is not None:
            self.processes.stop()

    @property
    def headers(self) -> dict[str, str]:
        return {**PROTOCOL, "Authorization": f"Bearer {self.token}", "Host": self.host}


def call_body(n: int) -> dict[str, Any]:
    params = {"name": "read_note", "arguments": {"n": n}}
    return {"jsonrpc": "2.0", "id": n, "method": "tools/call", "params": params}
