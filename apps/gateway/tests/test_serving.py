"""What leaves the gateway together, in which order, and how soon."""

import asyncio
from collections.abc import Iterable
from typing import Any

import httpx
import uvicorn

from apps.gateway.serving import COPIED, HeldHead, HttpProtocol
from apps.gateway.tests.conftest import eventually


class Written(asyncio.Transport):
    """Notes what would be sent, write by write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: Any) -> None:
        self.writes.append(bytes(data))

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        self.writes.append(b"".join(list_of_data))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


async def test_a_head_leaves_with_its_body() -> None:
    plain = Written()
    held = HeldHead(plain, asyncio.get_running_loop())
    held.write(b"head ")
    held.write(b"body")
    held.write(b"more")
    assert plain.writes == [b"head body"]
    await asyncio.sleep(0)
    assert plain.writes == [b"head body", b"more"]


async def test_a_long_body_is_not_copied_and_comes_after_its_head() -> None:
    plain = Written()
    held = HeldHead(plain, asyncio.get_running_loop())
    held.write(b"head ")
    held.write(b"x" * COPIED)
    assert plain.writes == [b"head " + b"x" * COPIED]


async def test_what_was_held_leaves_before_the_end() -> None:
    plain = Written()
    held = HeldHead(plain, asyncio.get_running_loop())
    held.write(b"head")
    held.close()
    assert (plain.writes, held.is_closing()) == ([b"head"], True)


async def test_a_stream_begins_before_there_is_anything_in_it() -> None:
    began = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        await asyncio.wait_for(began.wait(), 5)
        await send({"type": "http.response.body", "body": b"data: x\n\n", "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    config = uvicorn.Config(app, http=HttpProtocol, lifespan="off", log_level="warning", port=0)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    await eventually(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    async with httpx.AsyncClient() as client, client.stream("GET", f"http://127.0.0.1:{port}/") as response:
        assert response.status_code == 200
        began.set()
        assert [line async for line in response.aiter_lines()] == ["data: x", ""]
    server.should_exit = True
    await serving
