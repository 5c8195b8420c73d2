"""Who is let in: host, origin, token, tenant and audience, agent, server, session, in this order.

Nothing about why a token was refused leaves this place but the OAuth error code; the log gets a fixed word.
"""

import math
import re
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from apps.agents.tokens import Claims, TokenError
from apps.decision.errors import AppError, NotAllowed, NotAuthenticated, NotFound, RateLimited
from apps.decision.facts import Facts, Rulebook
from apps.decision.scan.redact import redact
from apps.decision.screens.killswitch import FRESH_SECONDS, stopped_by
from apps.decision.types import Agent, Caller, Pieces, Requester, Server, Severity
from apps.gateway import entries
from apps.gateway.context import Request
from apps.gateway.counters import REQUESTER_SECONDS, Counted, hashed
from apps.gateway.errors import SessionGone
from apps.gateway.io import TRIES, Io, Visit, rulebook_moving
from apps.gateway.limits import Limits
from apps.gateway.tokens import Tokens
from apps.gateway.wire import Receive, Scope, Send

PREFIX: Final = "/mcp/v1/"
METADATA_PREFIX: Final = "/.well-known/oauth-protected-resource/mcp/v1/"
_SERVER = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
_SESSION = re.compile(rb"[A-Za-z0-9_-]{16,64}")
_OUT_OF_SERVICE: Final = frozenset({"revoked", "deprovisioned"})
MAX_REQUESTER: Final = 200
NOBODY: Final = Requester()


class Misdirected(NotFound):
    """The host is nobody's here."""

    status, code = 421, "unknown_host"


class Refused(Exception):  # noqa: N818 - a business word
    """Turned away: `error` for the caller, `why` for the log, and as much as is known about who it was."""

    def __init__(
        self,
        error: AppError,
        why: str,
        *,
        schema: str = "",
        agent: str = "",
        session: str = "",
        requester: Requester = NOBODY,
    ) -> None:
        super().__init__(why)
        self.error = error
        self.why = why
        self.schema = schema
        self.agent = agent
        self.session = session
        self.requester = requester


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
        cost = 1 if scope["method"] == "POST" else 0
        book = await self._io.book(schema)
        for _ in range(TRIES):
            known = refusal = visit = None
            try:
                known = self._known(schema, book, headers, server)
            except Refused as error:
                refusal = error  # by the rulebook at hand; it counts only if that is the current one
            else:
                visit = known.visit(schema, session_id, cost)
            asked_at = time.monotonic()
            gathered = await self._io.gather(schema, book, visit)
            if gathered.settled:
                break
            book = gathered.book
        else:
            raise rulebook_moving()
        if refusal is not None or known is None:
            raise refusal or Refused(_unauthenticated("invalid_token"), "invalid_token", schema=schema)
        return self._admitted(
            Request(
                schema,
                self._facts(schema, book, known, gathered.counted),
                known.claims,
                headers,
                pairs,
                receive,
                send,
                session_id,
                gathered.mcp_session,
                fresh_until=asked_at + FRESH_SECONDS,
                withheld=gathered.counted.withheld,
                lease=gathered.lease,
            ),
            gathered.counted,
        )

    def _admitted(self, request: Request, counted: Counted) -> Request:
        facts, session = request.facts, request.session
        agent, server = facts.caller.agent.id, facts.server.name
        if counted.wait_us:
            raise _too_much(request, counted)
        if request.session_id and (session is None or (session.agent_id, session.server) != (agent, server)):
            request.release()
            why = "foreign_session" if session else "no_session"
            raise _refused(request, SessionGone("Session not found"), why)
        if counted.new_requester and _worth_an_entry(counted.distinct_requesters):
            self._io.record_soon(request.schema, entries.mismatch_entry(request, REQUESTER_SECONDS))
        return request

    async def charge(self, request: Request, messages: int, requests: int) -> None:
        """A batch costs as many calls as it has messages, and takes as many places as it has requests.

        One of either it has already. Where it does not fit it is refused whole, and leaves nothing behind.
        """
        facts, schema, lease = request.facts, request.schema, request.lease
        if lease is not None and requests > 1:
            lease.take(requests - 1)
        book = facts.book
        for _ in range(TRIES):
            agent = book.agents.get(facts.caller.agent.id, facts.caller.agent)
            visit = Visit(agent, facts.caller.session_id, cost=messages - 1)
            gathered = await self._io.gather(schema, book, visit, lease)
            if gathered.settled:
                if gathered.counted.wait_us:
                    raise _too_much(request, gathered.counted)
                return
            book = gathered.book
        raise rulebook_moving()

    async def again(self, request: Request) -> Request:
        """The same caller with fresh facts, after Outdated or a wait. Costs nothing of its allowance, and takes its
        place among the agent's calls back where it was given up; raises what admit does."""
        schema, facts = request.schema, request.facts
        await self._io.distrust(schema)
        book = await self._io.book(schema)
        for _ in range(TRIES):
            asked_at = time.monotonic()
            agent = book.agents.get(facts.caller.agent.id, facts.caller.agent)
            gathered = await self._io.gather(schema, book, Visit(agent, facts.caller.session_id, cost=0))
            if gathered.settled:
                break
            book = gathered.book
        else:
            raise rulebook_moving()
        known = self._known(schema, book, request.headers, facts.server.name)
        if request.lease is not None:
            request.lease.retake()
        caller = Caller(known.agent, known.claims.session_id)
        earlier = self._earlier(schema, known.agent, gathered.counted)
        facts = replace(facts, book=book, caller=caller, server=known.server, now=datetime.now(UTC), earlier=earlier)
        withheld = gathered.counted.withheld
        return replace(request, facts=facts, fresh_until=asked_at + FRESH_SECONDS, withheld=withheld)

    async def still_open(self, request: Request) -> bool:
        """Whether a long stream may go on: asked again and again while it lasts."""
        try:
            book = await self._io.current_book(request.schema)
            known = self._known(request.schema, book, request.headers, request.facts.server.name)
        except (Refused, AppError):
            return False
        facts = replace(request.facts, book=book, now=datetime.now(UTC))
        return stopped_by(facts) is None and known.agent.status == "active"

    def _known(self, schema: str, book: Rulebook, headers: dict[bytes, bytes], server: str) -> "_Known":
        """Who calls whom, by this rulebook. Raises Refused."""
        try:
            claims = self._tokens.claims(headers.get(b"authorization"), book, server)
        except TokenError as error:
            raise Refused(_unauthenticated(error.code), error.why, schema=schema) from None
        requester = _requester(headers, book)
        named = {"schema": schema, "agent": claims.agent_id, "session": claims.session_id}
        agent = book.agents.get(claims.agent_id)
        if agent is None or agent.status in _OUT_OF_SERVICE:
            raise Refused(_unauthenticated("invalid_token"), "agent_out_of_service", requester=requester, **named)
        if claims.session_id in book.revoked_sessions:
            raise Refused(_unauthenticated("invalid_token"), "session_revoked", requester=requester, **named)
        target = book.servers.get(server)
        if target is None or not target.enabled:
            raise Refused(unknown_server(), "unknown_server", requester=requester, **named)
        return _Known(claims, agent, target, requester)

    def _facts(self, schema: str, book: Rulebook, known: "_Known", counted: Counted) -> Facts:
        return Facts(
            book=book,
            caller=Caller(known.agent, known.claims.session_id),
            server=known.server,
            requester=known.requester,
            calls_in_window=counted.calls_in_window,
            calls_in_session=counted.calls_in_session,
            distinct_requesters=counted.distinct_requesters,
            now=datetime.now(UTC),
            earlier=self._earlier(schema, known.agent, counted),
        )

    def _earlier(self, schema: str, agent: Agent, counted: Counted) -> tuple[Pieces, ...]:
        return self._io.carried.read(schema, agent.id, counted.carried) if counted.carried else ()

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


@dataclass(frozen=True, slots=True)
class _Known:
    claims: Claims
    agent: Agent
    server: Server
    requester: Requester

    def visit(self, schema: str, mcp_session: str, cost: int) -> Visit:
        requester = self.requester.id and hashed(schema, self.agent.id, self.requester.id)
        return Visit(self.agent, self.claims.session_id, mcp_session, requester, cost)


def _refused(request: Request, error: AppError, why: str) -> Refused:
    caller, requester = request.facts.caller, request.facts.requester
    known = {"schema": request.schema, "agent": caller.agent.id, "session": caller.session_id}
    return Refused(error, why, requester=requester, **known)


def _too_much(request: Request, counted: Counted) -> Refused:
    if counted.too_many_at_once:
        detail, code = "Too many calls of this agent run at once", "too_many_concurrent"
    else:
        detail, code = "This agent calls more often than it may", "rate_limited"
    error = RateLimited(detail, code=code, retry_after=math.ceil(counted.wait_us / 1_000_000))
    return _refused(request, error, code)


def _worth_an_entry(requesters: int) -> bool:
    """Every further one at first; whoever makes names up by the thousand gets an entry each time they have doubled."""
    return 2 <= requesters <= 10 or (requesters > 10 and requesters & (requesters - 1) == 0)


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
    return Requester(id, channel) if id or channel else NOBODY


def _said(value: bytes, book: Rulebook) -> str:
    text = value.decode("utf-8", "replace")[:MAX_REQUESTER].strip()
    findings = [one for one in (book.scan_dlp(text) if text else ()) if one.severity in _SECRET]
    return str(redact(text, findings)) if findings else text


_SECRET: Final = frozenset({Severity.CRITICAL, Severity.HIGH})


def _unauthenticated(code: str) -> NotAuthenticated:
    return NotAuthenticated("A valid access token is needed", code=code or "no_token")
