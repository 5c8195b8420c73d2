"""The way of one client message: screen, ask, conclude, record. Facts were gathered at the door; the exchange acts.

Whatever returns from here is in the log already.
"""

from dataclasses import dataclass, replace

from apps.audit.payload import LocalKeys, keep
from apps.decision import pipeline as judgement
from apps.decision.events import Entry, EventKind
from apps.decision.scan.redact import redact
from apps.decision.scan.scanner import SCAN_LIMIT
from apps.decision.types import JSON, Call, Decision, DlpAction, Effect, Facts, Finding
from apps.gateway import calls, entries, methods
from apps.gateway.context import Request
from apps.gateway.io import Io
from apps.gateway.messages import Message
from apps.gateway.methods import Care, Method
from apps.gateway.visibility import could_allow

_RECORDED = Decision(Effect.ALLOW, "", "", "record")
_KEYS = LocalKeys()


@dataclass(frozen=True, slots=True)
class Judged:
    """A message and what became of it. `params` are those that were judged, and the only ones to forward."""

    message: Message
    method: Method
    params: dict[str, JSON]
    decision: Decision
    entry: Entry
    hidden: bool = False

    @property
    def allowed(self) -> bool:
        return self.decision.effect is Effect.ALLOW


async def govern(io: Io, request: Request, message: Message) -> Judged:
    """Raises Unavailable when the log does not take the entry: then nothing may be forwarded."""
    facts, method = request.facts, methods.from_client(message.method)
    sent = message.params if message.method else {"result": message.result, "error": message.error}
    findings = facts.book.scan_dlp(sent)
    call = logged = calls.call_of(message, method, facts.server, sent)
    params = clean = sent
    if findings:
        unread = findings[0].rule == SCAN_LIMIT  # not all was looked at, so nothing of it may be kept
        params = sent if unread else _redacted(sent, findings)
        clean = {} if unread else redact(sent, findings)
        logged = replace(calls.call_of(message, method, facts.server, clean), input_hash=call.input_hash)
    decision = judgement.screen(call, facts, findings)
    if decision is None:
        decision = await _ask(facts, message, method, call, params, findings)
    kind = EventKind.MESSAGE_RECORDED if decision.stage == "record" else EventKind.CALL_DECISION
    kept = keep(
        calls.arguments_of(message.method, sent),
        findings,
        facts.book.payload_mode,
        redact=lambda *_: calls.arguments_of(message.method, clean),
        provider=_KEYS,
        context=request.schema,
    )
    entry = entries.decision_entry(request, logged, decision, kept, kind)
    await io.record(request.schema, entry)
    hidden = decision.effect is Effect.DENY and await _hidden(facts, message, call, decision)
    return Judged(message, method, params, decision, entry, hidden)


def _redacted(sent: dict[str, JSON], findings: tuple[Finding, ...]) -> dict[str, JSON]:
    """What goes out: without the findings whose action is redact. Those that are only logged stay."""
    wanted = tuple(finding for finding in findings if finding.action is DlpAction.REDACT)
    return redact(sent, wanted) if wanted else sent


async def _ask(
    facts: Facts, message: Message, method: Method, call: Call, params: dict[str, JSON], findings: tuple[Finding, ...]
) -> Decision:
    """One question to the policy; for a subscription to resources, one per resource, and every one must be allowed."""
    if method.care is Care.DECIDE:
        judged = replace(call, arguments=calls.arguments_of(message.method, params)) if findings else call
        document = judgement.document(judged, facts, findings)
        return judgement.conclude(judged, facts, findings, await judgement.ask(facts.book, document))
    for uri in calls.subscribed(message):
        one = replace(calls.of_resource(call, uri), arguments={})
        ruling = await judgement.ask(facts.book, judgement.document(one, facts, findings))
        decision = judgement.conclude(one, facts, findings, ruling)
        if decision.effect is not Effect.ALLOW:
            return decision
    return Decision(Effect.ALLOW, "", "", "record", findings) if findings else _RECORDED


async def _hidden(facts: Facts, message: Message, call: Call, decision: Decision) -> bool:
    """Whether this caller may not even know of the thing: when policy could never allow it, whatever the arguments."""
    if decision.stage != "policy" or message.method not in methods.HIDEABLE:
        return False
    return not await could_allow(facts, message.method, call.tool)
