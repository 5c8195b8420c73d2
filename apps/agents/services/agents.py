"""An agent's life: registered, changed, suspended, resumed, revoked, deprovisioned; and the rotation of its secret."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.agents import credentials
from apps.agents.credentials import Purpose
from apps.agents.models import Agent, AgentStatus, RiskTier
from apps.agents.services.checking import check
from apps.agents.services.locking import one_at_a_time
from apps.agents.services.sessions import revoke_open_sessions
from apps.audit import services as audit
from apps.decision.errors import BadInput, Conflict, NotFound
from apps.decision.events import EventKind
from apps.tenants.context import current_schema
from apps.tenants.services import config_of

SECRET_OVERLAP = timedelta(hours=1)
MAX_SECRET_OVERLAP = timedelta(days=7)
CHANGEABLE = frozenset(
    {"name", "agent_type", "owner", "description", "tags", "roles", "permissions", "risk_tier", "system_prompt_hash"}
)
_IN_SERVICE = (AgentStatus.ACTIVE, AgentStatus.SUSPENDED)


@dataclass(frozen=True, slots=True)
class Registered:
    """An agent and its secret, which exists in clear only here."""

    agent: Agent
    client_secret: str = field(repr=False)


@transaction.atomic
def register(
    *,
    name: str,
    actor: str,
    agent_type: str = "autonomous",
    owner: str = "",
    description: str = "",
    tags: Sequence[str] = (),
    roles: Sequence[str] = (),
    permissions: Sequence[str] = (),
    risk_tier: str = RiskTier.LOW,
    system_prompt_hash: str = "",
) -> Registered:
    """Raises Conflict (`agent_limit`) when the tenant's plan has no room for another agent."""
    registered = add_agent(
        Agent(
            name=name,
            agent_type=agent_type,
            owner=owner,
            description=description,
            tags=list(tags),
            roles=list(roles),
            permissions=list(permissions),
            risk_tier=risk_tier,
            system_prompt_hash=system_prompt_hash,
        )
    )
    agent = registered.agent
    audit.record(EventKind.AGENT_REGISTERED, actor=actor, agent_id=str(agent.id), extra=_facts(agent))
    return registered


def add_agent(agent: Agent) -> Registered:
    """Store a new agent with fresh credentials. The caller owns the transaction and writes the log entry."""
    one_at_a_time("agents.register")
    limit = config_of(current_schema()).max_agents
    if Agent.objects.filter(status__in=_IN_SERVICE).count() >= limit:
        raise Conflict(
            f"This tenant's plan allows {limit} agents, and all are taken. Deprovision one, or raise the limit.",
            code="agent_limit",
        )
    secret = credentials.generate(Purpose.CLIENT_SECRET)
    agent.client_id = credentials.generate_client_id()
    agent.secret_hash = credentials.digest(secret)
    check(agent)
    agent.save(force_insert=True)
    return Registered(agent, secret)


@transaction.atomic
def update(agent_id: UUID, *, actor: str, changes: Mapping[str, Any]) -> Agent:
    agent = locked(agent_id)
    if unknown := set(changes) - CHANGEABLE:
        raise BadInput("Some fields cannot be changed.", fields=dict.fromkeys(sorted(unknown), "Cannot be changed."))
    before = _facts(agent)
    for name, value in changes.items():
        setattr(agent, name, value)
    check(agent)
    after = _facts(agent)
    changed = sorted(name for name in after if after[name] != before[name])
    if not changed:
        return agent
    agent.save(update_fields=[*changed, "updated_at"])
    extra = {"before": {name: before[name] for name in changed}, "after": {name: after[name] for name in changed}}
    audit.record(EventKind.AGENT_UPDATED, actor=actor, agent_id=str(agent.id), extra=extra)
    return agent


def suspend(agent_id: UUID, *, actor: str, reason: str = "") -> Agent:
    """No call from now on, and every session ends; `resume` undoes the first, not the second."""
    return _move(agent_id, AgentStatus.SUSPENDED, (AgentStatus.ACTIVE,), EventKind.AGENT_SUSPENDED, actor, reason)


def resume(agent_id: UUID, *, actor: str, reason: str = "") -> Agent:
    return _move(agent_id, AgentStatus.ACTIVE, (AgentStatus.SUSPENDED,), EventKind.AGENT_RESUMED, actor, reason)


def revoke(agent_id: UUID, *, actor: str, reason: str = "") -> Agent:
    """For good: there is no way back from here but to be deprovisioned."""
    return _move(agent_id, AgentStatus.REVOKED, _IN_SERVICE, EventKind.AGENT_REVOKED, actor, reason)


def deprovision(agent_id: UUID, *, actor: str, reason: str = "") -> Agent:
    """Out of service. The row stays, so that the log can be read."""
    return _move(
        agent_id,
        AgentStatus.DEPROVISIONED,
        (*_IN_SERVICE, AgentStatus.REVOKED),
        EventKind.AGENT_DEPROVISIONED,
        actor,
        reason,
    )


@transaction.atomic
def rotate_secret(
    agent_id: UUID, *, actor: str, overlap: timedelta = SECRET_OVERLAP, now: datetime | None = None
) -> Registered:
    """A new secret; the old one works for `overlap` more, and one before that no longer."""
    if not timedelta(0) <= overlap <= MAX_SECRET_OVERLAP:
        raise BadInput("The overlap must lie between none and seven days.", fields={"overlap_seconds": "Out of range."})
    agent = locked(agent_id)
    if agent.status not in _IN_SERVICE:
        raise Conflict(f"The agent is {agent.status}; its secret is of no use.", code="wrong_status")
    now = now or timezone.now()
    secret = credentials.generate(Purpose.CLIENT_SECRET)
    agent.previous_secret_hash = agent.secret_hash if overlap else ""
    agent.previous_secret_expires_at = now + overlap if overlap else None
    agent.secret_hash = credentials.digest(secret)
    agent.secret_rotated_at = now
    agent.save(
        update_fields=[
            "secret_hash",
            "secret_rotated_at",
            "previous_secret_hash",
            "previous_secret_expires_at",
            "updated_at",
        ]
    )
    extra = {"overlap_seconds": int(overlap.total_seconds())}
    audit.record(EventKind.AGENT_SECRET_ROTATED, actor=actor, agent_id=str(agent.id), extra=extra)
    return Registered(agent, secret)


def locked(agent_id: UUID) -> Agent:
    agent = Agent.objects.select_for_update(no_key=True).filter(pk=agent_id).first()
    if agent is None:
        raise NotFound("There is no such agent.")
    return agent


@transaction.atomic
def _move(
    agent_id: UUID, to: AgentStatus, allowed: Sequence[AgentStatus], kind: EventKind, actor: str, reason: str
) -> Agent:
    agent = locked(agent_id)
    if agent.status not in allowed:
        raise Conflict(f"The agent is {agent.status}; that cannot become {to}.", code="wrong_status")
    before, agent.status = agent.status, to
    agent.save(update_fields=["status", "updated_at"])
    ended = 0 if to is AgentStatus.ACTIVE else revoke_open_sessions(agent, reason=f"agent {to}", now=timezone.now())
    extra = {"before": before, "after": str(to), "reason": reason[:500], "sessions_revoked": ended}
    audit.record(kind, actor=actor, agent_id=str(agent.id), extra=extra)
    return agent


def _facts(agent: Agent) -> dict[str, Any]:
    return {name: getattr(agent, name) for name in sorted(CHANGEABLE)}
