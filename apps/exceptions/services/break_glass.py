"""Breaking the glass: for a limited time a stop does not hold for one agent, or for all.

Who may do so is the door's question: only the operator's super-admins.
"""

from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.agents.models import Agent
from apps.agents.services.locking import one_at_a_time
from apps.audit import services as audit
from apps.decision.errors import BadInput, Conflict, NotFound
from apps.decision.events import EventKind
from apps.exceptions.models import BreakGlass
from apps.exceptions.services import hooks
from apps.exceptions.services.kill_switch import LOCK, checked, in_force, open_lifts, standing
from apps.tenants.context import current_schema, in_tenant

DEFAULT_MINUTES: Final = 60
MAX_MINUTES: Final = 24 * 60


def break_glass(
    schema: str, *, reason: str, actor: str, minutes: int = DEFAULT_MINUTES, agent_id: str = ""
) -> BreakGlass:
    """Lift whatever stops this tenant now, for one agent or, where none is named, for all."""
    reason = checked(reason)
    if not 1 <= minutes <= MAX_MINUTES:
        raise BadInput("This lasts too long.", fields={"minutes": f"Give 1 to {MAX_MINUTES} minutes."})
    with in_tenant(schema):
        row = _break(reason=reason, actor=actor, minutes=minutes, agent_id=agent_id)
        in_force(schema, wait=False)
    return row


def mend(schema: str, *, reason: str, actor: str, lift_id: str = "") -> int:
    """Let the stop hold again at once: one lift, or all of the tenant's. Returns how many, when it holds everywhere."""
    reason = checked(reason)
    with in_tenant(schema):
        mended = _mend(reason=reason, actor=actor, lift_id=lift_id)
        in_force(schema)
    return mended


@transaction.atomic
def _break(*, reason: str, actor: str, minutes: int, agent_id: str) -> BreakGlass:
    one_at_a_time(LOCK)
    if not standing().stopped:
        raise Conflict(f"Nothing stops {current_schema()}, so there is no glass to break.", code="not_engaged")
    if agent_id and not Agent.objects.filter(pk=_uuid(agent_id, "agent_id")).exists():
        raise NotFound("There is no such agent in this tenant.", fields={"agent_id": "Give the id of an agent."})
    until = timezone.now() + timedelta(minutes=minutes)
    agent_id = str(UUID(agent_id)) if agent_id else ""
    row = BreakGlass.objects.create(agent_id=agent_id, reason=reason, broken_by=actor, expires_at=until)
    extra = {"lift": str(row.pk), "reason": reason, "until": until.isoformat()}
    hooks.enqueue("kill_switch.glass_broken", {**extra, "agent_id": agent_id, "actor": actor})
    audit.record(EventKind.GLASS_BROKEN, actor=actor, agent_id=agent_id, target="tenant", extra=extra)
    return row


@transaction.atomic
def _mend(*, reason: str, actor: str, lift_id: str) -> int:
    one_at_a_time(LOCK)
    lifts = open_lifts()
    if lift_id:
        wanted = _uuid(lift_id, "lift")
        lifts = [lift for lift in lifts if lift.pk == wanted]
    if not lifts:
        raise Conflict("There is no broken glass to mend.", code="not_broken")
    ids = [str(lift.pk) for lift in lifts]
    BreakGlass.objects.filter(pk__in=ids).update(mended_at=timezone.now(), mended_by=actor)
    hooks.enqueue("kill_switch.glass_mended", {"lifts": ids, "reason": reason, "actor": actor})
    audit.record(EventKind.GLASS_MENDED, actor=actor, target="tenant", extra={"lifts": ids, "reason": reason})
    return len(ids)


def _uuid(text: str, field: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise BadInput("This is not an id.", fields={field: "Give an id as a UUID."}) from None
