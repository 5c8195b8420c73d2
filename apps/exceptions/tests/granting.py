"""Grants exceptions as a person would, and puts calls that used them into the log."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from apps.agents.tests.builders import make_agent
from apps.audit import services as audit
from apps.audit.models import AuditEntry
from apps.decision.events import EventKind
from apps.exceptions.models import ExceptionGrant
from apps.exceptions.services import grants
from apps.tenants.context import in_tenant

WHY = "Agreed with the owner of the data."


def new_agent(schema: str) -> UUID:
    return UUID(str(make_agent(schema).agent.pk))


def grant(schema: str, agent: UUID | None = None, **changes: Any) -> ExceptionGrant:
    fields: dict[str, Any] = {
        "agent_id": agent or new_agent(schema), "tool": "read_file", "resource": "/srv/report.csv",
        "justification": WHY, "expires_in_hours": 2, "actor": "user:ada",
    }  # fmt: skip
    with in_tenant(schema):
        return grants.create(**(fields | changes))


def again(schema: str, row: ExceptionGrant) -> ExceptionGrant:
    with in_tenant(schema):
        return ExceptionGrant.objects.get(pk=row.pk)


def older(schema: str, row: ExceptionGrant, by: timedelta) -> None:
    """As if all of it had happened that much earlier."""
    with in_tenant(schema):
        ExceptionGrant.objects.filter(pk=row.pk).update(created_at=row.created_at - by, expires_at=row.expires_at - by)


def decided(schema: str, agent: UUID, exception: str = "", at: datetime | None = None, **fields: Any) -> None:
    """One decision in the log."""
    given: dict[str, Any] = {
        "agent_id": str(agent), "method": "tools/call", "tool_name": "read_file", "target": "/srv/report.csv",
        "mcp_server": "files", "action": "read", "policy_result": "allow",
        "stage": "exception" if exception else "policy", "extra": {"exception": exception} if exception else {},
    }  # fmt: skip
    with in_tenant(schema):
        audit.record(EventKind.CALL_DECISION, actor=f"agent:{agent}", at=at or timezone.now(), **(given | fields))


def told(schema: str, *kinds: EventKind) -> list[AuditEntry]:
    """The entries of these kinds, oldest first."""
    with in_tenant(schema):
        return list(AuditEntry.objects.filter(kind__in=[kind.label for kind in kinds]).order_by("seq"))
