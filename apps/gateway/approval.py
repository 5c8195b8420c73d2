"""What becomes of a call that policy wants a person to decide: held, approved, or denied, by the call as it is now.

The escalation is found by what the call is, never by an id that a caller names. An approval is spent in the same
transaction that puts the allow into the log; nothing here is remembered between two calls.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

import orjson

from apps.audit.ids import new_id
from apps.decision import approvals
from apps.decision.types import JSON, Call, Decision, Effect
from apps.exceptions.services import escalations
from apps.exceptions.services.escalations import Asked, Held
from apps.gateway import held_words
from apps.gateway.io import Io
from apps.gateway.messages import Message
from apps.gateway.pinning import Pins
from apps.gateway.pipeline import Case, Judged, recorded
from apps.gateway.request_state import State
from apps.tenants.context import in_tenant

STAGE: Final = "approval"
_APART: Final = frozenset({"_meta", "name", "arguments"})
# What the protocol and tracing put into `_meta` anew for each attempt; it asks the server for nothing.
_ENVELOPE: Final = frozenset({"progressToken", "traceparent", "tracestate", "baggage"})
_RESERVED: Final = "io.modelcontextprotocol/"


@dataclass(slots=True)
class Course:
    """What is remembered of one message while it is judged again and again."""

    state: State | None = None  # what the client came back with
    until: float = 0.0  # on the loop's clock: how long its caller is held; 0 before it is
    spent: Held | None = None  # the approval that was used for this message, which has not been sent yet
    spent_on: str = ""
    result: str = ""  # the escalation about the result of this call, which was carried out


class Approvals:
    def __init__(self, io: Io, pins: Pins) -> None:
        self._io = io
        self._pins = pins

    async def settle(self, case: Case, course: Course) -> Judged:
        """Raises Conflict when the approval was used by another meanwhile, Outdated when the rules have moved."""
        request, message = case.request, case.message
        schema, facts = request.schema, request.facts
        digest = ""
        if message.method == "tools/call":
            digest = await self._pins.digest(request, message)
        exact, arguments = _exact(case)
        binding = approvals.binding(exact, facts, digest)
        if course.spent is not None and course.spent_on == binding:
            return await recorded(self._io, case, _allowed(case.decision, course.spent), course.spent)
        asked = Asked(binding, case.call, facts, case.decision, arguments, digest)
        entry = case.entry(case.decision)
        waited_for = course.state.escalation if course.state is not None and course.state.binding == binding else ""

        def hold() -> Held:
            with in_tenant(schema):
                known = escalations.states([waited_for]).get(waited_for) if waited_for else None
                if known is not None and known.status == "expired":
                    return known  # who comes back is told so; only a new call opens a new escalation
                return escalations.hold(asked, entry, case.document)

        held = await self._io.in_thread(hold)
        if held.status == "pending":
            return case.judged(replace(case.decision, escalation=held.id), entry, held, binding)
        if held.status != "approved":
            return told(await recorded(self._io, case, refused(case.decision, held), held), held)
        decision = _allowed(case.decision, held)
        allowing = case.entry(decision)

        def use() -> None:
            with in_tenant(schema):
                escalations.use(held.id, binding, allowing, case.document)

        await self._io.in_thread(use)
        course.spent, course.spent_on = held, binding
        return case.judged(decision, allowing, held, binding)

    async def expired(self, judged: Judged, held: Held, schema: str) -> Judged:
        """Nobody decided while the caller was held: a denial of its own, in the log like any other."""
        decision = refused(judged.decision, held)
        entry = replace(
            judged.entry,
            id=new_id(),
            at=datetime.now(UTC),
            policy_result=decision.effect.value,
            policy_id=decision.policy,
            policy_reason=decision.reason,
            stage=decision.stage,
            extra={**judged.entry.extra, "escalation": held.id},
        )
        await self._io.record(schema, entry)
        return replace(judged, decision=decision, entry=entry, held=held)


def _allowed(decision: Decision, held: Held) -> Decision:
    reason = f"Approved by {held.resolved_by}"
    return replace(decision, effect=Effect.ALLOW, reason=reason, policy=STAGE, stage=STAGE, escalation=held.id)


def refused(decision: Decision, held: Held) -> Decision:
    if held.subject == held_words.RESULT:
        return replace(decision, effect=Effect.DENY, reason=held_words.reason(held), escalation=held.id)
    policy = STAGE
    if held.status == "expired":
        reason = "The approval was not used in time" if held.resolution else "Nobody decided in time"
    elif held.id:
        reason = f"Denied by {held.resolved_by}" + (f": {held.note}" if held.note else "")
    else:  # there is no escalation: the agent has too many of them
        reason, policy = held.note, held.policy_id
    return replace(decision, effect=Effect.DENY, reason=reason, policy=policy, stage=STAGE, escalation=held.id)


def told(judged: Judged, held: Held) -> Judged:
    """As the agent is told: that a person denied it, and their note. Who it was is for the log, which has it by now."""
    if held.status != "denied" or not held.id:
        return judged
    reason = "Denied by a person" + (f": {held.note}" if held.note else "")
    return replace(judged, decision=replace(judged.decision, reason=reason))


def _exact(case: Case) -> tuple[Call, JSON]:
    """The call that is approved, and what a person is shown of its arguments.

    A client's answers to the upstream's own questions, and whatever else is sent beside the arguments, are part of it:
    `_meta` too, which servers may act upon, but for what the protocol itself puts there.
    """
    more, masked = _beside(case.message, case.message.params), _beside(case.message, case.clean)
    if not more:
        return case.call, case.call.arguments
    digest = exact_hash(case.message, case.call.input_hash)
    return replace(case.call, input_hash=digest), {"arguments": case.call.arguments, **masked}


def exact_hash(message: Message, input_hash: str) -> str:
    """The digest of the arguments and of what is sent beside them."""
    more = _beside(message, message.params)
    if not more:
        return input_hash
    return sha256(input_hash.encode() + orjson.dumps(more, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _beside(message: Message, params: JSON) -> dict[str, JSON]:
    if not isinstance(params, dict):
        return {}
    beside: dict[str, JSON] = {}
    if message.method in ("tools/call", "prompts/get"):
        beside = {key: value for key, value in params.items() if key not in _APART}
    meta = params.get("_meta")
    if isinstance(meta, dict):
        meta = {key: one for key, one in meta.items() if key not in _ENVELOPE and not key.startswith(_RESERVED)}
    return {**beside, "_meta": meta} if meta else beside
