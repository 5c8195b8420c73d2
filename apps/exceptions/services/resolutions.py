"""What people say to an escalation, once; and what becomes of those to which nobody said anything."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.decision.chain import clean
from apps.decision.errors import BadInput, Conflict, NotFound
from apps.decision.events import EventKind
from apps.exceptions.models import Escalation, EscalationStatus, Resolution
from apps.exceptions.services import hooks, watch
from apps.exceptions.services.escalation_settings import setting
from apps.exceptions.services.escalation_words import message, record
from apps.exceptions.services.escalations import lapse

ALLOWING: Final = frozenset({Resolution.APPROVE, Resolution.ALLOW_SANITIZED, Resolution.ALLOW_ORIGINAL})
WATCHED: Final = ALLOWING - {Resolution.ALLOW_SANITIZED}  # what would teach a baseline to trust the agent
FITTING: Final = {
    Escalation.Subject.CALL: frozenset({Resolution.APPROVE, Resolution.DENY}),
    Escalation.Subject.INBOUND: frozenset({Resolution.ALLOW_SANITIZED, Resolution.ALLOW_ORIGINAL, Resolution.BLOCK}),
}
WITHOUT_NOTE: Final = frozenset({"low", "medium"})  # every other tier, unknown ones included, needs a reason
MAX_NOTE: Final = 2000


@transaction.atomic
def resolve(escalation_id: UUID, *, resolution: str, actor: str, note: str = "") -> Escalation:
    """One person's word settles it; whoever comes later is told by Conflict `already_resolved` who said what."""
    row = Escalation.objects.select_for_update().filter(pk=escalation_id).first()
    if row is None:
        raise NotFound("There is no such escalation.")
    now = timezone.now()
    if row.resolved_at is not None:
        raise Conflict(f"{row.resolved_by} has resolved this already: {row.resolution}.", code="already_resolved")
    if row.status_at(now) is not EscalationStatus.PENDING:
        raise Conflict("The time to resolve this is over.", code="escalation_expired")
    note = clean(note.strip())
    _check(row, resolution, note)
    row.resolution, row.resolved_by, row.resolved_at, row.note = Resolution(resolution), actor, now, note
    if row.resolution in ALLOWING:
        row.status, row.usable_until = EscalationStatus.APPROVED, now + timedelta(seconds=setting().use_seconds)
    else:
        row.status = EscalationStatus.DENIED
    row.save(update_fields=["status", "resolution", "resolved_by", "resolved_at", "note", "usable_until"])
    hooks.enqueue("escalation.resolved", message(row))
    if row.resolution in WATCHED:
        watch.approved(row.agent_id, actor)
    record(EventKind.ESCALATION_RESOLVED, row, actor=actor, resolution=resolution, note=note)
    return row


@transaction.atomic
def expire_overdue(*, limit: int = 200) -> int:
    """Note that time ran out: for calls nobody decided, for approvals nobody used. Returns how many; repeat until 0."""
    now = timezone.now()
    overdue = Q(status="pending", expires_at__lte=now) | Q(status="approved", usable_until__lte=now)
    rows = list(Escalation.objects.select_for_update(skip_locked=True).filter(overdue).order_by("expires_at")[:limit])
    lapse(rows)
    return len(rows)


@transaction.atomic
def forget_settled(before: datetime) -> int:
    """Drop what was settled and is older than this; the log keeps what it keeps."""
    done = ["denied", "expired", "used"]
    return Escalation.objects.filter(status__in=done, created_at__lt=before).delete()[0]


def _check(row: Escalation, resolution: str, note: str) -> None:
    fitting = FITTING[Escalation.Subject(row.subject)]
    if resolution not in fitting:
        known = ", ".join(sorted(fitting))
        raise BadInput("This is no answer to this escalation.", fields={"resolution": f"Use one of: {known}."})
    if len(note) > MAX_NOTE:
        raise BadInput("The note is too long.", fields={"note": f"At most {MAX_NOTE} characters."})
    if resolution in ALLOWING and row.risk_tier not in WITHOUT_NOTE and not note:
        why = f"Say why, since the agent's risk tier is {row.risk_tier}."
        raise BadInput("This needs a note.", fields={"note": why})
