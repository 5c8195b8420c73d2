"""The gateway as an ASGI application: `/mcp/v1/{server}` and its protected-resource metadata (RFC 9728).

Every request ends in an answer from the protocol, and every refusal in an entry of the log; a flood of refusals is
counted instead of written.
"""

import asyncio
import gc
import logging
import time
import traceback
from contextlib import suppress

from apps.decision.errors import AppError, NotAuthenticated, RateLimited
from apps.decision.types import Requester
from apps.gateway import door, entries, envelope, wire
from apps.gateway.batch import Batches
from apps.gateway.context import Request
from apps.gateway.door import Door, Refused
from apps.gateway.envelope import Era
from apps.gateway.errors import CallerGone, rpc_code
from apps.gateway.exchange import Exchanges
from apps.gateway.inbound import Inbound
from apps.gateway.io import Io
from apps.gateway.limits import Limits, limits_from_settings
from apps.gateway.load import Load
from apps.gateway.messages import INTERNAL_ERROR, INVALID_REQUEST, ProtocolError, dumps, error_body, parse
from apps.gateway.pinning import Pins
from apps.gateway.prompt_drift import PromptDrift
from apps.gateway.screening import Screening
from apps.gateway.streams import Streams
from apps.gateway.upstreams import Upstreams
from apps.gateway.wire import Receive, Scope, Send

logger = logging.getLogger(__name__)
REAP_SECONDS = 15.0


class Gateway:
    """Opened by the lifespan protocol, or by `async with`. One per process; belongs to one event loop."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._given_limits = limits
        self._parts: _Parts | None = None

    def owns(self, scope: Scope) -> bool:
        if scope["type"] != "http":
            return False
        path: str = scope["path"]
        return path.startswith((door.PREFIX, door.METADATA_PREFIX))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            if self._parts is None:
                await wire.answer(send, 503, dumps(error_body(None, INTERNAL_ERROR, "The gateway is not running")))
            else:
                await self._parts.serve(scope, receive, send)

    async def __aenter__(self) -> "Gateway":
        self._parts = _Parts(self._given_limits or limits_from_settings())
        await self._parts.open()
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._parts is not None:
            await self._parts.close()
            self._parts = None

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.__aenter__()
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": type(error).__name__})
            raise
        _spare_the_collector()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.__aexit__()
        await send({"type": "lifespan.shutdown.complete"})

    @property
    def quiet(self) -> bool:
        """Whether the log holds all that happened so far."""
        return self._parts is None or self._parts.io.quiet

    @property
    def children(self) -> list[int]:
        """Process ids of the children that run now."""
        return self._parts.upstreams.stdio.pids() if self._parts is not None else []


class _Parts:
    """What lives as long as the gateway is open."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.io = Io(limits)
        self.door = Door(self.io, limits)
        self.prompts = PromptDrift(self.io)
        self.upstreams = Upstreams(self.io, limits)
        self.load = Load(limits)
        self.pins = Pins(self.io, self.door, self.upstreams)
        self.inbound = Inbound(self.io, self.upstreams, self.pins, Screening(self.io, limits))
        self.exchanges = Exchanges(self.io, self.door, self.upstreams, limits, self.load, self.inbound, self.pins)
        self.batches = Batches(self.exchanges, limits, self.load)
        self.streams = Streams(self.io, self.door, self.upstreams, limits, self.load, self.inbound)
        self._reaper: asyncio.Task[None] | None = None
        self._refusals: dict[str, tuple[float, float, int]] = {}  # schema → entries left, refilled at, not logged

    async def open(self) -> None:
        self.io.open()
        await self.upstreams.open()
        self._reaper = asyncio.create_task(self._reap(), name="gateway-reaper")

    async def close(self) -> None:
        if self._reaper is not None:
            self._reaper.cancel()
            with suppress(asyncio.CancelledError):
                await self._reaper
        await self.exchanges.close()
        await self.inbound.close()
        await self.pins.close()
        await self.upstreams.close()
        await self.io.close()

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if path.startswith(door.METADATA_PREFIX):
            await _metadata(scope, send)
            return
        server = door.server_of(path, door.PREFIX)
        request: Request | None = None
        try:
            self.load.enter()
            try:
                if server is None:
                    raise Refused(door.unknown_server(), "bad_server_name")
                request = await self.door.admit(scope, receive, send, server)
                await self.prompts.of_headers(request)
                await self._dispatch(scope["method"], request)
            finally:
                self.load.leave()
                if request is not None:
                    request.release()
        except Refused as refused:
            named = self.io.registered(refused.schema, server or "")
            status, who = refused.error.status, (refused.agent, refused.session, refused.requester)
            self._note(refused.schema, named, refused.why, status, *who)
            await _answer_error(scope, send, refused.error)
        except ProtocolError as error:
            self._note_of(request, error.code, error.status)
            body = error_body(error.id, error.code, error.message, error.data)
            await wire.answer(send, error.status, dumps(body))
        except CallerGone:
            self._note_of(request, "caller_gone", 499)
        except AppError as error:
            if not isinstance(error, RateLimited):
                self._note_of(request, error.code, error.status)
            await _answer_error(scope, send, error)
        except Exception as error:  # the last resort: a defect of ours ends this call and no other
            logger.error("gateway defect", extra={"error": type(error).__name__, "where": _where(error)})
            self._note_of(request, "internal_error", 500)
            with suppress(RuntimeError):  # an answer may have begun
                await wire.answer(send, 500, dumps(error_body(None, INTERNAL_ERROR, "Internal error")))

    async def _dispatch(self, verb: str, request: Request) -> None:
        version = request.headers.get(envelope.VERSION_HEADER)
        stateless = envelope.era_of_header(version) is Era.STATELESS
        if verb == "POST":
            await self._post(request, version)
        elif verb not in ("GET", "DELETE") or stateless:
            await wire.answer(request.send, 405, b"", [(b"allow", b"POST" if stateless else b"GET, POST, DELETE")])
        elif verb == "DELETE":
            await self.streams.end(request)
        elif not _accepts(request, b"text/event-stream"):
            raise ProtocolError(INVALID_REQUEST, "Not Acceptable: Client must accept text/event-stream", status=406)
        else:
            await self.streams.listen(request)

    async def _post(self, request: Request, version: bytes | None) -> None:
        headers = request.headers
        if not headers.get(b"content-type", b"").lower().startswith(b"application/json"):
            raise ProtocolError(INVALID_REQUEST, "Content-Type must be application/json", status=415)
        if not (_accepts(request, b"application/json") and _accepts(request, b"text/event-stream")):
            raise ProtocolError(
                INVALID_REQUEST, "Not Acceptable: Client must accept both JSON and event streams", status=406
            )
        limits = self.limits
        content = await wire.body(
            request.receive, headers.get(b"content-length"), limits.body_bytes, limits.body_seconds
        )
        message = parse(content)
        if isinstance(message, list):
            if envelope.era_of_header(version) is Era.STATELESS:
                raise ProtocolError(INVALID_REQUEST, "The body must be a single request or notification")
            if 1 < len(message) <= limits.batch_messages:
                await self.door.charge(request, len(message), sum(one.is_request for one in message))
            await self.batches.handle(request, message)
            return
        await self.prompts.of_message(request, message)
        if len(headers) != len(request.pairs):
            envelope.refuse_duplicates(request.pairs, message.id)
        request.era = envelope.era_of(message, version)
        if request.era is Era.STATEFUL:
            envelope.check_stateful(message, headers)
        elif message.is_request:
            envelope.check_stateless(message, headers)
        elif message.is_response:
            raise ProtocolError(INVALID_REQUEST, "The body must be a single request or notification")
        else:
            envelope.refuse_version((version or b"").decode("latin-1"), None)
        await self.exchanges.handle(request, message)

    def _note_of(self, request: Request | None, why: str | int, status: int) -> None:
        if request is not None:
            facts = request.facts
            who = (facts.caller.agent.id, facts.caller.session_id, facts.requester)
            self._note(request.schema, facts.server.name, str(why), status, *who)

    def _note(
        self, schema: str, server: str, why: str, status: int, agent: str, session: str, requester: Requester
    ) -> None:
        """An entry for the refusal. Strangers can cause them at will, so the log takes only so many a second."""
        if not schema:
            return
        now, rate = time.monotonic(), self.limits.refusals_per_second
        # Per tenant: what strangers do at one door is neither counted nor forgotten at another's.
        left, refilled_at, uncounted = self._refusals.get(schema, (rate * 5, now, 0))
        left = min(rate * 5, left + (now - refilled_at) * rate)
        if left < 1:
            self._refusals[schema] = (left, now, uncounted + 1)
            return
        self._refusals[schema] = (left - 1, now, 0)
        extra: dict[str, int] = {"not_logged_before": uncounted} if uncounted else {}
        actor = f"agent:{agent}" if agent else "anonymous"
        self.io.record_soon(
            schema,
            entries.refused_entry(
                requester,
                actor=actor,
                server=server,
                reason=why,
                code=status,
                agent_id=agent,
                session_id=session,
                extra=extra,
            ),
        )

    async def _reap(self) -> None:
        while True:
            await asyncio.sleep(REAP_SECONDS)
            await self.upstreams.stdio.reap()


def _spare_the_collector() -> None:
    """What was loaded at the start stays for good: looking through it again and again made calls wait 50 ms."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _where(error: Exception) -> str:
    """The way to the defect without any value that was on it."""
    return " > ".join(f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-6:])


def _accepts(request: Request, kind: bytes) -> bool:
    accept = request.headers.get(b"accept")
    if accept is None:
        return True
    accept = accept.lower()
    return kind in accept or b"*/*" in accept or kind.partition(b"/")[0] + b"/*" in accept


async def _answer_error(scope: Scope, send: Send, error: AppError) -> None:
    headers: list[wire.Header] = []
    if error.retry_after is not None:
        headers.append((b"retry-after", b"%d" % error.retry_after))
    if isinstance(error, NotAuthenticated):
        address = f'resource_metadata="{_origin(scope)}{_metadata_path(scope["path"])}"'
        reason = "" if error.code == "no_token" else f'error="{error.code}", '
        headers.append((b"www-authenticate", f"Bearer {reason}{address}".encode()))
    await wire.answer(
        send, error.status, dumps(error_body(None, rpc_code(error), error.detail, {"code": error.code})), headers
    )


async def _metadata(scope: Scope, send: Send) -> None:
    """The same for every name, so that it tells nobody which servers there are."""
    server = door.server_of(scope["path"], door.METADATA_PREFIX)
    if server is None or scope["method"] not in ("GET", "HEAD"):
        await wire.answer(send, 404)
        return
    origin = _origin(scope)
    document = {
        "resource": f"{origin}{door.PREFIX}{server}",
        "authorization_servers": [origin],
        "bearer_methods_supported": ["header"],
    }
    await wire.answer(send, 200, dumps(document))


def _metadata_path(path: str) -> str:
    server = door.server_of(path, door.PREFIX)
    return f"{door.METADATA_PREFIX}{server}" if server is not None else ""


def _origin(scope: Scope) -> str:
    """Scheme and host as the client sees them; the server in front says which scheme that is."""
    host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
    host = "".join(character for character in host if character.isalnum() or character in ".-:[]")
    return f"{scope.get('scheme', 'http')}://{host}"
