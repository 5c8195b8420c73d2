"""The log entries of the call path, made from what is known; the log itself adds their place and hash."""

import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from apps.audit.ids import new_id
from apps.audit.payload import Kept
from apps.decision.events import Entry, EventKind
from apps.decision.scan.scanner import strongest
from apps.decision.types import JSON, Call, Decision, Finding, Requester
from apps.gateway.context import Request


def decision_entry(request: Request, call: Call, decision: Decision, kept: Kept, kind: EventKind) -> Entry:
    facts = request.facts
    agent, requester, findings = facts.caller.agent, facts.requester, decision.findings
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
        dlp_findings=tuple(_finding(finding) for finding in findings) if findings else (),
        dlp_action=strongest(findings).value if findings else "",
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


def _finding(finding: Finding) -> dict[str, JSON]:
    return {
        "scanner": finding.scanner,
        "rule": finding.rule,
        "severity": finding.severity.value,
        "action": finding.action.value,
        "path": finding.path,
        "excerpt": finding.excerpt,
    }


def outcome_entry(
    request: Request, decided: Entry, *, began: float, code: int, size: int, is_error: bool, error: str
) -> Entry:
    extra: dict[str, JSON] = {"bytes": size, "is_error": is_error}
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
        input_hash=decided.input_hash,
        response_code=code,
        latency_ms=Decimal(int((time.perf_counter() - began) * 1_000_000)).scaleb(-3),
        error=error,
        parent_event_id=decided.id,
        extra=extra,
    )


def message_entry(request: Request, method: str, **extra: JSON) -> Entry:
    """A message of the server that passed, or a stream that opened or closed."""
    facts, requester = request.facts, request.facts.requester
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
        extra={"direction": "to_client", **extra},
    )


def mismatch_entry(request: Request, window_seconds: int) -> Entry:
    """Somebody new asked an agent that serves others: who it is stands in the entry, and how many there are."""
    facts, requester = request.facts, request.facts.requester
    agent = facts.caller.agent
    return Entry(
        id=new_id(),
        kind=EventKind.REQUESTER_IDENTITY_MISMATCH,
        at=datetime.now(UTC),
        actor=f"agent:{agent.id}",
        agent_id=agent.id,
        session_id=facts.caller.session_id,
        requester_id=requester.id,
        requester_channel=requester.channel,
        requester_verified=requester.verified,
        mcp_server=facts.server.name,
        rulebook_version=facts.book.version,
        extra={"distinct_requesters": facts.distinct_requesters, "window_seconds": window_seconds},
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
