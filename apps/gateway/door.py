"""Who is let in: host, origin, token, tenant and audience, agent, server, session, in this order.

Nothing about why a token was refused leaves this place but the OAuth error code; the log gets a fixed word.
"""

import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from apps.agents.tokens import Claims, TokenError
from apps.decision.errors import AppError, NotAllowed, NotAuthenticated, NotFound
from apps.decision.scan.redact import redact
from apps.decision.screens.killswitch import FRESH_SECONDS, stopped_by
from apps.decision.types import Agent, Caller, Facts, Requester, Rulebook, Server, Severity
from apps.gateway.context import Request
from apps.gateway.errors import SessionGone
from apps.gateway.io import Gathered, Io, McpSession
from apps.gateway.limits import Limits
from apps.gateway.tokens import Tokens
from apps.gateway.wire import Receive, Scope, Send

PREFIX: Final = "/mcp/v1/"
METADATA_PREFIX: Final = "/.well-known/oauth-protected-resource/mcp/v1/"
_SERVER = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
_SESSION = re.compile(rb"[A-Za-z0-9_-]{16,64}")
_OUT_OF_SERVICE: Final = frozenset({"revoked", "deprovisioned"})
MAX_REQUESTER: Final = 200


class Misdirected(NotFound):
    """The host is nobody's here."""

    status, code = 421, "unknown_host"


class Refused(Exception):  # noqa: N818 - a business word
    """Turned away: `error` for the caller, `why` for the log, and as much as is known about who it was."""

    def __init__(self, error: AppError, why: str, *, schema: str = "", agent: str = "", session: str = "") -> None:
        super().__init__(why)
        self.error = error
        self.why = why
        self.schema = schema
        self.agent = agent
        self.session = session


class Door:
    def __init__(self, io: Io, limits: Limits) -> None:
        self._io = io
        self._limits = limits
        self._tokens = Tokens(limits.tokens)

    async def admit(self, scope: Scope, receive: Receive, send: Send, server: str) -> Request:
        """Raises Refused, or Unavailable when a fact cannot be had."""
        pairs: list[tuple[bytes, bytes]] = scope["headers"]
        headers = dict(pairs)
        schema = await self._io.schema_of_host(host_of(headers))
        if schema is None:
            raise Refused(Misdirected("No tenant answers on this host"), "unknown_host")
        self._check_origin(headers, schema)
        session_id = _session_id(headers)
        asked_at = time.monotonic()
        claims, gathered = await self._identify(schema, headers, server, session_id)
        book = gathered.book
        agent, target = self._let_in(schema, book, claims, server, session_id, gathered.mcp_session)
        facts = Facts(
            book=book,
            caller=Caller(agent, claims.session_id),
            server=target,
            requester=_requester(headers, book),
            calls_in_window=gathered.calls_in_window,
            calls_in_session=gathered.calls_in_session,
            now=datetime.now(UTC),
        )
        request = Request(schema, facts, claims, headers, pairs, receive, send, session_id, gathered.mcp_session)
        request.fresh_until = asked_at + FRESH_SECONDS
        return request

    async def again(self, request: Request) -> Request:
        """The same caller with fresh facts, after Outdated. Costs nothing of its allowance; raises what admit does."""
        schema, claims, server = request.schema, request.claims, request.facts.server.name
        await self._io.distrust(schema)
        asked_at = time.monotonic()
        gathered = await self._io.gather(schema, "", "", "")
        book = gathered.book
        try:
            self._tokens.claims(request.headers.get(b"authorization"), book, server)
        except TokenError as error:
            raise _token_refused(error, schema) from None
        agent, target = self._let_in(schema, book, claims, server, request.session_id, request.session)
        facts = replace(
            request.facts,
            book=book,
            caller=Caller(agent, claims.session_id),
            server=target,
            now=datetime.now(UTC),
        )
        return replace(request, facts=facts, fresh_until=asked_at + FRESH_SECONDS)

    def _let_in(
        self, schema: str, book: Rulebook, claims: Claims, server: str, session_id: str, session: McpSession | None
    ) -> tuple[Agent, Server]:
        known = {"schema": schema, "agent": claims.agent_id, "session": claims.session_id}
        agent = book.agents.get(claims.agent_id)
        if agent is None or agent.status in _OUT_OF_SERVICE:
            raise Refused(_unauthenticated("invalid_token"), "agent_out_of_service", **known)
        if claims.session_id in book.revoked_sessions:
            raise Refused(_unauthenticated("invalid_token"), "session_revoked", **known)
        target = book.servers.get(server)
        if target is None or not target.enabled:
            raise Refused(unknown_server(), "unknown_server", **known)
        if session_id and (session is None or (session.agent_id, session.server) != (agent.id, server)):
            raise Refused(SessionGone("Session not found"), "foreign_session" if session else "no_session", **known)
        return agent, target

    async def _identify(
        self, schema: str, headers: dict[bytes, bytes], server: str, session_id: str
    ) -> tuple[Claims, Gathered]:
        """The token by the rulebook at hand, then the facts; and once more where the rulebook proved to be old."""
        book = await self._io.book(schema)
        authorization = headers.get(b"authorization")
        claims = refusal = None
        try:
            claims = self._tokens.claims(authorization, book, server)
        except TokenError as error:
            refusal = error
        if claims is not None:
            gathered = await self._io.gather(schema, claims.agent_id, claims.session_id, session_id)
        else:
            gathered = await self._io.gather(schema, "", "", "")
        if gathered.book is book:
            if claims is None:
                raise _token_refused(refusal, schema)
            return claims, gathered
        try:
            again = self._tokens.claims(authorization, gathered.book, server)
        except TokenError as error:
            raise _token_refused(error, schema) from None
        if claims is None:
            gathered = await self._io.gather(schema, again.agent_id, again.session_id, session_id)
        return again, gathered

    async def still_open(self, request: Request) -> bool:
        """Whether a long stream may go on: asked again and again while it lasts."""
        claims, schema = request.claims, request.schema
        try:
            self._tokens.claims(
                request.headers.get(b"authorization"), await self._io.book(schema), request.facts.server.name
            )
            gathered = await self._io.gather(schema, "", "", "")
        except (TokenError, AppError):
            return False
        facts = replace(request.facts, book=gathered.book, now=datetime.now(UTC))
        return stopped_by(facts) is None and _in_service(gathered.book, claims, request.facts.server.name)

    def _check_origin(self, headers: dict[bytes, bytes], schema: str) -> None:
        """A browser page of another origin must not reach a gateway on its user's network (DNS rebinding)."""
        origin = headers.get(b"origin")
        if origin is None:
            return
        text = origin.decode("latin-1")
        try:
            same = urlsplit(text).netloc.lower() == headers.get(b"host", b"").decode("latin-1").lower()
        except ValueError:
            same = False
        if not same and text not in self._limits.allowed_origins:
            raise Refused(NotAllowed("The origin is not allowed"), "bad_origin", schema=schema)


def _in_service(book: Rulebook, claims: Claims, server: str) -> bool:
    agent, target = book.agents.get(claims.agent_id), book.servers.get(server)
    if agent is None or agent.status != "active" or claims.session_id in book.revoked_sessions:
        return False
    return target is not None and target.enabled


def host_of(headers: dict[bytes, bytes]) -> str:
    """The Host without its port, in lower case."""
    host = headers.get(b"host", b"").decode("latin-1").lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def server_of(path: str, prefix: str) -> str | None:
    name = path[len(prefix) :].removesuffix("/")
    return name if _SERVER.fullmatch(name) and len(name) <= 63 else None


def unknown_server() -> NotFound:
    return NotFound("Unknown server")


def _session_id(headers: dict[bytes, bytes]) -> str:
    sent = headers.get(b"mcp-session-id", b"")
    if sent and not _SESSION.fullmatch(sent):
        return "unknown-session-id"  # of the shape, but never issued: it ends as any unknown one does
    return sent.decode()


def _requester(headers: dict[bytes, bytes], book: Rulebook) -> Requester:
    """Whom the agent says it acts for. It goes into the log as it is, so a secret in it is masked before that.

    Only what is a secret anywhere: a mail address may be a finding, and is a perfectly good name for a requester.
    """
    id, channel = (_said(headers.get(name, b""), book) for name in (b"x-requester-id", b"x-requester-channel"))
    return Requester(id, channel) if id or channel else _NOBODY


def _said(value: bytes, book: Rulebook) -> str:
    text = value.decode("utf-8", "replace")[:MAX_REQUESTER].strip()
    findings = [one for one in (book.scan_dlp(text) if text else ()) if one.severity in _SECRET]
    return str(redact(text, findings)) if findings else text


_NOBODY: Final = Requester()
_SECRET: Final = frozenset({Severity.CRITICAL, Severity.HIGH})


def _token_refused(error: TokenError | None, schema: str) -> Refused:
    code = error.code if error is not None else "invalid_token"
    return Refused(_unauthenticated(code), error.why if error is not None else "invalid_token", schema=schema)


def _unauthenticated(code: str) -> NotAuthenticated:
    return NotAuthenticated("A valid access token is needed", code=code or "no_token")
