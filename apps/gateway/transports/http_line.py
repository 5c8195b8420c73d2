"""HTTP/1.1 to an upstream, and no more of it than a gateway needs: pooled connections, whole requests, bounded answers.

A general client spends more on a small call than all the rest of the forwarding. No cookies, no redirects, no proxies,
no decoding: what is not here cannot be tricked. A POST is never sent twice.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final, cast
from urllib.parse import quote, urlsplit

import httptools

KEPT_SECONDS: Final = 30.0  # how long an idle connection is good for
HEAD_BYTES: Final = 65_536  # of an answer's status line and headers; also of its trailers, and of a chunk's extensions
AHEAD_BYTES: Final = 262_144  # of an answer's body that nobody has taken yet; beyond, the upstream waits
_AGAIN: Final = frozenset({"GET", "DELETE"})  # on another connection, where a kept one turns out to be closed
_SAFE: Final = "/%:@!$&'()*+,;=~"


class BrokenOffError(ConnectionError):
    """The upstream ended, or went on in a way that is no HTTP."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a URL leads."""

    host: str
    port: int
    secure: bool
    target: str  # the request's target: path and query
    named: str  # what the Host header says


def place_of(url: str) -> Place:
    """Raises ValueError for what is no HTTP URL."""
    parts = urlsplit(url)
    secure, host = parts.scheme == "https", parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("not an HTTP URL")
    if not host.isascii():
        host = host.encode("idna").decode()
    port = parts.port or (443 if secure else 80)
    named = f"[{host}]" if ":" in host else host
    if port != (443 if secure else 80):
        named = f"{named}:{port}"
    target = quote(parts.path or "/", safe=_SAFE) + (f"?{quote(parts.query, safe=_SAFE + '?')}" if parts.query else "")
    return Place(host, port, secure, target, named)


class Answer:
    """One answer, from its headers on. Whoever takes it reads it to its end or closes it."""

    __slots__ = ("_chunks", "_line", "_size", "_waiter", "done", "error", "headers", "status")

    def __init__(self, line: "_Line") -> None:
        self._line = line
        self._chunks: list[bytes] = []
        self._size = 0
        self._waiter: asyncio.Future[None] | None = None
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.done = False
        self.error: Exception | None = None

    def header(self, name: bytes) -> str:
        """The first of that name, in lower case; "" for none."""
        return self.headers.get(name, b"").decode("utf-8", "surrogateescape")

    async def chunks(self) -> AsyncIterator[bytes]:
        """What has come, as it comes. Raises TimeoutError after a silence, BrokenOffError when it is not whole."""
        while True:
            if self._chunks:
                found = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
                self._chunks.clear()
                self._size = 0
                self._line.resume()
                yield found
            elif self.error is not None:
                raise self.error
            elif self.done:
                return
            else:
                await self.wait()

    async def wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def close(self) -> None:
        """What is still to come is not waited for."""
        if not self.done:
            self._line.drop()

    def began(self, status: int) -> None:
        self.status = status
        self.wake()

    def came(self, chunk: bytes) -> bool:
        """Whether more may come at once."""
        self._chunks.append(chunk)
        self._size += len(chunk)
        self.wake()
        return self._size < AHEAD_BYTES

    def end(self, error: Exception | None = None) -> None:
        if not self.done:
            self.done, self.error = True, error
            self.wake()

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class _Line(asyncio.Protocol):
    """A connection with at most one request under way."""

    def __init__(self, pool: "HttpLines", key: tuple[str, int, bool]) -> None:
        self._pool = pool
        self.key = key
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._answer: Answer | None = None
        self._transport: asyncio.Transport | None = None
        self._bare = 0  # bytes since the request or the last of a body, whichever is later
        self._over = False  # the head
        self._framed = False  # whether the answer says where it ends
        self._paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self.idle_since = 0.0

    @property
    def usable(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def send(self, request: bytes) -> Answer:
        assert self._transport is not None
        answer = self._answer = Answer(self)
        self._bare, self._over, self._framed = 0, False, False
        self._due = self._loop.time() + self._pool.silence
        if self._timer is None:
            self._timer = self._loop.call_at(self._due, self._watch)
        self._transport.write(request)
        return answer

    def drop(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def resume(self) -> None:
        if self._paused and self._transport is not None:
            self._paused = False
            self._due = self._loop.time() + self._pool.silence
            self._transport.resume_reading()

    def _watch(self) -> None:
        """One timer for as long as the connection is in use: it looks again when it might be time."""
        self._timer = None
        if self._answer is None:
            return
        now = self._loop.time()
        if now >= self._due and not self._paused:
            self._fail(TimeoutError())
            return
        self._timer = self._loop.call_at(max(self._due, now + 0.05), self._watch)

    def _fail(self, error: Exception) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.end(error)
        self.drop()

    # --- of the transport -------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's does not derive from asyncio's

    def data_received(self, data: bytes) -> None:
        if self._answer is None:  # nobody asked
            self.drop()
            return
        self._due = self._loop.time() + self._pool.silence
        self._bare += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade, BrokenOffError):
            self._fail(BrokenOffError("not an HTTP answer"))
        if self._bare > HEAD_BYTES and self._answer is not None:
            self._fail(BrokenOffError("the answer's head or trailers are too long"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._pool.forget(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        answer, self._answer = self._answer, None
        if answer is not None:
            whole = exc is None and answer.status and not self._framed
            answer.end(None if whole else BrokenOffError("the connection ended"))

    # --- of the parser ----------------------------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._answer is not None and not self._over:  # a trailer says nothing that would be believed
            self._answer.headers.setdefault(name.lower(), value)

    def on_headers_complete(self) -> None:
        answer, status = self._answer, self._parser.get_status_code()
        if answer is None or status == 101:
            raise BrokenOffError("an answer to nothing")
        if status < 200:
            answer.headers.clear()
            return
        self._bare, self._over = 0, True
        # Else its end is the connection's. Which of the two counts, and what it says, is the parser's business.
        framed = b"content-length" in answer.headers or b"transfer-encoding" in answer.headers
        self._framed = framed or status in (204, 304)
        answer.began(status)

    def on_body(self, body: bytes) -> None:
        self._bare = 0
        if self._answer is not None and not self._answer.came(body) and not self._paused:
            self._paused = True
            if self._transport is not None:
                self._transport.pause_reading()

    def on_message_complete(self) -> None:
        answer = self._answer
        if answer is None or not answer.status:  # an interim answer
            return
        self._answer = None
        again = self._parser.should_keep_alive() and self._framed
        answer.end()
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        if again:
            self._pool.keep(self)
        else:
            self.drop()

    def on_message_begin(self) -> None:
        if self._answer is None:
            raise BrokenOffError("an answer to nothing")


class HttpLines:
    """All connections of a process, by where they lead. Belongs to one event loop."""

    def __init__(self, connect: float, silence: float) -> None:
        self._connect = connect
        self.silence = silence  # seconds without a byte, after which an answer is given up
        self._idle: dict[tuple[str, int, bool], deque[_Line]] = {}
        self._all: set[_Line] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._tls: ssl.SSLContext | None = None
        self._closed = False

    async def ask(self, verb: str, place: Place, request: bytes, sure: Callable[[], None]) -> Answer:
        """The answer, from its headers on. `sure` is asked when the next thing is to send; what it raises is raised.

        Else raises OSError where the upstream cannot be reached or ends, and TimeoutError.
        """
        key = (place.host, place.port, place.secure)
        while True:
            line = self._kept(key)
            fresh = line is None
            if line is None:
                line = await self._opened(key)
            try:
                sure()
            except BaseException:
                self.keep(line)
                raise
            answer = line.send(request)
            try:
                while not answer.status and not answer.done:
                    await answer.wait()
            except BaseException:
                line.drop()
                raise
            if answer.status:
                return answer
            error = answer.error or BrokenOffError("no answer")
            if fresh or verb not in _AGAIN or isinstance(error, TimeoutError):
                raise error

    def keep(self, line: _Line) -> None:
        if self._closed or not line.usable:
            line.drop()
            return
        line.idle_since = asyncio.get_running_loop().time()
        self._idle.setdefault(line.key, deque()).append(line)
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(KEPT_SECONDS, self._sweep)

    def forget(self, line: _Line) -> None:
        self._all.discard(line)
        idle = self._idle.get(line.key)
        if idle is not None and line in idle:
            idle.remove(line)
            if not idle:
                del self._idle[line.key]

    async def close(self) -> None:
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        for line in list(self._all):
            line.drop()
        await asyncio.sleep(0)

    def _kept(self, key: tuple[str, int, bool]) -> _Line | None:
        """The one used last, since it is the least likely to have been closed."""
        idle = self._idle.get(key)
        while idle:
            line = idle.pop()
            if line.usable and asyncio.get_running_loop().time() - line.idle_since < KEPT_SECONDS:
                return line
            line.drop()
        return None

    async def _opened(self, key: tuple[str, int, bool]) -> _Line:
        host, port, secure = key
        if secure and self._tls is None:
            self._tls = ssl.create_default_context()
        async with asyncio.timeout(self._connect):
            _, line = await asyncio.get_running_loop().create_connection(
                lambda: _Line(self, key), host, port, ssl=self._tls if secure else None
            )
        if self._closed:
            line.drop()
            raise BrokenOffError("the gateway is closing")
        self._all.add(line)
        return line

    def _sweep(self) -> None:
        self._sweeper = None
        loop = asyncio.get_running_loop()
        for key, idle in list(self._idle.items()):
            for line in [one for one in idle if loop.time() - one.idle_since >= KEPT_SECONDS]:
                idle.remove(line)
                line.drop()
            if not idle:
                del self._idle[key]
        if self._idle:
            self._sweeper = loop.call_later(KEPT_SECONDS / 2, self._sweep)
