"""Whether one agent is being waved through too often: many exceptions within an hour, many approvals within a day."""

from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from apps.agents.services.locking import one_at_a_time
from apps.audit import services as audit
from apps.decision.events import EventKind
from apps.exceptions.models import Escalation, ExceptionGrant, Resolution
from apps.exceptions.services import hooks

CREATIONS_AN_HOUR: Final = 5
APPROVALS_A_DAY: Final = 3
_APPROVING: Final = (Resolution.APPROVE, Resolution.ALLOW_ORIGINAL)


def alone(agent_id: str) -> None:
    """Hold this agent's counts until the transaction ends, so that two who act at once both count.

    Take it before the first log entry: the head of the log is always locked last.
    """
    one_at_a_time(f"exceptions.watch:{agent_id}")


def created(agent_id: str, actor: str) -> None:
    """Called when an exception was stored, in its transaction: speaks up when it is one too many within an hour."""
    alone(agent_id)
    count = ExceptionGrant.objects.filter(agent_id=agent_id, created_at__gt=_ago(timedelta(hours=1))).count()
    if count == CREATIONS_AN_HOUR + 1:
        _report(EventKind.EXCEPTION_ANOMALY, agent_id, actor, count, hours=1)


def approved(agent_id: str, actor: str) -> None:
    """Called for each approval, when it is stored, in its transaction: speaks up when it is one too many within a day.

    Approvals are escalations that were approved and exceptions that were made, together.
    """
    alone(agent_id)
    since = _ago(timedelta(hours=24))
    count = (
        ExceptionGrant.objects.filter(agent_id=agent_id, created_at__gt=since).count()
        + Escalation.objects.filter(agent_id=agent_id, resolution__in=_APPROVING, resolved_at__gt=since).count()
    )
    if count == APPROVALS_A_DAY + 1:
        _report(EventKind.BASELINE_POISONING_SUSPECTED, agent_id, actor, count, hours=24)


def _report(kind: EventKind, agent_id: str, actor: str, count: int, *, hours: int) -> None:
    """Once per crossing: the next one says nothing until the count has fallen back to the threshold."""
    extra = {"count": count, "hours": hours, "alert": kind.name}
    hooks.enqueue(kind.label, {"agent_id": agent_id, "actor": actor, **extra})
    audit.record(kind, actor=actor, agent_id=agent_id, extra=extra)


def _ago(span: timedelta) -> datetime:
    return timezone.now() - span
