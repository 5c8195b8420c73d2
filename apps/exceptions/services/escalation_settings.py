"""How long a person has to decide, how long a caller is kept waiting, and how long an approval may be used."""

from collections.abc import Mapping
from typing import Final

from django.db import transaction

from apps.agents.services.checking import check
from apps.agents.services.locking import one_at_a_time
from apps.audit import services as audit
from apps.decision.errors import BadInput
from apps.decision.events import EventKind
from apps.exceptions.models import EscalationSetting

NAMES: Final = (
    "low_seconds",
    "medium_seconds",
    "high_seconds",
    "critical_seconds",
    "hold_seconds",
    "use_seconds",
)


def setting() -> EscalationSetting:
    """What holds now; the defaults where nobody chose."""
    return EscalationSetting.objects.first() or EscalationSetting()


def seconds_for(found: EscalationSetting, risk_tier: str) -> int:
    """How long a person has; an unknown tier gets as little as the highest."""
    known = {"low": found.low_seconds, "medium": found.medium_seconds, "high": found.high_seconds}
    return known.get(risk_tier, found.critical_seconds)


@transaction.atomic
def configure_escalations(*, actor: str, changes: Mapping[str, int]) -> EscalationSetting:
    """Holds for escalations opened from now on; those that wait keep the time they were given."""
    if unknown := set(changes) - set(NAMES):
        raise BadInput("Some fields cannot be changed.", fields=dict.fromkeys(sorted(unknown), "Cannot be changed."))
    one_at_a_time("escalation_settings")
    row = setting()
    before = {name: getattr(row, name) for name in NAMES}
    for name, value in changes.items():
        setattr(row, name, value)
    check(row)
    changed = {
        name: {"from": before[name], "to": getattr(row, name)} for name in NAMES if before[name] != getattr(row, name)
    }
    if changed:
        row.save()
        audit.record(EventKind.ESCALATION_CONFIGURED, actor=actor, extra={"changed": changed})
    return row
