"""Results that are withheld: put before a person, and what becomes of the same call when it comes again.

The call was carried out before anybody asked. So from then on it is answered from here and not by the upstream, until
the result was delivered or its time is over.
"""

import logging
from contextlib import suppress
from dataclasses import replace
from typing import Final

from apps.decision import approvals
from apps.decision.errors import AppError, Conflict
from apps.decision.scan.redact import redact
from apps.decision.scan.scanner import SCAN_LIMIT
from apps.decision.types import JSON, Decision, Effect, Screened
from apps.exceptions.services import withheld
from apps.exceptions.services.escalations import Held
from apps.exceptions.services.withheld import Withheld
from apps.exceptions.services.withheld_flags import unflag
from apps.exceptions.services.withheld_words import shown_result
from apps.gateway import calls, held_words, methods
from apps.gateway.approval import Course, exact_hash
from apps.gateway.context import Request
from apps.gateway.io import Io
from apps.gateway.messages import Message
from apps.gateway.pipeline import Case, Judged, recorded
from apps.tenants.context import in_tenant

logger = logging.getLogger(__name__)

STAGE: Final = "inbound"
POLICY: Final = "inbound.withheld"


class ResultKept(Exception):  # noqa: N818 - a business word
    """The result is before a person; whoever called waits, with nothing of the upstream held open."""

    def __init__(self, escalation: str) -> None:
        super().__init__(escalation)
        self.escalation = escalation


class HeldResults:
    """Remembers nothing: who has many of these has none that differ."""

    def __init__(self, io: Io) -> None:
        self._io = io

    async def settle(
        self, request: Request, judged: Judged, body: dict[str, JSON], screened: Screened
    ) -> dict[str, JSON]:
        """Put a withheld result before a person, and raise ResultKept. `body` is the answer as it would have left, and
        `screened` is of its result. Returns a refusal where nobody can be asked: then nothing of it is delivered."""
        result = body.get("result")
        if not isinstance(result, dict) or not isinstance(screened.sanitised, dict):
            return held_words.not_kept(judged, "it cannot be kept for a person")
        schema = request.schema

        def hold() -> Held:
            asked = _withheld(request, judged, result, screened)
            with in_tenant(schema):
                return withheld.hold_result(asked)

        try:
            held = await self._io.in_thread(hold)
        except AppError as error:
            logger.warning("withheld result not kept", extra={"schema": schema, "error": error.code})
            return held_words.not_kept(judged, f"it could not be kept for a person ({error.code})")
        except Exception as error:  # a defect must neither let it pass nor leave the caller without an answer
            logger.error("withheld result not kept", extra={"schema": schema, "error": type(error).__name__})
            return held_words.not_kept(judged, "it could not be kept for a person (internal_error)")
        if not held.id:
            return held_words.not_kept(judged, held.note)
        raise ResultKept(held.id)

    async def earlier(self, case: Case, course: Course) -> Judged | None:
        """What becomes of a call whose result was withheld before; None where there is no such result.

        Raises Conflict when another call took the result meanwhile, Outdated when the rules have moved.
        """
        request, schema = case.request, case.request.schema
        if case.method.withheld is not methods.Withheld.HOLD or not (request.withheld or course.result or course.state):
            return None
        binding = _binding(request, case.message, case.call.input_hash, case.call.tool)
        known = course.result
        if not known and course.state is not None and course.state.binding == binding:
            known = course.state.escalation

        def look() -> Held | None:
            with in_tenant(schema):
                return withheld.standing(binding, known)

        held = await self._io.in_thread(look)
        if held is None:
            if course.result:  # this very message was carried out: never again, whatever became of its result
                raise Conflict("What was withheld is not there any more.", code="result_not_released")
            return None
        course.result = held.id
        if held.status == "pending":
            decision = replace(_decision(case, held, Effect.ESCALATE), reason=held_words.WAITS)
            entry = case.entry(decision)
            await self._io.record(schema, entry)
            return case.judged(decision, entry, held, binding)
        if held.status != "approved" or not case.message.is_request:  # nobody reads the answer to a notification
            decision = _decision(case, held, Effect.DENY)
            judged = await recorded(self._io, case, replace(decision, reason=held_words.reason(held)), held)
            return replace(judged, decision=replace(decision, reason=held_words.told(held)))
        decision = replace(_decision(case, held, Effect.ALLOW), reason=f"Released by {held.resolved_by}")
        entry = case.entry(decision)
        agent = request.facts.caller.agent.id

        def release() -> JSON:
            with in_tenant(schema):
                return withheld.release(held.id, binding, entry)

        def tidy() -> bool:
            with in_tenant(schema):
                return unflag(agent)

        result = await self._io.in_thread(release)
        with suppress(AppError):  # a flag too many costs a look, no more
            await self._io.in_thread(tidy)
        return replace(case.judged(decision, entry, held, binding), released=result)


def _decision(case: Case, held: Held, effect: Effect) -> Decision:
    return replace(case.decision, effect=effect, policy=POLICY, stage=STAGE, verdicts=(), escalation=held.id)


def _withheld(request: Request, judged: Judged, result: JSON, screened: Screened) -> Withheld:
    """Made in a thread: results are large, and are searched for secrets once more for those who look at them."""
    book, entry = request.facts.book, judged.entry
    told = shown_result(result, screened, book.scan_dlp)
    return Withheld(
        binding=_binding(request, judged.message, entry.input_hash, entry.tool_name),
        entry=entry,
        facts=request.facts,
        arguments=_arguments(request, judged.message),
        findings=screened.findings,
        inbound={
            "severity": screened.severity.value if screened.severity is not None else "",
            "score": round(screened.score, 4),
            "tier": screened.tier.value if screened.tier is not None else "",
            "source_rule": screened.source_rule,
            "domains": list(screened.domains[:100]),
            "secrets": sorted({one.rule for one in screened.secrets}),
        },
        original=screened.value if told["searched"] else None,
        sanitised=screened.sanitised,
        shown=told,
    )


def _binding(request: Request, message: Message, input_hash: str, tool: str) -> str:
    return approvals.result_binding(request.facts, message.method, tool, exact_hash(message, input_hash))


def _arguments(request: Request, message: Message) -> JSON:
    """Masked, for a person to see."""
    findings = request.facts.book.scan_dlp(message.params)
    if any(one.rule == SCAN_LIMIT for one in findings):
        return {}
    return calls.arguments_of(message.method, redact(message.params, findings) if findings else message.params)
