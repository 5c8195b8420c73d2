"""The client's side of one answer: JSON when the answer is all there is, a stream of events when there is more."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from apps.decision.errors import AppError
from apps.decision.types import JSON
from apps.gateway import wire
from apps.gateway.context import Request
from apps.gateway.errors import rpc_code
from apps.gateway.load import Load
from apps.gateway.messages import Message, dumps, error_body
from apps.gateway.screening import Trail
from apps.gateway.transports.base import Incoming
from apps.gateway.transports.events import PING, written

PULSE_SECONDS: Final = 15.0
# Progress only ever grows, and the backend's own begins after the wait for a person: so this one stays small.
WAITING_STEP: Final = 1e-6


class Relay:
    """One per answer. `prompt`: event ids are passed on at once, for resuming; else together with what follows."""

    __slots__ = ("_held", "_load", "_request", "_send", "prompt", "started", "trail")

    def __init__(self, request: Request, load: Load) -> None:
        self._request = request
        self._send = request.send
        self._load = load
        self._held: list[bytes] = []
        self.prompt = True
        self.started = False
        self.trail = Trail()

    @property
    def alone(self) -> bool:
        """Whether the answer has not begun, and is nobody else's."""
        return not self.started

    def serve(self, request: Request) -> None:
        """The request as it was made anew."""
        self._request = request

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """While a person is waited for, others may have this call's places. Raises RateLimited when too many wait."""
        with self._load.as_stream(self._request.owner):
            self._request.release()
            yield

    def pulse_of(self, message: Message) -> Callable[[], Awaitable[None]]:
        """A sign of life while nothing is forwarded: a comment, and every second time progress if that was asked for,
        since clients measure their patience by it."""
        meta = message.params.get("_meta")
        token = meta.get("progressToken") if isinstance(meta, dict) else None
        wanted = isinstance(token, str | int) and not isinstance(token, bool)
        pulses = 0

        async def pulse() -> None:
            nonlocal pulses
            pulses += 1
            await self.ping()
            if wanted and pulses % 2 == 0:
                params = {"progressToken": token, "progress": pulses * WAITING_STEP, "message": "Waiting for approval"}
                note = {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}
                await self.event(note, Incoming(None))

        return pulse

    async def answer(self, body: dict[str, JSON], status: int) -> None:
        await self.final(dumps(body), status, None)

    async def final(self, content: bytes, status: int, event_id: str | None) -> None:
        if not self.started:
            await wire.answer(self._send, status, content, self._session())
            return
        await wire.stream(self._send, written(content, event_id))
        await wire.end_stream(self._send)

    async def fail(self, id: int | str | None, error: AppError) -> None:
        body = error_body(id, rpc_code(error), error.detail, {"code": error.code})
        if self.started:
            await self.final(dumps(body), 200, None)
            return
        headers = [(b"retry-after", b"%d" % error.retry_after)] if error.retry_after is not None else []
        await wire.answer(self._send, error.status, dumps(body), headers)

    async def event(self, message: dict[str, JSON], incoming: Incoming) -> None:
        await self._write(written(dumps(message), incoming.event_id, incoming.retry))

    async def mark(self, incoming: Incoming) -> None:
        """A sign of life, or an event id without data."""
        if incoming.event_id is None and incoming.retry is None:
            await self.ping()
            return
        mark = written(None, incoming.event_id, incoming.retry)
        if self.prompt or self.started:
            await self._write(mark)
        else:
            self._held.append(mark)

    async def ping(self) -> None:
        if self.started:
            await wire.stream(self._send, PING)

    async def begin(self) -> None:
        if not self.started:
            await wire.start_stream(self._send, self._session())
            self.started = True
            for mark in self._held:
                await wire.stream(self._send, mark)
            self._held.clear()

    async def end(self) -> None:
        """The upstream ended the stream without an answer; the client may resume or give up."""
        await self.begin()
        await wire.end_stream(self._send)

    async def _write(self, chunk: bytes) -> None:
        await self.begin()
        await wire.stream(self._send, chunk)

    def _session(self) -> list[wire.Header]:
        session = self._request.session
        return [(b"mcp-session-id", session.id.encode())] if session is not None else []

    async def pulses(self, stream: AsyncIterator[Incoming]) -> AsyncGenerator[Incoming | None, None]:
        """What the upstream sends, and None whenever it has been silent for a while."""
        waiting: asyncio.Task[Incoming | None] | None = None
        try:
            while True:
                if waiting is None:
                    waiting = asyncio.ensure_future(_next(stream))
                done, _ = await asyncio.wait({waiting}, timeout=PULSE_SECONDS)
                if not done:
                    yield None
                    continue
                incoming, waiting = waiting.result(), None
                if incoming is None:
                    return
                yield incoming
        finally:
            if waiting is not None:
                waiting.cancel()
                with suppress(asyncio.CancelledError, AppError):
                    await waiting


async def _next(stream: AsyncIterator[Incoming]) -> Incoming | None:
    return await anext(stream, None)
