"""One POST: its messages are judged, held where a person must decide, and the allowed ones sent on.

A decision holds for a moment only. Whoever finds it too old, the log or a transport, has nothing sent, and the message
is judged again by fresh facts.
"""

import asyncio
import time
from typing import Final

from apps.decision.errors import AppError, Conflict, Outdated, RateLimited, Unavailable, UpstreamFailed
from apps.decision.types import JSON, Effect
from apps.exceptions.services.escalations import Held
from apps.gateway import answers, entries, held_words, request_state, wire
from apps.gateway.approval import Approvals, Course
from apps.gateway.context import Request
from apps.gateway.door import Door, Refused
from apps.gateway.envelope import Era
from apps.gateway.errors import CallerGone, UpstreamSlow
from apps.gateway.forward import CLIENT_GONE, Forwarding
from apps.gateway.held_results import HeldResults, ResultKept
from apps.gateway.hold import Holds
from apps.gateway.inbound import Inbound
from apps.gateway.io import Io
from apps.gateway.limits import Limits
from apps.gateway.load import Load
from apps.gateway.messages import Message, ProtocolError, dumps, error_body, result_body
from apps.gateway.pinning import Pins
from apps.gateway.pipeline import Case, Judged, govern, recorded
from apps.gateway.relay import Relay
from apps.gateway.upstreams import Upstreams

TRIES: Final = 3
# The stateless revision knows results that ask a client to come again for these methods only.
COME_AGAIN: Final = frozenset({"tools/call", "prompts/get", "resources/read"})
# The answer's headers begin the session, or a client's fallback hangs on it: these two are never held.
AT_ONCE: Final = frozenset({"initialize", "server/discover"})

SPARE_SECONDS: Final = 30.0  # a wait ends by itself; this is for one that does not


class Exchanges:
    """Belongs to one event loop."""

    def __init__(
        self, io: Io, door: Door, upstreams: Upstreams, limits: Limits, load: Load, inbound: Inbound, pins: Pins
    ) -> None:
        self._io = io
        self._door = door
        self._limits = limits
        self._load = load
        self._forwarding = Forwarding(io, door, upstreams, limits, load, inbound, pins)
        self._pins = pins
        self._approvals = Approvals(io, pins)
        self._held_results = HeldResults(io)
        self.holds = Holds(io, limits)

    async def close(self) -> None:
        await self.holds.close()

    async def handle(self, request: Request, message: Message) -> None:
        """Answer the request's client, whatever happens but an error at the door."""
        if message.is_request:
            await self.judge_and_run(request, message, Relay(request, self._load))
            return
        refusal = await self.one_way(request, message)
        if refusal is None:
            await wire.answer(request.send, 202)
        else:
            await wire.answer(request.send, 403, dumps(refusal))

    async def judge_and_run(self, request: Request, message: Message, relay: Relay) -> None:
        """A request, from judgement to the last byte of its answer."""
        try:
            message, state = request_state.unsealed(request, message)
            await self._run(request, message, relay, Course(state))
        except CallerGone:
            pass  # while it was held, and the log knows
        except ProtocolError as error:
            if relay.alone:
                raise
            self._note(request, "protocol_error", error.status)
            await relay.answer(error_body(message.id, error.code, error.message, error.data), error.status)
        except Refused as refused:  # the caller is no longer let in
            if relay.alone:
                raise
            self._note(request, refused.why, refused.error.status)
            await relay.fail(message.id, refused.error)
        except AppError as error:
            if isinstance(error, UpstreamFailed):  # asked for the tool's definition, for a person to look at
                self._note(request, error.code, error.status)
            await relay.fail(message.id, error)

    async def one_way(self, request: Request, message: Message) -> dict[str, JSON] | None:
        """A notification, or an answer to the server's request; None when it is through, else its refusal."""
        message, state = request_state.unsealed(request, message)
        course = Course(state)
        for _ in range(TRIES):
            try:
                judged = await self._judge(request, message, course)
                if not judged.allowed:
                    return _refusal(judged)
                if request.era is Era.STATEFUL:  # nothing outlives a request in the other era: nothing to act on
                    await self._forwarding.tell(request, judged)
                return None
            except (Outdated, Conflict):
                request = await self._door.again(request)
        raise _moving()

    async def _run(self, request: Request, message: Message, relay: Relay, course: Course) -> None:
        tries = 0
        while tries < TRIES:
            try:
                judged = await self._judge(request, message, course)
                if not judged.waits:
                    await self._act(request, judged, relay)
                    return
                if not await self._decided(request, judged, relay, course):
                    return
            except ResultKept as kept:  # from here on the message is answered by its result, and gets a wait of its own
                course.result, course.until = kept.escalation, 0.0
            except (Outdated, Conflict):
                tries += 1
            request = await self._door.again(request)
            relay.serve(request)
        raise _moving()

    async def _act(self, request: Request, judged: Judged, relay: Relay) -> None:
        if judged.released is not None:
            body = result_body(judged.message.id, judged.released)
            stateless = request.era is Era.STATELESS
            await relay.answer(request_state.wrapped(request, judged.message, body) if stateless else body, 200)
        elif judged.allowed:
            await self._forwarding.run(request, judged, relay)
        else:
            await self._refuse(request, judged, relay)

    async def _judge(self, request: Request, message: Message, course: Course) -> Judged:
        async def settle(case: Case) -> Judged:
            judged = await self._held_results.earlier(case, course)
            if judged is not None:
                return judged
            if case.decision.effect is Effect.ALLOW:
                return await recorded(self._io, case, case.decision)
            return await self._approvals.settle(case, course)

        request.withheld = request.withheld or bool(course.result) or course.state is not None
        return await govern(self._io, request, message, settle, self._pins.ready)

    async def _decided(self, request: Request, judged: Judged, relay: Relay, course: Course) -> bool:
        """Whether a person has decided while the caller waited. Else it has its answer."""
        held, message, now = judged.held, judged.message, asyncio.get_running_loop().time()
        assert held is not None
        if not course.until:
            course.until = now + min(request.facts.book.human.hold_seconds, self._limits.hold_seconds)
            if request.era is Era.STATELESS and message.method in COME_AGAIN:
                carried = request_state.carried(message)
                expected = course.state is not None and course.state.escalation == held.id
                if not expected and carried is not None:
                    state = request_state.State(held.id, judged.binding, carried)
                    until = held.expires_at.timestamp() + request_state.GRACE_SECONDS
                    sealed = request_state.sealed(request, message, state, until)
                    if held.subject == held_words.RESULT:
                        body = held_words.input_required(judged, sealed)
                    else:
                        body = answers.input_required(message, judged.decision, judged.entry.id, held, sealed)
                    await relay.answer(body, 200)
                    return False
            elif request.era is Era.STATELESS or message.method in AT_ONCE:
                course.until = now
        if course.until <= now:
            await self._refuse(request, judged, relay)
            return False
        return await self._wait(request, judged, held, relay, course.until)

    async def _wait(self, request: Request, judged: Judged, held: Held, relay: Relay, until: float) -> bool:
        began, left = time.perf_counter(), until - asyncio.get_running_loop().time()
        settled = None
        try:
            with relay.waiting(), self._forwarding.cancellable(request, judged.message, left + SPARE_SECONDS):
                await relay.begin()
                pulse = relay.pulse_of(judged.message)
                settled = await self.holds.wait(request.schema, held.id, until, pulse)
        except CallerGone:
            self._forwarding.outcome(request, judged, began, CLIENT_GONE, error="caller_gone")
            raise
        except asyncio.CancelledError:
            self._forwarding.outcome(request, judged, began, CLIENT_GONE, error="gateway_stopped")
            raise
        except (RateLimited, UpstreamSlow):
            pass  # too many wait already, or the client has cancelled its request
        if settled is None:
            await self._refuse(request, judged, relay)
            return False
        if settled.status == "expired":
            judged = await self._approvals.expired(judged, settled, request.schema)
            await self._refuse(request, judged, relay)
            return False
        return True

    async def _refuse(self, request: Request, judged: Judged, relay: Relay) -> None:
        body = _refusal(judged)
        await relay.answer(body, answers.status_of(body) if request.era is Era.STATELESS else 200)

    def _note(self, request: Request, why: str, status: int) -> None:
        facts = request.facts
        entry = entries.refused_entry(
            facts.requester,
            actor=f"agent:{facts.caller.agent.id}",
            server=facts.server.name,
            reason=why,
            code=status,
            agent_id=facts.caller.agent.id,
            session_id=facts.caller.session_id,
        )
        self._io.record_soon(request.schema, entry)


def _refusal(judged: Judged) -> dict[str, JSON]:
    if judged.hidden:
        return answers.unknown(judged.message, judged.entry.tool_name)
    if judged.held is not None and judged.held.subject == held_words.RESULT:
        return held_words.refusal(judged)
    return answers.refusal(judged.message, judged.method, judged.decision, judged.entry.id, judged.held)


def _moving() -> Unavailable:
    return Unavailable("The rules keep changing; nothing was forwarded", code="rulebook_moving", retry_after=1)
