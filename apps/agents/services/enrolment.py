"""Enrolment: an admin decides what a future agent may do; whoever holds the token becomes that agent, once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.agents import credentials
from apps.agents.credentials import Purpose
from apps.agents.models import Agent, EnrolmentToken, RiskTier
from apps.agents.services.agents import Registered, add_agent
from apps.agents.services.checking import check
from apps.agents.services.issuing import TokenGrant, issue_token_to
from apps.audit import services as audit
from apps.decision.errors import BadInput, Conflict, NotAuthenticated, NotFound
from apps.decision.events import EventKind

DEFAULT_TTL = timedelta(hours=24)
MAX_TTL = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Enrolled:
    registered: Registered
    grant: TokenGrant


@dataclass(frozen=True, slots=True)
class NewEnrolmentToken:
    """A row and its token, which exists in clear only here."""

    row: EnrolmentToken
    token: str = field(repr=False)


@transaction.atomic
def create_enrolment_token(
    *,
    actor: str,
    label: str = "",
    ttl: timedelta = DEFAULT_TTL,
    agent_type: str = "autonomous",
    roles: Sequence[str] = (),
    permissions: Sequence[str] = (),
    risk_tier: str = RiskTier.LOW,
    now: datetime | None = None,
) -> NewEnrolmentToken:
    if not timedelta(0) < ttl <= MAX_TTL:
        raise BadInput("An enrolment token lives for at most 30 days.", fields={"expires_in": "Out of range."})
    now = now or timezone.now()
    token = credentials.generate(Purpose.ENROLMENT_TOKEN)
    row = EnrolmentToken(
        label=label,
        prefix=credentials.prefix_of(token),
        token_hash=credentials.digest(token),
        agent_type=agent_type,
        roles=list(roles),
        permissions=list(permissions),
        risk_tier=risk_tier,
        created_by=actor[:200],
        created_at=now,
        expires_at=now + ttl,
    )
    check(row)
    row.save(force_insert=True)
    extra = {
        "enrolment_token": str(row.id),
        "label": label,
        "expires_at": row.expires_at.isoformat(),
        "roles": row.roles,
        "permissions": row.permissions,
        "risk_tier": row.risk_tier,
    }
    audit.record(EventKind.ENROLMENT_TOKEN_CREATED, actor=actor, extra=extra)
    return NewEnrolmentToken(row, token)


@transaction.atomic
def revoke_enrolment_token(token_id: UUID, *, actor: str, now: datetime | None = None) -> EnrolmentToken:
    now = now or timezone.now()
    row = EnrolmentToken.objects.select_for_update(of=("self",)).filter(pk=token_id).first()
    if row is None:
        raise NotFound("There is no such enrolment token.")
    if row.state(now) != "usable":
        raise Conflict(f"The enrolment token is {row.state(now)} already.", code="wrong_status")
    row.revoked_at = now
    row.save(update_fields=["revoked_at"])
    audit.record(EventKind.ENROLMENT_TOKEN_REVOKED, actor=actor, extra={"enrolment_token": str(row.id)})
    return row


@transaction.atomic
def enrol(*, token: str, name: str, description: str = "", now: datetime | None = None) -> Enrolled:
    """The first to present a token becomes an agent; everybody else, at once or later, is told the same refusal."""
    now = now or timezone.now()
    row = EnrolmentToken.objects.select_for_update(of=("self",)).filter(token_hash=credentials.digest(token)).first()
    if row is None or row.state(now) != "usable":
        raise NotAuthenticated("The enrolment token is not valid.", code="invalid_enrolment_token")
    registered = add_agent(
        Agent(
            name=name,
            description=description,
            owner=row.created_by.removeprefix("user:")[:200],
            agent_type=row.agent_type,
            roles=row.roles,
            permissions=row.permissions,
            risk_tier=row.risk_tier,
        )
    )
    agent = registered.agent
    row.used_at, row.used_by = now, agent
    row.save(update_fields=["used_at", "used_by"])
    grant = issue_token_to(agent, now=now)
    extra = {"enrolment_token": str(row.id), "name": agent.name, "permissions": agent.permissions}
    audit.record(EventKind.ENROLMENT_TOKEN_USED, actor=f"agent:{agent.id}", agent_id=str(agent.id), extra=extra)
    return Enrolled(registered, grant)
