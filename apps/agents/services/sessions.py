"""Ending sessions before or at their time. Opening one is a matter of issuing a token."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F, OuterRef, Subquery
from django.utils import timezone

from apps.agents.models import Agent, Session
from apps.audit import services as audit
from apps.decision.errors import Conflict, NotFound
from apps.decision.events import EventKind


@transaction.atomic
def revoke_session(session_id: UUID, *, actor: str, reason: str = "", now: datetime | None = None) -> Session:
    """The session's token is worthless from the next call on."""
    now = now or timezone.now()
    session = Session.objects.select_for_update(of=("self",)).select_related("agent").filter(pk=session_id).first()
    if session is None:
        raise NotFound("There is no such session.")
    if session.state(now) != "open":
        raise Conflict(f"The session is {session.state(now)} already.", code="wrong_status")
    session.revoked_at = session.closed_at = now
    session.revoked_reason = reason[:200]
    session.risk_score_at_close = session.agent.risk_score
    session.save(update_fields=["revoked_at", "closed_at", "revoked_reason", "risk_score_at_close"])
    audit.record(
        EventKind.SESSION_REVOKED,
        actor=actor,
        agent_id=str(session.agent_id),
        session_id=str(session.id),
        extra={"reason": reason[:200]},
    )
    return session


def revoke_open_sessions(agent: Agent, *, reason: str, now: datetime) -> int:
    """End all of an agent's sessions; how many there were. The caller owns transaction and log entry."""
    return Session.objects.filter(agent=agent, revoked_at__isnull=True, expires_at__gt=now).update(
        revoked_at=now, closed_at=now, revoked_reason=reason, risk_score_at_close=agent.risk_score
    )


def forget_ended(before: datetime) -> int:
    """Drop sessions that ended before this time; the log still tells of them as long as it is kept."""
    return Session.objects.filter(closed_at__lt=before, expires_at__lt=before).delete()[0]


def close_expired(now: datetime) -> int:
    """Note on sessions whose time is over when they ended and how risky their agent was. Changes no decision."""
    score = Subquery(Agent.objects.filter(pk=OuterRef("agent_id")).values("risk_score"))
    return Session.objects.filter(closed_at__isnull=True, expires_at__lte=now).update(
        closed_at=F("expires_at"), risk_score_at_close=score
    )
