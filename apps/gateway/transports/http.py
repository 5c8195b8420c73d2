"""Streamable HTTP towards an upstream: one pooled client, no cookies, no redirects, nothing of the caller's.

The only credentials an upstream sees are those the registry holds for it.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Final

from apps.decision.errors import UpstreamFailed
from apps.decision.types import Server
from apps.gateway.errors import SessionGone, UpstreamSlow
from apps.gateway.limits import Limits
from apps.gateway.messages import ProtocolError, loads
from apps.gateway.transports.base import Incoming, Reply, Sure
from apps.gateway.transports.events import EventParser
from apps.gateway.transports.http_line import Answer, HttpLines, Place, place_of

SESSION_HEADER: Final = "Mcp-Session-Id"
_POSTED: Final = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
_LISTENED: Final = {"Accept": "text/event-stream"}
_ENDED: Final = {"Accept": "*/*"}
_PLACES: Final = 1_000


class HttpTransport:
    """Opened and closed with the gateway's lifespan."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lines: HttpLines | None = None
        self._places: dict[str, Place] = {}

    async def open(self) -> None:
        self._lines = HttpLines(self._limits.connect_seconds, self._limits.call_seconds)

    async def close(self) -> None:
        if self._lines is not None:
            await self._lines.close()
            self._lines = None

    async def post(self, server: Server, body: bytes, headers: Mapping[str, str], sure: Sure) -> Reply:
        """Send one message. Raises UpstreamFailed (unreachable, broken), UpstreamSlow, SessionGone, and Outdated from
        `sure` before anything was sent."""
        answer = await self._ask("POST", server, _POSTED, headers, body, sure)
        return await self._read(answer, SESSION_HEADER in headers)

    async def listen(self, server: Server, headers: Mapping[str, str], sure: Sure) -> Reply:
        """Open the stream of messages that answer nothing, or resume one. Status 405: the upstream has none."""
        answer = await self._ask("GET", server, _LISTENED, headers, None, sure)
        return await self._read(answer, SESSION_HEADER in headers)

    async def end(self, server: Server, headers: Mapping[str, str], sure: Sure) -> int:
        answer = await self._ask("DELETE", server, _ENDED, headers, None, sure)
        answer.close()
        return answer.status

    async def _ask(
        self,
        verb: str,
        server: Server,
        own: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes | None,
        sure: Sure,
    ) -> Answer:
        if self._lines is None:
            raise UpstreamFailed("The gateway is not running", code="not_running")
        try:
            place = self._place(server.url)
            request = _request(verb, place, (server.headers, own, headers), body)
            return await self._lines.ask(verb, place, request, sure)
        except TimeoutError:
            raise UpstreamSlow("The backend did not answer in time") from None
        except (OSError, ValueError):
            raise UpstreamFailed("The backend cannot be reached", code="upstream_unreachable") from None

    def _place(self, url: str) -> Place:
        place = self._places.get(url)
        if place is None:
            if len(self._places) >= _PLACES:
                self._places.clear()
            place = self._places[url] = place_of(url)
        return place

    async def _read(self, answer: Answer, in_session: bool) -> Reply:
        status = answer.status
        kind = answer.header(b"content-type").partition(";")[0].strip().lower()
        session = answer.header(b"mcp-session-id")
        if status == 200 and kind == "text/event-stream":
            return Reply(stream=self._events(answer), session=session, release=_closing(answer))
        try:
            body = await self._body(answer)
        except BaseException:
            answer.close()
            raise
        if 200 <= status < 300:
            if not body:
                return Reply(session=session, status=status)
            if kind != "application/json":
                raise UpstreamFailed("The backend answered with something that is not JSON", code="upstream_not_json")
            return Reply(message=_message(body), session=session, status=status, size=len(body))
        return _failure(status, kind, body, in_session)

    async def _body(self, answer: Answer) -> bytes:
        limit = self._limits.answer_bytes
        parts: list[bytes] = []
        size = 0
        try:
            async for chunk in answer.chunks():
                size += len(chunk)
                if size > limit:
                    raise UpstreamFailed("The backend's answer is too large", code="upstream_too_large")
                parts.append(chunk)
        except TimeoutError:
            raise UpstreamSlow("The backend did not finish its answer in time") from None
        except OSError:
            raise UpstreamFailed("The backend broke off its answer", code="upstream_broke_off") from None
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def _events(self, answer: Answer) -> AsyncIterator[Incoming]:
        parser = EventParser(self._limits.answer_bytes)
        try:
            async for chunk in answer.chunks():
                for event in parser.feed(chunk):
                    message = _message(event.data) if event.data is not None else None
                    yield Incoming(message, event.id, event.retry)
        except TimeoutError:
            raise UpstreamSlow("The backend's stream fell silent") from None
        except OSError:
            raise UpstreamFailed("The backend broke off its stream", code="upstream_broke_off") from None


def _request(verb: str, place: Place, headers: tuple[Mapping[str, str], ...], body: bytes | None) -> bytes:
    """The whole request. Raises ValueError where a header would be two."""
    lines = [f"{name}: {value}" for some in headers for name, value in some.items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    text = "\r\n".join([f"{verb} {place.target} HTTP/1.1", f"Host: {place.named}", *lines, "", ""])
    if text.count("\r") != len(lines) + 3 or text.count("\n") != len(lines) + 3 or "\0" in text:
        raise ValueError("a header with a line break")
    return text.encode("utf-8", "surrogateescape") + (body or b"")


def _closing(answer: Answer):  # type: ignore[no-untyped-def]
    async def release() -> None:
        answer.close()

    return release


def _message(body: bytes) -> dict[str, object]:
    try:
        value = loads(body)
    except ProtocolError:
        raise UpstreamFailed("The backend answered with something that is not JSON", code="upstream_not_json") from None
    if not isinstance(value, dict) or value.get("jsonrpc") != "2.0":
        raise UpstreamFailed("The backend's answer is not a JSON-RPC message", code="upstream_not_json_rpc")
    return value


def _failure(status: int, kind: str, body: bytes, in_session: bool) -> Reply:
    """A JSON-RPC error is passed on. A refusal of the gateway's own credentials is the gateway's problem."""
    if status in (401, 403):
        raise UpstreamFailed("The backend refused the gateway's credentials", code="upstream_refused_gateway")
    if status == 404 and in_session:
        raise SessionGone("Session not found")
    if status == 405:
        return Reply(status=405)
    if kind == "application/json" and body:
        try:
            value = loads(body)
        except ProtocolError:
            value = None
        if isinstance(value, dict) and isinstance(value.get("error"), dict):
            return Reply(message=value, status=status, size=len(body))
    raise UpstreamFailed(f"The backend answered with HTTP status {status}", code="upstream_http_status")
