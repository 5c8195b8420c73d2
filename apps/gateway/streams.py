"""GET and DELETE of the stateful era: the stream of what answers nothing, resumption, and the end of a session."""

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

from apps.audit.payload import Kept
from apps.decision import pipeline as judgement
from apps.decision.errors import AppError, Outdated
from apps.decision.events import EventKind
from apps.decision.types import Action, Call, Decision, Effect
from apps.gateway import answers, entries, wire
from apps.gateway.context import Request
from apps.gateway.door import Door
from apps.gateway.errors import DENIED, CallerGone
from apps.gateway.inbound import Inbound
from apps.gateway.io import TRIES, Io, rulebook_moving
from apps.gateway.limits import Limits
from apps.gateway.load import Load
from apps.gateway.messages import INVALID_REQUEST, ProtocolError, dumps, error_body
from apps.gateway.relay import Relay
from apps.gateway.transports.base import Reply
from apps.gateway.upstreams import Upstreams

T = TypeVar("T")
OPENED, RESUMED, ENDED = "stream/open", "stream/resume", "session/end"


class Streams:
    def __init__(self, io: Io, door: Door, upstreams: Upstreams, limits: Limits, load: Load, inbound: Inbound) -> None:
        self._io = io
        self._door = door
        self._upstreams = upstreams
        self._limits = limits
        self._load = load
        self._inbound = inbound

    async def listen(self, request: Request) -> None:
        last_event_id = request.headers.get(b"last-event-id", b"").decode("latin-1")[:1000]
        self._need_session(request)
        self._load.visit(request.owner)
        what = RESUMED if last_event_id else OPENED
        permitted = await self._permitted(request, what)
        if permitted is None:
            return
        request = permitted
        with self._load.as_stream(request.owner):
            try:
                with wire.Watch(request.receive, self._limits.call_seconds) as watch:
                    begun = await self._act(request, what, lambda sure: self._upstreams.listen(sure, last_event_id))
                    if begun is None:
                        return
                    request, reply = begun
                    if reply is None:
                        body = error_body(None, INVALID_REQUEST, "Conflict: Only one SSE stream is allowed per session")
                        await wire.answer(request.send, 409, dumps(body))
                        return
                    watch.allow(self._limits.stream_seconds)
                    try:
                        await self._pass_on(request, reply)
                    finally:
                        await reply.close()
            except CallerGone:
                pass
            finally:
                self._io.record_soon(
                    request.schema, entries.message_entry(request, "stream/close", messages=dict(request.counts))
                )

    async def end(self, request: Request) -> None:
        self._need_session(request)
        self._load.visit(request.owner)
        permitted = await self._permitted(request, ENDED)
        if permitted is None:
            return
        with self._load.as_stream(request.owner):  # it takes no place among the agent's calls, but an upstream's time
            ended = await self._act(permitted, ENDED, self._upstreams.end)
        if ended is not None:
            await wire.answer(request.send, ended[1])

    async def _pass_on(self, request: Request, reply: Reply) -> None:
        relay = Relay(request, self._load)
        if reply.stream is None:
            if reply.message is not None:
                came = await self._inbound.answer(request, None, reply.message, relay.trail, reply.size)
                await relay.answer(came.body, reply.status)
            else:
                await wire.answer(request.send, 405, b"", [(b"allow", b"POST, DELETE")])
            return
        await relay.begin()
        try:
            async with aclosing(relay.pulses(reply.stream)) as pulses:
                async for incoming in pulses:
                    if not await self._door.still_open(request):
                        break
                    if incoming is None:
                        await relay.ping()
                    elif incoming.message is None:
                        await relay.mark(incoming)
                    elif "method" in incoming.message:
                        passing = await self._inbound.message(request, None, incoming.message, relay.trail)
                        await (relay.mark(incoming) if passing is None else relay.event(passing, incoming))
                    else:
                        came = await self._inbound.answer(request, None, incoming.message, relay.trail)
                        await relay.event(came.body, incoming)
        except AppError:
            pass  # the stream ends here; the client opens another and learns then what is wrong
        await wire.end_stream(request.send)

    def _need_session(self, request: Request) -> None:
        if request.session_id:
            return
        if request.facts.server.transport == "stdio":
            raise ProtocolError(INVALID_REQUEST, "Bad Request: Missing session ID")

    async def _act(
        self, request: Request, what: str, act: Callable[[Request], Awaitable[T]]
    ) -> tuple[Request, T] | None:
        """Do it; where the facts grew too old before anything was sent, ask again whether it is permitted."""
        for _ in range(TRIES):
            try:
                return request, await act(request)
            except Outdated:
                permitted = await self._permitted(await self._door.again(request), what)
                if permitted is None:
                    return None
                request = permitted
        raise rulebook_moving()

    async def _permitted(self, request: Request, what: str) -> Request | None:
        """Stopped tenants and agents open nothing; whoever may, leaves an entry first. None: it has been answered."""
        for _ in range(TRIES):
            facts = request.facts
            call = Call(facts.server.name, what, "", Action.READ, "", facts.server.kind, 1, {}, "")
            decision = judgement.screen(call, facts, ()) or Decision(Effect.ALLOW, "", "", "record")
            allowed = decision.effect is Effect.ALLOW
            kind = EventKind.MESSAGE_RECORDED if allowed else EventKind.CALL_DECISION
            entry = entries.decision_entry(request, call, decision, Kept(), kind)
            try:
                await self._io.record(request.schema, entry, acts=allowed)
            except Outdated:
                request = await self._door.again(request)
                continue
            if allowed:
                return request
            body = error_body(None, DENIED, decision.reason, answers.account(decision, entry.id))
            await wire.answer(request.send, 403, dumps(body))
            return None
        raise rulebook_moving()
