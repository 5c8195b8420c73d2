"""Streamable HTTP towards an upstream: one pooled client, no cookies, no redirects, nothing of the caller's.

The only credentials an upstream sees are those the registry holds for it.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Final

import aiohttp
from aiohttp import hdrs
from aiohttp.abc import AbstractStreamWriter
from yarl import URL

from apps.decision.errors import Outdated, UpstreamFailed
from apps.decision.types import Server
from apps.gateway.errors import SessionGone, UpstreamSlow
from apps.gateway.limits import Limits
from apps.gateway.messages import ProtocolError, loads
from apps.gateway.transports.base import Incoming, Reply, Sure
from apps.gateway.transports.events import EventParser

SESSION_HEADER: Final = "Mcp-Session-Id"
_ACCEPT_BOTH: Final = "application/json, text/event-stream"
_SKIP = (hdrs.USER_AGENT, hdrs.ACCEPT_ENCODING)
_SKIP_TYPE = (hdrs.CONTENT_TYPE,)  # given where there is content


class _Body(aiohttp.BytesPayload):
    """Asks at the last moment. The client holds the headers back to send them with the first bytes of the body, so
    this comes before anything leaves: after a wait for a connection, and on one from the pool alike."""

    def __init__(self, body: bytes, sure: Sure) -> None:
        super().__init__(body)
        self._sure = sure
        self.outdated: Outdated | None = None

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        try:
            self._sure()
        except Outdated as error:  # arrives at the caller as a broken connection, which is then closed
            self.outdated = error
            raise
        await super().write_with_length(writer, content_length)


class HttpTransport:
    """Opened and closed with the gateway's lifespan."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._client: aiohttp.ClientSession | None = None
        self._urls: dict[str, URL] = {}

    async def open(self) -> None:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=30.0, ttl_dns_cache=30)
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=self._limits.connect_seconds, sock_read=self._limits.call_seconds
        )
        self._client = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=timeout,
            trust_env=False,
            auto_decompress=False,
            skip_auto_headers=_SKIP,
        )

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def post(self, server: Server, body: bytes, headers: Mapping[str, str], sure: Sure) -> Reply:
        """Send one message. Raises UpstreamFailed (unreachable, broken), UpstreamSlow, SessionGone, and Outdated from
        `sure` before anything was sent."""
        sent = {**server.headers, "Content-Type": "application/json", "Accept": _ACCEPT_BOTH, **headers}
        response = await self._request("POST", server, sent, _Body(body, sure))
        try:
            return await self._read(response, SESSION_HEADER in headers)
        except BaseException:
            response.close()
            raise

    async def listen(self, server: Server, headers: Mapping[str, str], sure: Sure) -> Reply:
        """Open the stream of messages that answer nothing, or resume one. Status 405: the upstream has none."""
        response = await self._request(
            "GET", server, {**server.headers, "Accept": "text/event-stream", **headers}, _Body(b"", sure)
        )
        try:
            return await self._read(response, SESSION_HEADER in headers)
        except BaseException:
            response.close()
            raise

    async def end(self, server: Server, headers: Mapping[str, str], sure: Sure) -> int:
        response = await self._request("DELETE", server, {**server.headers, **headers}, _Body(b"", sure))
        response.release()
        return response.status

    async def _request(
        self, verb: str, server: Server, headers: Mapping[str, str], body: _Body | None = None
    ) -> aiohttp.ClientResponse:
        if self._client is None:
            raise UpstreamFailed("The gateway is not running", code="not_running")
        try:
            return await self._client.request(
                verb,
                self._url(server.url),
                data=body,
                headers=headers,
                allow_redirects=False,
                skip_auto_headers=_SKIP_TYPE,
            )
        except TimeoutError:
            raise UpstreamSlow("The backend did not answer in time") from None
        except (aiohttp.ClientError, OSError, ValueError):
            if body is not None and body.outdated is not None:
                raise body.outdated from None
            raise UpstreamFailed("The backend cannot be reached", code="upstream_unreachable") from None

    def _url(self, text: str) -> URL:
        url = self._urls.get(text)
        if url is None:
            if len(self._urls) > 1000:
                self._urls.clear()
            url = self._urls[text] = URL(text)
        return url

    async def _read(self, response: aiohttp.ClientResponse, in_session: bool) -> Reply:
        status = response.status
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        session = response.headers.get(SESSION_HEADER, "")
        if status == 200 and kind == "text/event-stream":
            return Reply(stream=self._events(response), session=session, release=_closing(response))
        body = await self._body(response)
        if 200 <= status < 300:
            if not body:
                return Reply(session=session, status=status)
            if kind != "application/json":
                raise UpstreamFailed("The backend answered with something that is not JSON", code="upstream_not_json")
            return Reply(message=_message(body), session=session, status=status, size=len(body))
        return _failure(status, kind, body, in_session)

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        limit = self._limits.answer_bytes
        try:
            if response.content_length is not None and response.content_length <= limit:
                return await response.read()
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > limit:
                    raise UpstreamFailed("The backend's answer is too large", code="upstream_too_large")
            return bytes(body)
        except TimeoutError:
            raise UpstreamSlow("The backend did not finish its answer in time") from None
        except (aiohttp.ClientError, OSError):
            raise UpstreamFailed("The backend broke off its answer", code="upstream_broke_off") from None

    async def _events(self, response: aiohttp.ClientResponse) -> AsyncIterator[Incoming]:
        parser = EventParser(self._limits.answer_bytes)
        try:
            async for chunk in response.content.iter_any():
                for event in parser.feed(chunk):
                    message = _message(event.data) if event.data is not None else None
                    yield Incoming(message, event.id, event.retry)
        except TimeoutError:
            raise UpstreamSlow("The backend's stream fell silent") from None
        except (aiohttp.ClientError, OSError):
            raise UpstreamFailed("The backend broke off its stream", code="upstream_broke_off") from None


def _closing(response: aiohttp.ClientResponse):  # type: ignore[no-untyped-def]
    async def release() -> None:
        response.close()

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
