"""From client credentials to an access token: the session is a row and a log entry before its token is out."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.agents import addresses, credentials, tokens
from apps.agents.models import Agent, AgentStatus, Session
from apps.agents.oauth import OAuthError
from apps.agents.services.signing_keys import ensure_signing_key, private_pem
from apps.agents.services.state import hosts, issuer
from apps.audit import services as audit
from apps.decision.events import EventKind
from apps.tenants.context import current_schema


@dataclass(frozen=True, slots=True)
class TokenGrant:
    access_token: str = field(repr=False)
    expires_in: int
    agent_id: str
    session_id: str
    risk_tier: str
    scope: str


def issue_token(*, client_id: str, client_secret: str, resource: str = "", now: datetime | None = None) -> TokenGrant:
    """Raises OAuthError. An unknown client and a wrong secret cannot be told apart, by answer or by work done."""
    now = now or timezone.now()
    audience = _audience(resource)
    return _issue(client_id, client_secret, audience, now)


@transaction.atomic
def _issue(client_id: str, client_secret: str, audience: str, now: datetime) -> TokenGrant:
    # Locked, so that a suspension waits for this session and ends it, or comes first and is seen.
    agent = Agent.objects.select_for_update(no_key=True).filter(client_id=client_id).first()
    if not credentials.matches(client_secret, *_digests(agent, now)) or agent is None:
        raise OAuthError(
            "invalid_client",
            "Client authentication failed.",
            status=401,
            why="wrong_secret" if agent else "unknown_client",
            agent_id=str(agent.id) if agent else "",
        )
    if agent.status != AgentStatus.ACTIVE:
        raise OAuthError(
            "unauthorized_client",
            "The agent is not in service.",
            status=403,
            why=f"agent_{agent.status}",
            agent_id=str(agent.id),
        )
    return issue_token_to(agent, audience=audience, now=now)


@transaction.atomic
def issue_token_to(agent: Agent, *, audience: str = "", now: datetime | None = None) -> TokenGrant:
    """A session and its token for an agent that has proved itself. The agent's row must be locked."""
    now = now or timezone.now()
    lifetime = timedelta(seconds=settings.BEHAVRY_TOKEN_SECONDS)
    key, target = ensure_signing_key(), audience or _audience("")
    session = Session.objects.create(agent=agent, opened_at=now, expires_at=now + lifetime)
    token = tokens.issue(
        private_pem=private_pem(key),
        kid=key.kid,
        issuer=issuer(),
        audience=target,
        schema=current_schema(),
        agent_id=str(agent.id),
        client_id=agent.client_id,
        session_id=str(session.id),
        roles=agent.roles,
        permissions=agent.permissions,
        risk_tier=agent.risk_tier,
        now=now,
        lifetime=lifetime,
    )
    audit.record(
        EventKind.SESSION_OPENED,
        actor=f"agent:{agent.id}",
        agent_id=str(agent.id),
        session_id=str(session.id),
        extra={"kid": key.kid, "audience": target},
    )
    return TokenGrant(
        access_token=token,
        expires_in=int(lifetime.total_seconds()),
        agent_id=str(agent.id),
        session_id=str(session.id),
        risk_tier=agent.risk_tier,
        scope=" ".join(agent.permissions),
    )


@transaction.atomic
def record_refusal(error: OAuthError) -> None:
    """Note a refused token request. Holds nothing that the caller sent: people paste secrets into the wrong field."""
    audit.record(
        EventKind.TOKEN_REFUSED,
        actor=f"agent:{error.agent_id}" if error.agent_id else "anonymous",
        agent_id=error.agent_id,
        error=error.code,
        extra={"why": error.why},
    )


def _digests(agent: Agent | None, now: datetime) -> tuple[str, str]:
    """Always two of the same length, so that the work does not tell whether the client or an overlap exists."""
    if agent is None:
        return credentials.NO_DIGEST, credentials.NO_DIGEST
    overlapping = agent.previous_secret_expires_at is not None and agent.previous_secret_expires_at > now
    return agent.secret_hash, agent.previous_secret_hash if overlapping else credentials.NO_DIGEST


def _audience(resource: str) -> str:
    names, scheme = hosts(), settings.BEHAVRY_PUBLIC_URL_SCHEME
    if not resource:
        return addresses.audience(names[0], scheme=scheme)
    audience = addresses.audience_of_resource(resource, hosts=names, scheme=scheme)
    if audience is None:
        raise OAuthError("invalid_target", "The resource is not one of this tenant's.")
    return audience
