"""The gateway's own HTTP client against a server that says exactly what a test wants."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from apps.decision.errors import Outdated
from apps.gateway.transports.http_line import AHEAD_BYTES, HEAD_BYTES, Answer, BrokenOffError, HttpLines, place_of

REQUEST = b"POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"


def sure() -> None:
    """The decision holds."""


class Upstream:
    """Answers each request with the next of `answers`; None ends the connection instead."""

    def __init__(self, *answers: bytes | None, then_close: bool = False) -> None:
        self.answers = list(answers)
        self.then_close = then_close
        self.connections = self.requests = 0
        self.port = 0
        self.talks: set[asyncio.Task[None]] = set()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self.talks.add(task)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while self.answers:
                await reader.readuntil(b"\r\n\r\n")
                self.requests += 1
                answer = self.answers.pop(0)
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
                if self.then_close:
                    break
            else:
                await reader.read()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


@asynccontextmanager
async def served(upstream: Upstream, silence: float = 5.0) -> AsyncIterator[HttpLines]:
    server = await asyncio.start_server(upstream.talk, "127.0.0.1", 0)
    upstream.port = server.sockets[0].getsockname()[1]
    lines = HttpLines(2.0, silence)
    try:
        yield lines
    finally:
        await lines.close()
        server.close()
        await asyncio.gather(*upstream.talks)


async def asked(lines: HttpLines, upstream: Upstream, verb: str = "POST") -> Answer:
    return await lines.ask(verb, place_of(f"http://127.0.0.1:{upstream.port}/mcp"), REQUEST, sure)


async def read(answer: Answer) -> bytes:
    return b"".join([chunk async for chunk in answer.chunks()])


def plain(body: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join([b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *headers, b"", body])


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
UNFRAMED = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end"


async def test_it_uses_a_connection_again() -> None:
    upstream = Upstream(plain(b"one"), CHUNKED, plain(b"three"))
    async with served(upstream) as lines:
        bodies = [await read(await asked(lines, upstream)) for _ in range(3)]
    assert bodies == [b"one", b"abcde", b"three"]
    assert upstream.connections == 1


@pytest.mark.parametrize(
    "answer", [plain(b"x", b"Connection: close"), b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", plain(b"x") + b"?"]
)
async def test_it_does_not_use_a_connection_again_that_is_done_with(answer: bytes) -> None:
    upstream = Upstream(answer, answer)
    async with served(upstream) as lines:
        for _ in range(2):
            assert await read(await asked(lines, upstream)) == b"x"
            await asyncio.sleep(0.01)
    assert upstream.connections == 2


async def test_it_does_not_use_a_connection_again_whose_answer_was_not_read() -> None:
    long = plain(b"x" * 3 * AHEAD_BYTES)
    upstream = Upstream(long, long)
    async with served(upstream) as lines:
        (await asked(lines, upstream)).close()
        assert len(await read(await asked(lines, upstream))) == 3 * AHEAD_BYTES
    assert upstream.connections == 2


async def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    upstream = Upstream(UNFRAMED, then_close=True)
    async with served(upstream) as lines:
        assert await read(await asked(lines, upstream)) == b"until the end"


@pytest.mark.parametrize("answer", [plain(b"abc")[:-1], CHUNKED[:-5], CHUNKED[:-12]])
async def test_an_answer_that_breaks_off_is_no_answer(answer: bytes) -> None:
    upstream = Upstream(answer, then_close=True)
    async with served(upstream) as lines:
        answered = await asked(lines, upstream)
        with pytest.raises(BrokenOffError):
            await read(answered)


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * (HEAD_BYTES + 1) + b"\r\n",
    ],
    ids=["not HTTP", "two lengths", "two framings", "an upgrade", "an endless head"],
)
async def test_it_takes_nothing_that_is_not_plainly_an_answer(answer: bytes) -> None:
    upstream = Upstream(answer)
    async with served(upstream) as lines:
        with pytest.raises(BrokenOffError):
            await read(await asked(lines, upstream))


async def test_a_trailer_is_no_header() -> None:
    late = CHUNKED[:-2] + b"Mcp-Session-Id: late\r\n\r\n"
    upstream = Upstream(late, plain(b"x"))
    async with served(upstream) as lines:
        answer = await asked(lines, upstream)
        assert (await read(answer), answer.header(b"mcp-session-id")) == (b"abcde", "")
        assert await read(await asked(lines, upstream)) == b"x"
    assert upstream.connections == 1


@pytest.mark.parametrize(
    "endless",
    [CHUNKED[:-2] + b"X: ", CHUNKED[:-2] + b"X: y\r\n", CHUNKED[:-5] + b"2;a="],
    ids=["one", "many", "a chunk's"],
)
async def test_trailers_and_extensions_end(endless: bytes) -> None:
    more = endless[-6:] if endless.endswith(b"\n") else b"a"
    upstream = Upstream(endless + more * (2_000_000 // len(more)))
    async with served(upstream) as lines:
        with pytest.raises(BrokenOffError, match="too long"):
            await read(await asked(lines, upstream))


async def test_chunks_of_one_byte_are_no_trailers() -> None:
    body = b"1\r\nx\r\n" * (HEAD_BYTES // 2)
    upstream = Upstream(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body + b"0\r\n\r\n")
    async with served(upstream) as lines:
        assert len(await read(await asked(lines, upstream))) == HEAD_BYTES // 2


async def test_an_interim_answer_is_passed_over() -> None:
    upstream = Upstream(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + plain(b"x"))
    async with served(upstream) as lines:
        answer = await asked(lines, upstream)
        assert (answer.status, answer.header(b"link"), await read(answer)) == (200, "", b"x")


@pytest.mark.parametrize(("verb", "requests"), [("POST", 2), ("GET", 3), ("DELETE", 3)])
async def test_a_post_is_never_sent_twice(verb: str, requests: int) -> None:
    """The second request meets a kept connection that ends: nobody knows whether it was carried out."""
    upstream = Upstream(plain(b"one"), None, plain(b"three"))
    async with served(upstream) as lines:
        await read(await asked(lines, upstream, verb))
        if verb == "POST":
            with pytest.raises(BrokenOffError):
                await asked(lines, upstream, verb)
        else:
            assert await read(await asked(lines, upstream, verb)) == b"three"
        await asyncio.sleep(0.01)
    assert upstream.requests == requests


async def test_a_connection_that_was_closed_meanwhile_is_not_taken() -> None:
    upstream = Upstream(plain(b"one"), plain(b"two"), then_close=True)
    async with served(upstream) as lines:
        await read(await asked(lines, upstream))
        await asyncio.sleep(0.02)
        assert await read(await asked(lines, upstream)) == b"two"
    assert upstream.connections == 2


async def test_a_silent_upstream_is_given_up() -> None:
    upstream = Upstream(plain(b"abc")[:-1])
    async with served(upstream, silence=0.05) as lines:
        answer = await asked(lines, upstream)
        with pytest.raises(TimeoutError):
            await read(answer)


async def test_nothing_is_sent_on_a_decision_that_no_longer_holds() -> None:
    def outdated() -> None:
        raise Outdated("too old")

    upstream = Upstream(plain(b"x"))
    async with served(upstream) as lines:
        with pytest.raises(Outdated):
            await lines.ask("POST", place_of(f"http://127.0.0.1:{upstream.port}/"), REQUEST, outdated)
        assert await read(await asked(lines, upstream)) == b"x"
    assert (upstream.connections, upstream.requests) == (1, 1)


@pytest.mark.parametrize(
    ("url", "named", "target"),
    [
        ("http://a.example/mcp?x=1&y=%20", "a.example", "/mcp?x=1&y=%20"),
        ("https://a.example", "a.example", "/"),
        ("http://a.example:8080/ä b", "a.example:8080", "/%C3%A4%20b"),
        ("https://[::1]:8443/x", "[::1]:8443", "/x"),
        ("http://bücher.example/", "xn--bcher-kva.example", "/"),
    ],
)
def test_it_names_the_place_as_http_wants_it(url: str, named: str, target: str) -> None:
    place = place_of(url)
    assert (place.named, place.target) == (named, target)


@pytest.mark.parametrize("url", ["ftp://a.example/", "http://", "http:///x", "nonsense"])
def test_it_goes_nowhere_else(url: str) -> None:
    with pytest.raises(ValueError, match="not an HTTP URL"):
        place_of(url)
