"""The log entries of the call path, made from what is known; the log itself adds their place and hash."""

import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from apps.audit.ids import new_id
from apps.audit.payload import Kept
from apps.decision.events import Entry, EventKind
from apps.decision.types import JSON, Call, Decision, Requester, Screened
from apps.gateway.context import Request
from apps.gateway.remarks import remarks, secrets_of, why_withheld


def decision_entry(request: Request, call: Call, decision: Decision, kept: Kept, kind: EventKind) -> Entry:
    facts = request.facts
    agent, requester = facts.caller.agent, facts.requester
    found, action = secrets_of(decision.findings) if decision.findings else ((), "")
    return Entry(
        id=new_id(),
        kind=kind,
        at=datetime.now(UTC),
        actor=f"agent:{agent.id}",
        agent_id=agent.id,
        session_id=facts.caller.session_id,
        requester_id=requester.id,
        requester_channel=requester.channel,
        requester_verified=requester.verified,
        action=call.action.value,
        target=call.resource,
        tool_name=call.tool,
        mcp_server=call.server,
        method=call.method or "response",
        policy_result=decision.effect.value if kind is EventKind.CALL_DECISION else "",
        policy_id=decision.policy,
        policy_reason=decision.reason,
        stage=decision.stage,
        rulebook_version=facts.book.version,
        dlp_findings=found,
        dlp_action=action,
        input_hash=call.input_hash,
        instruction_hash=call.instruction_hash,
        payload=kept.payload,
        extra=_extra(request, decision, kept),
    )


def _extra(request: Request, decision: Decision, kept: Kept) -> dict[str, JSON]:
    extra = {**kept.extra}
    if request.session_id:
        extra["mcp_session"] = request.session_id
    if decision.exception:
        extra["exception"] = decision.exception
    if decision.escalation:
        extra["escalation"] = decision.escalation
    return extra


def outcome_entry(
    request: Request,
    decided: Entry,
    *,
    began: float,
    code: int,
    size: int,
    is_error: bool,
    error: str,
    screened: Screened | None = None,
) -> Entry:
    """`screened` is what the answer came to, where there is something to say of it."""
    extra: dict[str, JSON] = {"bytes": size, "is_error": is_error}
    found: tuple[JSON, ...] = ()
    action = ""
    if screened is not None:
        extra["inbound"] = remarks(screened)
        found, action = secrets_of(screened.secrets)
    if request.counts:
        extra["messages"] = dict(request.counts)
    return Entry(
        id=new_id(),
        kind=EventKind.CALL_OUTCOME,
        at=datetime.now(UTC),
        actor=decided.actor,
        agent_id=decided.agent_id,
        session_id=decided.session_id,
        requester_id=decided.requester_id,
        requester_channel=decided.requester_channel,
        requester_verified=decided.requester_verified,
        instruction_hash=decided.instruction_hash,
        action=decided.action,
        target=decided.target,
        tool_name=decided.tool_name,
        mcp_server=decided.mcp_server,
        method=decided.method,
        rulebook_version=decided.rulebook_version,
        dlp_findings=found,
        dlp_action=action,
        input_hash=decided.input_hash,
        response_code=code,
        latency_ms=Decimal(int((time.perf_counter() - began) * 1_000_000)).scaleb(-3),
        error=error,
        parent_event_id=decided.id,
        extra=extra,
    )


def message_entry(request: Request, method: str, screened: Screened | None = None, **extra: JSON) -> Entry:
    """A message of the server that passed, or a stream that opened or closed."""
    facts, requester = request.facts, request.facts.requester
    found: tuple[JSON, ...] = ()
    action = ""
    if screened is not None:
        extra["inbound"] = remarks(screened)
        found, action = secrets_of(screened.secrets)
    return Entry(
        id=new_id(),
        kind=EventKind.MESSAGE_RECORDED,
        at=datetime.now(UTC),
        actor=f"server:{facts.server.name}",
        agent_id=facts.caller.agent.id,
        session_id=facts.caller.session_id,
        requester_id=requester.id,
        requester_channel=requester.channel,
        requester_verified=requester.verified,
        mcp_server=facts.server.name,
        method=method,
        rulebook_version=facts.book.version,
        dlp_findings=found,
        dlp_action=action,
        extra={"direction": "to_client", **extra},
    )


def inbound_entry(
    request: Request, decided: Entry | None, kind: EventKind, method: str, screened: Screened, repeated: int
) -> Entry:
    """What was found in something that a server sent. `decided` is the decision that it came in answer to; `repeated`
    how many messages of this session had such findings, where that is what makes it worth an entry."""
    facts, requester = request.facts, request.facts.requester
    found, action = secrets_of(screened.secrets)
    policy, reason = why_withheld(screened)
    extra: dict[str, JSON] = {"inbound": remarks(screened)}
    if repeated:
        extra["repeated"] = repeated
    return Entry(
        id=new_id(),
        kind=kind,
        at=datetime.now(UTC),
        actor=f"server:{facts.server.name}",
        agent_id=facts.caller.agent.id,
        session_id=facts.caller.session_id,
        requester_id=requester.id,
        requester_channel=requester.channel,
        requester_verified=requester.verified,
        instruction_hash=decided.instruction_hash if decided is not None else "",
        action=decided.action if decided is not None else "",
        target=decided.target if decided is not None else "",
        tool_name=decided.tool_name if decided is not None else "",
        mcp_server=facts.server.name,
        method=method,
        policy_id=policy,
        policy_reason=reason,
        stage="inbound",
        rulebook_version=facts.book.version,
        dlp_findings=found,
        dlp_action=action,
        input_hash=decided.input_hash if decided is not None else "",
        parent_event_id=decided.id if decided is not None else None,
        extra=extra,
    )


def mismatch_entry(request: Request, window_seconds: int) -> Entry:
    """Somebody new asked an agent that serves others: who it is stands in the entry, and how many there are."""
    extra = {"distinct_requesters": request.facts.distinct_requesters, "window_seconds": window_seconds}
    return of_agent(request, EventKind.REQUESTER_IDENTITY_MISMATCH, extra=extra)


def of_agent(request: Request, kind: EventKind, *, tool_name: str = "", extra: dict[str, JSON]) -> Entry:
    """Something about the agent, or what it asks for, that is worth an entry of its own."""
    facts, requester = request.facts, request.facts.requester
    agent = facts.caller.agent
    return Entry(
        id=new_id(),
        kind=kind,
        at=datetime.now(UTC),
        actor=f"agent:{agent.id}",
        agent_id=agent.id,
        session_id=facts.caller.session_id,
        requester_id=requester.id,
        requester_channel=requester.channel,
        requester_verified=requester.verified,
        tool_name=tool_name,
        mcp_server=facts.server.name,
        rulebook_version=facts.book.version,
        extra=extra,
    )


def refused_entry(requester: Requester, *, actor: str, server: str, reason: str, code: int, **fields: Any) -> Entry:
    """A request that never came to judgement. `reason` is a fixed word, never what was sent."""
    return Entry(
        id=new_id(),
        kind=EventKind.CALL_REFUSED,
        at=datetime.now(UTC),
        actor=actor,
        requester_id=requester.id,
        requester_channel=requester.channel,
        requester_verified=requester.verified,
        mcp_server=server,
        policy_reason=reason,
        stage="door",
        response_code=code,
        error=reason,
        **fields,
    )
