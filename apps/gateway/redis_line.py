"""One pipelined connection to Redis for the call path: many calls share it, each costs a write and a parsed reply.

The general client costs several times more per command than everything else a call does with Redis. This one speaks
just enough of the protocol: commands out, replies back in order.
"""

import asyncio
import ssl
from collections import deque
from typing import Final, TypeAlias, cast

from redis.asyncio.connection import SSLConnection, parse_url

from apps.decision.errors import Unavailable

RedisValue: TypeAlias = "bytes | int | list[RedisValue] | RedisError | None"
TIMEOUT_SECONDS: Final = 2.0


class RedisError(Exception):
    """Redis answered with an error."""


def encoded(*parts: str | int) -> bytes:
    """A command of texts and numbers, as Redis reads it."""
    texts = [str(part) for part in parts]
    whole = "".join([f"*{len(texts)}\r\n", *[f"${len(text)}\r\n{text}\r\n" for text in texts]])
    if whole.isascii():
        return whole.encode()
    raw = [text.encode() for text in texts]
    return b"".join([b"*%d\r\n" % len(raw), *[b"$%d\r\n%b\r\n" % (len(text), text) for text in raw]])


def decoded(buffer: bytes, at: int) -> tuple[RedisValue, int] | None:
    """The reply that begins at `at` and where the next begins; None while it is incomplete."""
    end = buffer.find(b"\r\n", at)
    if end < 0:
        return None
    kind, line, after = buffer[at : at + 1], buffer[at + 1 : end], end + 2
    if kind == b"$":
        size = int(line)
        if size < 0:
            return _nothing(after)
        if len(buffer) < after + size + 2:
            return None
        return buffer[after : after + size], after + size + 2
    if kind == b":":
        return int(line), after
    if kind == b"+":
        return line, after
    if kind == b"-":
        return RedisError(line.decode("utf-8", "replace")), after
    if kind == b"*":
        items: list[RedisValue] = []
        for _ in range(int(line)):
            found = decoded(buffer, after)
            if found is None:
                return None
            items.append(found[0])
            after = found[1]
        return items, after
    raise ValueError("not a Redis reply")


def _nothing(after: int) -> tuple[RedisValue, int]:
    return None, after


class _Wire(asyncio.Protocol):
    def __init__(self) -> None:
        self.transport: asyncio.WriteTransport | None = None
        self.waiting: deque[tuple[float, asyncio.Future[RedisValue]]] = deque()
        self._buffer = b""
        self._out: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.WriteTransport, transport)  # uvloop's does not derive from asyncio's

    def write_soon(self, loop: asyncio.AbstractEventLoop, request: bytes) -> None:
        """All commands of one turn of the loop leave in one write: a system call costs more than a command."""
        if not self._out:
            loop.call_soon(self._flush)
        self._out.append(request)

    def _flush(self) -> None:
        if self.transport is not None:
            self.transport.write(b"".join(self._out))
        self._out.clear()

    def data_received(self, data: bytes) -> None:
        buffer, at = self._buffer + data, 0
        try:
            while (found := decoded(buffer, at)) is not None:
                value, at = found
                _, future = self.waiting.popleft()
                if not future.done():
                    future.set_result(value)
                if at == len(buffer):
                    break
        except (ValueError, IndexError):
            self.drop()
            return
        self._buffer = buffer[at:]

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        while self.waiting:
            _, future = self.waiting.popleft()
            if not future.done():
                future.set_exception(unavailable())

    def drop(self) -> None:
        if self.transport is not None:
            self.transport.abort()


def _unheard(future: "asyncio.Future[RedisValue]") -> None:
    if not future.cancelled():
        future.exception()  # asyncio complains of an exception that nobody looked at


def unavailable() -> Unavailable:
    return Unavailable("Redis is not available; no call can be judged", code="redis_unavailable", retry_after=1)


class RedisLine:
    """Connects at the first command and again after a failure. Raises Unavailable, never a socket's error."""

    def __init__(self, url: str) -> None:
        self._options = parse_url(url)
        self._wire: _Wire | None = None
        self.connections = 0  # how often a connection was made; what was heard on an older one may be outdated
        self._connecting: asyncio.Lock | None = None

    async def command(self, request: bytes) -> RedisValue:
        """Send an encoded command; a RedisError comes back as a value."""
        wire = self._wire
        if wire is None or wire.transport is None or wire.transport.is_closing():
            wire = await self._connected()
        return await self._send(wire, request)

    def tell(self, request: bytes) -> None:
        """Send an encoded command whose answer nobody waits for; without a connection it is dropped."""
        wire = self._wire
        if wire is not None and wire.transport is not None and not wire.transport.is_closing():
            self._send(wire, request).add_done_callback(_unheard)

    async def close(self) -> None:
        if self._wire is not None:
            self._wire.drop()
            self._wire = None

    def _send(self, wire: _Wire, request: bytes) -> "asyncio.Future[RedisValue]":
        loop = asyncio.get_running_loop()
        future: asyncio.Future[RedisValue] = loop.create_future()
        if wire.transport is None:
            future.set_exception(unavailable())
            return future
        if not wire.waiting:
            loop.call_later(TIMEOUT_SECONDS, self._watch, wire, loop)
        wire.waiting.append((loop.time() + TIMEOUT_SECONDS, future))
        wire.write_soon(loop, request)
        return future

    def _watch(self, wire: _Wire, loop: asyncio.AbstractEventLoop) -> None:
        """One timer for all: the oldest command decides whether Redis still answers."""
        if wire.waiting:
            due = wire.waiting[0][0]
            if due <= loop.time() + 0.001:
                wire.drop()
            else:
                loop.call_at(due, self._watch, wire, loop)

    async def _connected(self) -> _Wire:
        if self._connecting is None:
            self._connecting = asyncio.Lock()
        async with self._connecting:
            wire = self._wire
            if wire is not None and wire.transport is not None and not wire.transport.is_closing():
                return wire
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    wire = await self._dial()
                    await self._greet(wire)
            except (OSError, TimeoutError, RedisError):
                raise unavailable() from None
            self._wire = wire
            self.connections += 1
            return wire

    async def _dial(self) -> _Wire:
        loop, options = asyncio.get_running_loop(), self._options
        if "path" in options:
            _, wire = await loop.create_unix_connection(_Wire, options["path"])
        else:
            secure = ssl.create_default_context() if options.get("connection_class") is SSLConnection else None
            _, wire = await loop.create_connection(
                _Wire, options.get("host", "localhost"), options.get("port", 6379), ssl=secure
            )
        return wire

    async def _greet(self, wire: _Wire) -> None:
        options = self._options
        if options.get("password"):
            user = [options["username"]] if options.get("username") else []
            await self._expect_ok(wire, encoded("AUTH", *user, options["password"]))
        if options.get("db"):
            await self._expect_ok(wire, encoded("SELECT", options["db"]))

    async def _expect_ok(self, wire: _Wire, request: bytes) -> None:
        answer = await self._send(wire, request)
        if isinstance(answer, RedisError):
            raise answer
