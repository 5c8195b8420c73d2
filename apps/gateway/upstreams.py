"""One face for both transports: which upstream session, which headers, which child a message goes to."""

import secrets

from apps.decision.types import JSON
from apps.gateway import envelope
from apps.gateway.context import Request
from apps.gateway.envelope import Era
from apps.gateway.errors import DENIED, SessionGone
from apps.gateway.io import Io, McpSession
from apps.gateway.limits import Limits
from apps.gateway.messages import INVALID_REQUEST, METHOD_NOT_FOUND, Message, ProtocolError, body_of, dumps, error_body
from apps.gateway.transports.base import Reply
from apps.gateway.transports.http import SESSION_HEADER, HttpTransport
from apps.gateway.transports.stdio import StdioTransport


class Upstreams:
    def __init__(self, io: Io, limits: Limits) -> None:
        self._io = io
        self.http = HttpTransport(limits)
        self.stdio = StdioTransport(limits)

    async def open(self) -> None:
        await self.http.open()

    async def close(self) -> None:
        await self.stdio.close()
        await self.http.close()

    async def ask(
        self, request: Request, message: Message, params: dict[str, JSON], param_headers: dict[str, str]
    ) -> Reply:
        """Send a request; the caller closes the reply."""
        server = request.facts.server
        if request.era is Era.STATELESS and message.method == "initialize":
            raise ProtocolError(METHOD_NOT_FOUND, "Method not found", status=404, id=message.id)
        if server.transport == "http":
            headers = self._headers(request, message) | param_headers
            return await self.http.post(server, dumps(body_of(message, params)), headers, request.sure)
        place = request.place()
        if request.era is Era.STATEFUL:
            if not request.session_id:
                raise ProtocolError(INVALID_REQUEST, "Bad Request: Missing session ID", id=message.id)
            if not self.stdio.knows(place):
                raise SessionGone("Session not found")
        return await self.stdio.ask(place, server, message, params, request.sure)

    async def tell(self, request: Request, message: Message, params: dict[str, JSON]) -> None:
        """Send a notification or a response; nothing comes back."""
        server = request.facts.server
        if server.transport == "http":
            body = body_of(message, params) if message.method else body_of_response(message, params)
            reply = await self.http.post(server, dumps(body), self._headers(request, message), request.sure)
            await reply.close()
            return
        place = request.place()
        if not request.session_id:
            raise ProtocolError(INVALID_REQUEST, "Bad Request: Missing session ID")
        if not self.stdio.knows(place):
            raise SessionGone("Session not found")
        if not message.method:
            message = Message(message.id, "", {}, result=params.get("result"), error=params.get("error"))
        await self.stdio.tell(place, server, message, params, request.sure)

    async def refuse(self, request: Request, id: int | str, text: str) -> None:
        """Tell a server that its own request did not reach the client. Nothing of the agent's is in it, so that it
        needs no decision, and none can be too old for it."""
        server, error = request.facts.server, error_body(id, DENIED, text)
        if server.transport == "http":
            reply = await self.http.post(server, dumps(error), self._headers(request, None), _always)
            await reply.close()
        elif self.stdio.knows(request.place()):
            message = Message(id, "", {}, error=error["error"])
            await self.stdio.tell(request.place(), server, message, {}, _always)

    async def initialize(self, request: Request, message: Message, params: dict[str, JSON]) -> Reply:
        """Begin a session. The id that the client gets is set on the request; "" where the upstream keeps none."""
        server = request.facts.server
        request.session, request.session_id = None, ""
        if server.transport == "http":
            reply = await self.http.post(server, dumps(body_of(message, params)), {}, request.sure)
            request.session_id = secrets.token_urlsafe(24) if reply.session else ""
            return reply
        request.session_id = secrets.token_urlsafe(24)
        opening = Message(message.id, message.method, params)
        return await self.stdio.open(request.place(), server, opening, request.sure)

    async def remember(self, request: Request, upstream: str, version: str) -> None:
        """The session as any process of the gateway must see it."""
        facts = request.facts
        request.session = McpSession(request.session_id, facts.caller.agent.id, facts.server.name, upstream, version)
        await self._io.save_session(request.schema, request.session)

    async def listen(self, request: Request, last_event_id: str) -> Reply | None:
        """The stream of what answers nothing; None when there can be no second one."""
        server = request.facts.server
        if server.transport == "http":
            headers = self._headers(request, None)
            if last_event_id:
                headers["Last-Event-ID"] = last_event_id
            return await self.http.listen(server, headers, request.sure)
        if not self.stdio.knows(request.place()):
            raise SessionGone("Session not found")
        return await self.stdio.listen(request.place(), server, last_event_id, request.sure)

    async def end(self, request: Request) -> int:
        """End the session at both ends; the status for the client."""
        server = request.facts.server
        if server.transport == "http":
            status = await self.http.end(server, self._headers(request, None), request.sure)
            if status == 405:
                return 405
        else:
            await self.stdio.end(request.place())
        await self._io.forget_session(request.schema, request.session_id)
        return 200

    def _headers(self, request: Request, message: Message | None) -> dict[str, str]:
        """Made here from what was judged; nothing the client sent as a header goes on unread."""
        if request.era is Era.STATELESS and message is not None:
            return envelope.routing_headers(message, envelope.STATELESS_VERSIONS[0])
        headers: dict[str, str] = {}
        session = request.session
        if session is not None and session.upstream:
            headers[SESSION_HEADER] = session.upstream
        version = request.headers.get(envelope.VERSION_HEADER, b"").decode("latin-1")
        if version in envelope.HANDSHAKE_VERSIONS:
            headers["MCP-Protocol-Version"] = version
        return headers


def _always() -> None:
    """Whatever the time."""


def body_of_response(message: Message, params: dict[str, JSON]) -> dict[str, JSON]:
    """A client's answer with what may have been redacted in it."""
    key = "error" if message.error is not None else "result"
    return {"jsonrpc": "2.0", "id": message.id, key: params.get(key)}
