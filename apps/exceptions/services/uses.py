"""Where an exception was used: the decisions in the log that name it, and its counters, which have no other source."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import F, QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce, Greatest

from apps.audit.models import AuditEntry
from apps.audit.services import entry_id
from apps.decision.events import EventKind
from apps.exceptions.models import ExceptionGrant

# A subscription to several resources is one recorded message, whoever allowed each of them.
USING = (EventKind.CALL_DECISION.label, EventKind.MESSAGE_RECORDED.label)


@dataclass(slots=True)
class _Tally:
    last: datetime
    count: int = 0


def of(grant: ExceptionGrant) -> QuerySet[AuditEntry]:
    return (
        AuditEntry.objects.filter(agent_id=str(grant.agent_id), kind__in=USING)
        .annotate(exception=KeyTextTransform("exception", "extra"))
        .filter(exception=str(grant.id))
    )


def end_of(grant: ExceptionGrant) -> AuditEntry | None:
    """The entry of its revocation, which alone knows why."""
    revoked = AuditEntry.objects.filter(agent_id=str(grant.agent_id), kind=EventKind.EXCEPTION_REVOKED.label)
    named = revoked.annotate(exception=KeyTextTransform("exception", "extra")).filter(exception=str(grant.id))
    return named.order_by("-seq").first()


def count(entries: Sequence[AuditEntry]) -> None:
    """Adds a batch of the log to the counters."""
    tallies: dict[UUID, _Tally] = {}
    for entry in entries:
        named = entry.extra.get("exception") if entry.kind in USING else None
        grant_id = entry_id(named) if isinstance(named, str) else None
        if grant_id is None:
            continue
        tally = tallies.setdefault(grant_id, _Tally(entry.timestamp))
        tally.count += 1
        tally.last = max(tally.last, entry.timestamp)
    for grant_id in sorted(tallies):  # one order for all, so that two readers cannot block each other
        tally = tallies[grant_id]
        ExceptionGrant.objects.filter(pk=grant_id).update(
            use_count=F("use_count") + tally.count,
            last_used_at=Greatest(Coalesce(F("last_used_at"), tally.last), tally.last),
        )
