"""The judgement of one call: screens first, then policy, then the conclusion. Pure; what it needs is gathered before.

decision = screen(call, facts, findings)
if decision is None:
    ruling = await ask(facts.book, document(call, facts, findings))
    decision = conclude(call, facts, findings, ruling)
"""

from collections.abc import Callable
from typing import Final

from apps.decision import exceptions
from apps.decision.facts import BlastRadius, Facts, Rulebook
from apps.decision.outbound import sources_named
from apps.decision.screens import blast_radius, dlp, fragments, identity, killswitch, pin, server
from apps.decision.types import JSON, Call, Decision, DlpAction, Effect, Finding, Ruling, Verdict

Screen = Callable[[Call, Facts, tuple[Finding, ...]], Decision | None]
SCREENS: Final[tuple[Screen, ...]] = (
    killswitch.screen,
    identity.screen,
    server.screen,
    pin.screen,
    dlp.screen,
    fragments.screen,
    blast_radius.screen,
)


def screen(call: Call, facts: Facts, findings: tuple[Finding, ...]) -> Decision | None:
    """The first screen's word that settles the call; None when policy is to be asked."""
    for one in SCREENS:
        decision = one(call, facts, findings)
        if decision is not None:
            return decision
    return None


async def ask(book: Rulebook, document: JSON) -> Ruling:
    """The policy's ruling, from this process or from wherever this installation keeps its policies."""
    if book.authorize_async is None:
        return book.authorize(document)
    return await book.authorize_async(document)


def conclude(call: Call, facts: Facts, findings: tuple[Finding, ...], ruling: Ruling) -> Decision:
    """What policy and the blast radius said becomes the decision, the strongest first; an exception may soften it."""
    raised = blast_radius.raised(call, facts)
    verdicts = ruling.verdicts + tuple(one for one in raised if one not in ruling.verdicts)
    decision = Decision(ruling.result, ruling.reason, ruling.policy, "policy", findings, verdicts)
    if raised and ruling.result is Effect.ALLOW:
        first: Verdict = raised[0]
        decision = Decision(first.result, first.reason, first.policy, "blast_radius", findings, verdicts)
    return exceptions.soften(call, facts, decision)


def to_redact(decision: Decision) -> tuple[Finding, ...]:
    """What must be taken out before the call is forwarded."""
    return tuple(finding for finding in decision.findings if finding.action is DlpAction.REDACT)


def document(call: Call, facts: Facts, findings: tuple[Finding, ...] = ()) -> dict[str, JSON]:
    """The input of the policies; `policies/schemas/input.json` is its schema."""
    agent, reach = facts.caller.agent, call.reach
    rules = facts.book.source_rules
    return {
        "agent": {
            "id": agent.id,
            "name": agent.name,
            "status": agent.status,
            "roles": list(agent.roles),
            "permissions": list(agent.permissions),
            "risk_tier": agent.risk_tier,
        },
        "request": {
            "method": call.method,
            "tool_name": call.tool,
            "action": call.action.value,
            "resource": call.resource,
            "resource_kind": call.resource_kind,
            "resource_count": call.resource_count,
            "parameters": call.arguments,
            "mcp_server": call.server,
            "reach": {
                "paths": list(reach.paths),
                "names": list(reach.names),
                "deletes": list(reach.deletes),
                "recipients": reach.recipients,
                "items": reach.items,
                "unread": reach.unread,
            },
            **({"sources": sources_named(call, rules)} if rules else {}),
        },
        "context": _context(facts),
        "requester": {
            "id": facts.requester.id,
            "channel": facts.requester.channel,
            "verified": facts.requester.verified,
        },
        "workflow_session": None,
        "delegation": None,
        "dlp": _dlp(findings),
        "inbound": {"has_findings": False, "findings": []},
    }


def _context(facts: Facts) -> dict[str, JSON]:
    context = {
        **facts.context,
        "tenant": facts.book.schema,
        "session_id": facts.caller.session_id,
        "distinct_requesters": facts.distinct_requesters,
        "blast_radius": _limits(facts.book.blast_radius),
    }
    if facts.now is not None:
        context["time"] = facts.now.isoformat()
        context["time_ns"] = int(facts.now.timestamp() * 1_000_000) * 1000
    return context


def _limits(limits: BlastRadius) -> dict[str, JSON]:
    directories, names = blast_radius.spelled(limits)
    return {
        "min_delete_depth": limits.min_delete_depth,
        "email_recipient_limit": limits.email_recipient_limit,
        "bulk_action_threshold": limits.bulk_action_threshold,
        "config_paths": list(directories),
        "protected_names": list(names),
    }


def _dlp(findings: tuple[Finding, ...]) -> dict[str, JSON]:
    return {
        "has_findings": bool(findings),
        "findings": [
            {"pattern": one.rule, "severity": one.severity.value, "location": one.path, "action": one.action.value}
            for one in findings
        ],
    }
