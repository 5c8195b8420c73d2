"""Whether one agent is being waved through too often: many exceptions within an hour, many approvals within a day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.utils import timezone

from apps.agents.services.locking import one_at_a_time
from apps.audit import services as audit
from apps.decision.events import EventKind
from apps.decision.types import JSON
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


@dataclass(frozen=True, slots=True)
class Alert:
    kind: EventKind
    agent_id: str
    count: int
    hours: int

    def facts(self) -> dict[str, JSON]:
        return {"count": self.count, "hours": self.hours, "alert": self.kind.name}


def created(agent_id: str) -> tuple[Alert, ...]:
    """What is to be said now that an exception was stored; the caller tells and records it."""
    alone(agent_id)
    since = timezone.now() - timedelta(hours=1)
    count = ExceptionGrant.objects.filter(agent_id=agent_id, created_at__gt=since).count()
    crossed = (Alert(EventKind.EXCEPTION_ANOMALY, agent_id, count, 1),) if count == CREATIONS_AN_HOUR + 1 else ()
    return (*crossed, *_approvals(agent_id))


def approved(agent_id: str, actor: str) -> None:
    """Called for each approved escalation, when it is stored, in its transaction and before its own entry."""
    alone(agent_id)
    alerts = _approvals(agent_id)
    tell(alerts, actor)
    record(alerts, actor)


def tell(alerts: Sequence[Alert], actor: str) -> None:
    for alert in alerts:
        hooks.enqueue(alert.kind.label, {"agent_id": alert.agent_id, "actor": actor, **alert.facts()})


def record(alerts: Sequence[Alert], actor: str) -> None:
    for alert in alerts:
        audit.record(alert.kind, actor=actor, agent_id=alert.agent_id, extra=alert.facts())


def _approvals(agent_id: str) -> tuple[Alert, ...]:
    """Approved escalations and exceptions together. Once per crossing: the next approval says nothing, until the
    count has fallen back to the threshold."""
    since = timezone.now() - timedelta(hours=24)
    count = (
        ExceptionGrant.objects.filter(agent_id=agent_id, created_at__gt=since).count()
        + Escalation.objects.filter(agent_id=agent_id, resolution__in=_APPROVING, resolved_at__gt=since).count()
    )
    if count != APPROVALS_A_DAY + 1:
        return ()
    return (Alert(EventKind.BASELINE_POISONING_SUSPECTED, agent_id, count, 24),)
