"""How an escalation is told of: to the log, and to whoever is notified. Masked data only."""

from datetime import datetime
from typing import Any

from apps.audit import services as audit
from apps.decision.chain import text_of_time
from apps.decision.events import EventKind
from apps.decision.types import JSON
from apps.exceptions.models import Escalation

BLAST_RADIUS = "blast_radius."


def record(kind: EventKind, row: Escalation, *, actor: str, **extra: JSON) -> None:
    """One entry about one escalation, in the caller's transaction."""
    facts: dict[str, Any] = {"escalation": str(row.id), "risk_tier": row.risk_tier, "policies": policies(row)}
    audit.record(
        kind,
        actor=actor,
        agent_id=row.agent_id,
        session_id=row.session_id,
        requester_id=row.requester_id,
        requester_channel=row.requester_channel,
        action=row.action,
        target=row.resource,
        tool_name=row.tool_name,
        mcp_server=row.mcp_server,
        method=row.method,
        policy_id=row.policy_id,
        policy_reason=row.reason,
        rulebook_version=row.rulebook_version,
        input_hash=row.input_hash,
        parent_event_id=row.event_id,
        extra={**facts, **extra},
    )


def record_opening(row: Escalation) -> None:
    """The opening; beside it, what a call that reaches too far is known by elsewhere."""
    actor = f"agent:{row.agent_id}"
    record(EventKind.ESCALATION_OPENED, row, actor=actor, expires_at=text_of_time(row.expires_at))
    if any(policy.startswith(BLAST_RADIUS) for policy in policies(row)):
        record(EventKind.BLAST_RADIUS_ESCALATION, row, actor=actor)


def policies(row: Escalation) -> list[str]:
    """Every rule that asked for a person, once."""
    named = [row.policy_id, *(str(verdict["policy"]) for verdict in row.verdicts)]
    return list(dict.fromkeys(named))


def message(row: Escalation) -> dict[str, JSON]:
    """What a notification says. Without the arguments: whoever is told looks them up."""
    return {
        "escalation": str(row.id),
        "subject": row.subject,
        "status": row.status,
        "agent_id": row.agent_id,
        "agent_name": row.agent_name,
        "requester_id": row.requester_id,
        "mcp_server": row.mcp_server,
        "method": row.method,
        "tool_name": row.tool_name,
        "action": row.action,
        "risk_tier": row.risk_tier,
        "policies": policies(row),
        "reason": row.reason,
        "created_at": _time(row.created_at),
        "expires_at": _time(row.expires_at),
        "resolution": row.resolution,
        "resolved_by": row.resolved_by,
        "resolved_at": _time(row.resolved_at),
        "note": row.note,
    }


def _time(at: datetime | None) -> str | None:
    return text_of_time(at) if at is not None else None
