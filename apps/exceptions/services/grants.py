"""Exceptions: granted for a stated reason and a limited time, prolonged a limited number of times, or withdrawn."""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.agents.models import Agent, AgentStatus, McpServer
from apps.agents.services.checking import check
from apps.audit import services as audit
from apps.decision import exceptions
from apps.decision.chain import clean, text_of_time
from apps.decision.errors import BadInput, Conflict, NotFound
from apps.decision.events import EventKind
from apps.exceptions.models import ExceptionGrant, ExceptionState
from apps.exceptions.services import hooks, watch
from apps.tenants.roles import Role

WRITE_ROLE: Final = Role.POLICY_AUTHOR  # an exception is a rule, if a short-lived one
MAX_HOURS: Final = 720
DEFAULT_EXTENSION: Final = 24
DEFAULT_EXTENSIONS: Final = 4
MAX_EXTENSIONS: Final = 20
MIN_JUSTIFICATION: Final = 10
MAX_JUSTIFICATION: Final = 2000
MAX_REASON: Final = 500
_IN_SERVICE: Final = (AgentStatus.ACTIVE, AgentStatus.SUSPENDED)


@transaction.atomic
def create(
    *,
    agent_id: UUID,
    tool: str,
    resource: str,
    justification: str,
    expires_in_hours: int,
    actor: str,
    mcp_server: str = "",
    max_extensions: int = DEFAULT_EXTENSIONS,
) -> ExceptionGrant:
    """Raises BadInput for a pattern that cannot be used or would cover everything."""
    tool, resource, justification = tool.strip(), exceptions.tidied(resource), clean(justification.strip())
    _refuse(
        {
            **exceptions.flaws(tool, resource),
            **_span_flaws("expires_in_hours", expires_in_hours),
            **_justification_flaws(justification),
            **({} if 0 <= max_extensions <= MAX_EXTENSIONS else {"max_extensions": f"From 0 to {MAX_EXTENSIONS}."}),
        }
    )
    watch.alone(str(agent_id))
    agent = _in_service(agent_id)
    if mcp_server and not McpServer.objects.filter(name=mcp_server).exists():
        _refuse({"mcp_server": "There is no such server. Leave it empty for all servers."})
    now = timezone.now()
    grant = ExceptionGrant(
        agent_id=agent_id,
        agent_name=agent.name,
        mcp_server=mcp_server,
        tool=tool,
        resource=resource,
        justification=justification,
        created_by=actor,
        created_at=now,
        expires_at=now + timedelta(hours=expires_in_hours),
        max_extensions=max_extensions,
    )
    check(grant)
    grant.save(force_insert=True)
    alerts = watch.created(str(agent_id))
    hooks.enqueue(EventKind.EXCEPTION_CREATED.label, message(grant))
    watch.tell(alerts, actor)
    _record(EventKind.EXCEPTION_CREATED, grant, actor, expires_in_hours=expires_in_hours)
    watch.record(alerts, actor)
    return grant


@transaction.atomic
def extend(exception_id: UUID, *, actor: str, hours: int = DEFAULT_EXTENSION) -> ExceptionGrant:
    """Moves the end by so many hours. Raises Conflict (`extension_limit`) when it was done often enough."""
    _refuse(_span_flaws("hours", hours))
    grant = _live(exception_id)
    if grant.extension_count >= grant.max_extensions:
        raise Conflict(
            f"The exception was extended {grant.extension_count} of {grant.max_extensions} times. Grant a new one.",
            code="extension_limit",
        )
    _in_service(grant.agent_id)
    before = grant.expires_at
    grant.expires_at += timedelta(hours=hours)
    grant.extension_count += 1
    grant.save(update_fields=["expires_at", "extension_count"])
    hooks.enqueue(EventKind.EXCEPTION_EXTENDED.label, message(grant))
    _record(EventKind.EXCEPTION_EXTENDED, grant, actor, hours=hours, expired_at_before=text_of_time(before))
    return grant


@transaction.atomic
def revoke(exception_id: UUID, *, actor: str, reason: str) -> ExceptionGrant:
    """From the next call on nothing is covered by it."""
    reason = clean(reason.strip())
    if not reason or len(reason) > MAX_REASON:
        _refuse({"reason": f"Say why, in at most {MAX_REASON} characters."})
    grant = _live(exception_id)
    grant.revoked_at, grant.revoked_by = timezone.now(), actor
    grant.save(update_fields=["revoked_at", "revoked_by"])
    hooks.enqueue(EventKind.EXCEPTION_REVOKED.label, message(grant))
    _record(EventKind.EXCEPTION_REVOKED, grant, actor, reason=reason)
    return grant


def message(grant: ExceptionGrant) -> dict[str, Any]:
    """What a notification says."""
    return {
        "exception": str(grant.id),
        "agent_id": str(grant.agent_id),
        "agent_name": grant.agent_name,
        "mcp_server": grant.mcp_server,
        "tool": grant.tool,
        "resource": grant.resource,
        "state": grant.state(timezone.now()).value,
        "urgency": grant.urgency.value,
        "expires_at": text_of_time(grant.expires_at),
        "extension_count": grant.extension_count,
        "max_extensions": grant.max_extensions,
    }


def _record(kind: EventKind, grant: ExceptionGrant, actor: str, **extra: Any) -> None:
    facts = {
        "exception": str(grant.id),
        "justification": grant.justification,
        "expires_at": text_of_time(grant.expires_at),
        "extension_count": grant.extension_count,
        "max_extensions": grant.max_extensions,
    }
    audit.record(
        kind,
        actor=actor,
        agent_id=str(grant.agent_id),
        mcp_server=grant.mcp_server,
        tool_name=grant.tool,
        target=grant.resource,
        extra={**facts, **extra},
    )


def _live(exception_id: UUID) -> ExceptionGrant:
    """The row, locked. The time is read once the lock is held, which may have taken its own."""
    grant = ExceptionGrant.objects.select_for_update(no_key=True).filter(pk=exception_id).first()
    if grant is None:
        raise NotFound("There is no such exception.")
    state = grant.state(timezone.now())
    if state is not ExceptionState.LIVE:
        raise Conflict(f"The exception is {state}.", code=f"exception_{state}")
    return grant


def _in_service(agent_id: UUID) -> Agent:
    agent = Agent.objects.filter(pk=agent_id).first()
    if agent is None:
        raise BadInput("There is no such agent.", fields={"agent_id": "There is no such agent."})
    if agent.status not in _IN_SERVICE:
        raise Conflict(f"The agent is {agent.status}.", code="agent_out_of_service")
    return agent


def _span_flaws(name: str, hours: int) -> dict[str, str]:
    return {} if 1 <= hours <= MAX_HOURS else {name: f"Whole hours, from 1 to {MAX_HOURS}."}


def _justification_flaws(text: str) -> dict[str, str]:
    if MIN_JUSTIFICATION <= len(text) <= MAX_JUSTIFICATION:
        return {}
    return {"justification": f"Say why, in {MIN_JUSTIFICATION} to {MAX_JUSTIFICATION} characters."}


def _refuse(flaws: dict[str, str]) -> None:
    if flaws:
        raise BadInput("Some fields are not valid.", fields=flaws)
