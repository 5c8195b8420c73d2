"""The way of one client message: screen, ask, conclude, record. Facts were gathered at the door; the exchange acts.

Whatever returns from here is in the log already. What policy wants a person to decide is settled in `approval.py`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

import orjson

from apps.audit.payload import Kept, LocalKeys, keep
from apps.decision import pipeline as judgement
from apps.decision.events import Entry, EventKind
from apps.decision.facts import Facts
from apps.decision.quick import quick
from apps.decision.scan.redact import redact
from apps.decision.scan.scanner import SCAN_LIMIT
from apps.decision.screens import fragments, pin
from apps.decision.types import JSON, Call, Decision, DlpAction, Effect, Finding, Pieces
from apps.exceptions.services.escalations import Held
from apps.gateway import calls, entries, methods, sightings
from apps.gateway.context import Request
from apps.gateway.io import Io
from apps.gateway.messages import Message
from apps.gateway.methods import Care, Method
from apps.gateway.visibility import could_allow

_RECORDED = Decision(Effect.ALLOW, "", "", "record")
_KEYS = LocalKeys()
# What decided on what the policy was asked; the input of such a decision is kept for replay.
_JUDGED: Final = frozenset({"policy", "blast_radius", "exception", "approval"})


@quick
@dataclass(frozen=True, slots=True)
class Judged:
    """A message and what became of it. `params` are those that were judged, and the only ones to forward."""

    message: Message
    method: Method
    params: dict[str, JSON]
    decision: Decision
    entry: Entry
    hidden: bool = False
    held: Held | None = None  # the escalation that this call waits for, or that decided it
    binding: str = ""  # what an approval of it is bound to
    released: dict[str, JSON] | None = None  # the result of an earlier carrying out, which answers it

    @property
    def allowed(self) -> bool:
        return self.decision.effect is Effect.ALLOW

    @property
    def waits(self) -> bool:
        return self.held is not None and self.held.status == "pending"


@quick
@dataclass(frozen=True, slots=True)
class Case:
    """A judged message before its entry is written. `call` and `clean` are what may be shown and kept: masked."""

    request: Request
    message: Message
    method: Method
    params: dict[str, JSON]
    call: Call
    clean: JSON
    decision: Decision
    kept: Kept
    document: bytes | None  # the policy's input, masked; None where policy was not asked, or none is kept
    pieces: Pieces = ()  # what of it may be a part of a credential; empty unless that is remembered
    earlier: tuple[Pieces, ...] = ()

    def entry(self, decision: Decision) -> Entry:
        kind = EventKind.MESSAGE_RECORDED if decision.stage == "record" else EventKind.CALL_DECISION
        return entries.decision_entry(self.request, self.call, decision, self.kept, kind)

    def judged(self, decision: Decision, entry: Entry, held: Held | None = None, binding: str = "") -> Judged:
        return Judged(self.message, self.method, self.params, decision, entry, False, held, binding)


Settle = Callable[[Case], Awaitable[Judged]]
Ready = Callable[[Case], Awaitable[None]]


async def govern(io: Io, request: Request, message: Message, settle: Settle, ready: Ready) -> Judged:
    """`settle` is asked where policy wants a person, and where results of the agent are withheld: one of them may be
    this call's. `ready` is asked before anything is recorded. Raises Unavailable when the log does not take the entry,
    Outdated when it knows newer rules: then nothing may be forwarded."""
    case = await _judge(io, request, message)
    if case.pieces and case.decision.effect is not Effect.DENY:
        judged = await _remembering(io, case, settle, ready)
    else:
        judged = await _settled(io, case, settle, ready)
    decision = judged.decision
    if decision.findings and not judged.waits:
        sightings.noticed(io, request, decision, judged.entry, (*case.earlier, case.pieces))
    return judged


async def _remembering(io: Io, case: Case, settle: Settle, ready: Ready) -> Judged:
    """Calls that are judged meanwhile know of its pieces; later ones do if it is forwarded."""
    request = case.request
    facts = request.facts
    opens = facts.book.fragments is not None and facts.book.fragments.opens(case.pieces)
    parcel = io.carried.add(request.schema, facts.caller.agent.id, case.pieces, opens, case.message)
    if parcel is None:
        return await _settled(io, case, settle, ready)
    try:
        judged = await _settled(io, case, settle, ready)
    except BaseException:
        io.carried.withdraw(parcel)
        raise
    if judged.allowed and judged.released is None:
        io.carried.send(parcel)
    else:
        io.carried.withdraw(parcel)
    return judged


async def _settled(io: Io, case: Case, settle: Settle, ready: Ready) -> Judged:
    await ready(case)
    effect = case.decision.effect
    if effect is Effect.ESCALATE or (effect is Effect.ALLOW and case.request.withheld):
        return await settle(case)
    return await recorded(io, case, case.decision)


async def recorded(io: Io, case: Case, decision: Decision, held: Held | None = None) -> Judged:
    """The decision in the log. An allow is refused by it when the rules have moved."""
    entry, request = case.entry(decision), case.request
    allowed = decision.effect is Effect.ALLOW
    await io.record(request.schema, entry, case.document, acts=allowed)
    hidden = decision.effect is Effect.DENY and await _hidden(request.facts, case, decision)
    judged = case.judged(decision, entry, held)
    return replace(judged, hidden=True) if hidden else judged


async def _judge(io: Io, request: Request, message: Message) -> Case:
    facts, method = request.facts, methods.from_client(message.method)
    sent = message.params if message.method else {"result": message.result, "error": message.error}
    findings = facts.book.scan_dlp(sent)
    call = logged = calls.call_of(message, method, facts.server, sent)
    params = clean = sent
    if findings:
        unread = findings[0].rule == SCAN_LIMIT  # not all was looked at, so nothing of it may be kept
        params = sent if unread else _redacted(sent, findings)
        clean = {} if unread else redact(sent, findings)
        masked = calls.call_of(message, method, facts.server, clean)
        logged = calls.as_counted(masked, call)
    facts, pieces = _pieces(io, request, message, sent, clean)
    judged = replace(call, pieces=pieces) if pieces else call
    decision = judgement.screen(judged, facts, findings)
    if decision is not None and decision.stage == fragments.STAGE:  # the last piece of a credential is kept nowhere
        clean = {"name": sent["name"]} if isinstance(sent.get("name"), str) else {}
        logged = calls.as_counted(calls.call_of(message, method, facts.server, clean), call)
    document: JSON = None
    if decision is None:
        decision, document = await _ask(facts, message, method, call, params, findings)
        if findings and document is not None:
            document = judgement.document(logged, facts, findings)
    kept = keep(
        calls.arguments_of(message.method, sent),
        findings,
        facts.book.payload_mode,
        redact=lambda *_: calls.arguments_of(message.method, clean),
        provider=_KEYS,
        context=request.schema,
    )
    wanted = document is not None and facts.book.keep_inputs and decision.stage in _JUDGED
    input = orjson.dumps(document) if wanted else None
    if decision.effect is Effect.DENY and decision.stage != fragments.STAGE:
        pieces = ()
    return Case(request, message, method, params, logged, clean, decision, kept, input, pieces, facts.earlier)


def _pieces(io: Io, request: Request, message: Message, sent: JSON, clean: JSON) -> tuple[Facts, Pieces]:
    """What of the message may be a part of a credential, and what the agent's last calls carried. Mostly nothing."""
    facts = request.facts
    judge, agent = facts.book.fragments, facts.caller.agent.id
    if judge is None:
        return facts, ()
    earlier = io.carried.since(request.schema, agent, facts.earlier, message)
    if not earlier and not judge.begun(sent):
        return facts, ()
    name = {"name"} if message.method in calls.WITH_ARGUMENTS else ()
    pieces = judge.pieces({key: value for key, value in clean.items() if key not in name})
    if not earlier and not judge.opens(pieces):
        return facts, ()
    return (replace(facts, earlier=earlier) if earlier is not facts.earlier else facts), pieces


def _redacted(sent: dict[str, JSON], findings: tuple[Finding, ...]) -> dict[str, JSON]:
    """What goes out: without the findings whose action is redact. Those that are only logged stay."""
    wanted = tuple(finding for finding in findings if finding.action is DlpAction.REDACT)
    return redact(sent, wanted) if wanted else sent


async def _ask(
    facts: Facts, message: Message, method: Method, call: Call, params: dict[str, JSON], findings: tuple[Finding, ...]
) -> tuple[Decision, JSON]:
    """One question to the policy and what it was; for a subscription to resources, one per resource."""
    if method.care is Care.DECIDE:
        judged = calls.redacted(call, calls.arguments_of(message.method, params)) if findings else call
        document = judgement.document(judged, facts, findings)
        ruling = await judgement.ask(facts.book, document)
        return judgement.conclude(judged, facts, findings, ruling), document
    softened = ""
    waits: Decision | None = None
    for uri in calls.subscribed(message):
        one = replace(calls.of_resource(call, uri), arguments={})
        ruling = await judgement.ask(facts.book, judgement.document(one, facts, findings))
        decision = judgement.conclude(one, facts, findings, ruling)
        if decision.effect is Effect.DENY:
            return decision, None
        if decision.effect is Effect.ESCALATE:
            waits = waits or decision
        softened = softened or decision.exception
    if waits is not None:
        return waits, None
    if softened or findings:
        return Decision(Effect.ALLOW, "", "", "record", findings, exception=softened), None
    return _RECORDED, None


async def _hidden(facts: Facts, case: Case, decision: Decision) -> bool:
    """Whether this caller may not even know of the thing: when policy could never allow it, whatever the arguments."""
    message = case.message
    if decision.stage == pin.STAGE:
        return True
    if decision.stage not in _JUDGED or message.method not in methods.HIDEABLE:
        return False
    return not await could_allow(facts, message.method, calls.name_in(message.params, case.method))
