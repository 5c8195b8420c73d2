"""ASGI in small pieces: reading a bounded body, answering in two sends, and noticing that the client has gone."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import suppress
from typing import Any, Final, TypeAlias

from apps.decision.errors import TooLarge
from apps.gateway.errors import CallerGone, UpstreamSlow
from apps.gateway.messages import INVALID_REQUEST, ProtocolError

Scope: TypeAlias = MutableMapping[str, Any]
ASGIMessage: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[ASGIMessage]]
Send: TypeAlias = Callable[[ASGIMessage], Awaitable[None]]
Header: TypeAlias = tuple[bytes, bytes]

JSON_TYPE: Final = (b"content-type", b"application/json")
_NO_STORE: Final = (b"cache-control", b"no-store")
_STREAM_HEADERS: Final = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-store, no-transform"),
    (b"x-accel-buffering", b"no"),
]
_LATE: Final = "the body is late"
# A call that is answered sooner needs nobody to watch the client's end.
WATCH_AFTER: Final = 0.05


async def body(receive: Receive, declared: bytes | None, limit: int, seconds: float) -> bytes:
    if declared is not None and (not declared.isdigit() or int(declared) > limit):
        raise TooLarge(f"The body is larger than {limit} bytes")
    task = asyncio.current_task()
    assert task is not None
    timer = asyncio.get_running_loop().call_later(seconds, task.cancel, _LATE)
    chunks: list[bytes] = []
    size = 0
    try:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise CallerGone
            chunk: bytes = message.get("body", b"")
            size += len(chunk)
            if size > limit:
                raise TooLarge(f"The body is larger than {limit} bytes")
            if not message.get("more_body"):
                return b"".join([*chunks, chunk]) if chunks else chunk
            chunks.append(chunk)
    except asyncio.CancelledError as error:
        if error.args != (_LATE,) or task.uncancel():
            raise
        raise ProtocolError(INVALID_REQUEST, "The body did not arrive in time", status=408) from None
    finally:
        timer.cancel()


async def answer(send: Send, status: int, content: bytes = b"", headers: Iterable[Header] = ()) -> None:
    given = [(b"content-length", b"%d" % len(content)), _NO_STORE, *headers]
    if content:
        given.append(JSON_TYPE)
    await send({"type": "http.response.start", "status": status, "headers": given})
    await send({"type": "http.response.body", "body": content})


async def start_stream(send: Send, headers: Iterable[Header] = ()) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [*_STREAM_HEADERS, *headers]})


async def stream(send: Send, chunk: bytes) -> None:
    await send({"type": "http.response.body", "body": chunk, "more_body": True})


async def end_stream(send: Send) -> None:
    await send({"type": "http.response.body", "body": b"", "more_body": False})


class Watch:
    """Interrupts the current task when the client goes away or its time is up; costs one timer while all goes fast.

    Use as a context manager around the waiting. Raises CallerGone or UpstreamSlow in place of the interruption.
    """

    __slots__ = ("_deadline", "_loop", "_main", "_receive", "_task", "_timer", "why")

    def __init__(self, receive: Receive, seconds: float) -> None:
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + seconds
        self._main: asyncio.Task[Any] | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.why = ""

    def __enter__(self) -> "Watch":
        self._main = asyncio.current_task()
        self._timer = self._loop.call_later(WATCH_AFTER, self._begin)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
        main, self._main = self._main, None  # from here on it is too late to interrupt
        if not self.why or main is None:
            return
        if not main.uncancel() and kind is asyncio.CancelledError:
            if self.why == "gone":
                raise CallerGone from None
            raise UpstreamSlow("The backend did not answer in time") from None

    def allow(self, seconds: float) -> None:
        """More time, counted from now: the answer has begun."""
        self._deadline = self._loop.time() + seconds

    def hurry(self, seconds: float) -> None:
        """Less time: the client has cancelled the call and no longer reads an answer."""
        self._deadline = min(self._deadline, self._loop.time() + seconds)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._deadline, self._interrupt, "slow")

    def _begin(self) -> None:
        self._task = self._loop.create_task(self._wait(), name="gateway-watch")

    async def _wait(self) -> None:
        with suppress(asyncio.CancelledError):
            while (left := self._deadline - self._loop.time()) > 0:
                try:
                    async with asyncio.timeout(left):
                        message = await self._receive()
                except TimeoutError:
                    continue
                if message["type"] == "http.disconnect":
                    self._interrupt("gone")
                    return
            self._interrupt("slow")

    def _interrupt(self, why: str) -> None:
        if not self.why and self._main is not None and not self._main.done():
            self.why = why
            self._main.cancel()
