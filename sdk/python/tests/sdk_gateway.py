"""A small gateway for tests: a real HTTP server on loopback that hands out tokens and accepts the current one."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs


class Gateway:
    """Counts what it is asked. `good` are the tokens it accepts; `answers` replaces its next token answers."""

    def __init__(self) -> None:
        self.url = ""
        self.lifetime = 3600
        self.issued: list[str] = []
        self.good: set[str] = set()
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.forms: list[dict[str, list[str]]] = []
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.hold = threading.Event()
        self.hold.set()
        self.asked = threading.Event()
        self.lock = threading.Lock()

    def forget_tokens(self) -> None:
        self.good.clear()

    def token_answer(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        with self.lock:
            self.forms.append(parse_qs(body.decode()))
            self.asked.set()
        self.hold.wait(10)
        with self.lock:
            if self.answers:
                return self.answers.pop(0)
            token = f"token-{len(self.issued) + 1}"
            self.issued.append(token)
            self.good.add(token)
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": self.lifetime}
        return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()


@contextmanager
def running() -> Iterator[Gateway]:
    gateway = Gateway()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.read_body()
            if self.path == "/api/v1/auth/token":
                status, headers, answer = gateway.token_answer(body)
            else:
                token = self.headers.get("Authorization", "").removeprefix("Bearer ")
                with gateway.lock:
                    gateway.requests.append((self.path, dict(self.headers), body))
                status, headers, answer = 200 if token in gateway.good else 401, {}, body
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def read_body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    gateway.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    try:
        yield gateway
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
