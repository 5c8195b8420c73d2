"""The kill switch of the whole installation: one row that every tenant's rulebook reads, and word of it in every log.

The row alone stops nobody whose rulebook is in memory already: a tenant is stopped when its own log says so, since that
moves its version. Each tenant is told in a transaction of its own; whom that failed for is told by a task, again and
again, until its log says what the row says.
"""

import logging
from dataclasses import dataclass
from typing import Final

from django.db import Error as DatabaseError
from django.db import connection, transaction

from apps.agents.services.locking import one_at_a_time
from apps.audit import services as audit
from apps.audit.models import AuditEntry
from apps.decision.errors import AppError
from apps.decision.events import EventKind
from apps.exceptions.services import escalations, hooks
from apps.exceptions.services.kill_switch import LOCK, checked, in_force, mend_for_a_new_stop
from apps.tenants import services as tenants
from apps.tenants.context import current_schema, in_tenant
from apps.tenants.models import FleetStop

logger = logging.getLogger(__name__)

FLEET: Final = "fleet"
WORDS: Final = (EventKind.KILL_SWITCH_ENGAGED, EventKind.KILL_SWITCH_RELEASED)


@dataclass(frozen=True, slots=True)
class Told:
    """Which tenants' logs know it by now; `failed` are told by the task. `announced`: whether Redis knows of it too."""

    told: tuple[str, ...]
    failed: tuple[str, ...]
    announced: bool


def engage_fleet(*, reason: str, actor: str) -> Told:
    """Stop all agents of all tenants. Returns when none of those told forwards a call any more."""
    tenants.stop_fleet(reason=checked(reason), actor=actor)
    return _tell_all(wait=True)


def release_fleet(*, reason: str, actor: str) -> Told:
    """End the installation's stop. Tenants that stopped themselves stay stopped."""
    tenants.resume_fleet(reason=checked(reason), actor=actor)
    return _tell_all(wait=False)


def current() -> FleetStop | None:
    """Anybody may ask."""
    return FleetStop.objects.filter(released_at__isnull=True).first()


@transaction.atomic
def tell() -> bool:
    """Let this tenant's log say what the fleet's row says; False where it does already."""
    audit.head(current_schema())  # fails for a tenant that is none, also where there is nothing to tell
    if not FleetStop.objects.exists():
        return False
    one_at_a_time(LOCK)
    stop, said = current(), _last_word()
    if stop is not None and said != str(stop.pk):
        _say_engaged(stop)
        return True
    if stop is None and said:
        _say_released(FleetStop.objects.filter(pk=said).first() or FleetStop(pk=said, released_by="system"))
        return True
    return False


def _last_word() -> str:
    """The stop that the log says is engaged; "" for none."""
    labels = [kind.label for kind in WORDS]
    entry = AuditEntry.objects.filter(kind__in=labels, target=FLEET).order_by("-seq").first()
    if entry is None or entry.kind == EventKind.KILL_SWITCH_RELEASED.label:
        return ""
    return str(entry.extra["stop"])


def _say_engaged(stop: FleetStop) -> None:
    actor = stop.engaged_by
    mended = mend_for_a_new_stop(actor)
    denied = escalations.deny_pending(
        actor=actor, reason=f"All agents of this installation were stopped: {stop.reason}"
    )
    hooks.enqueue("kill_switch.engaged", {"scope": FLEET, "reason": stop.reason, "actor": actor})
    extra = {"scope": FLEET, "stop": str(stop.pk), "reason": stop.reason, "denied": denied, "mended": mended}
    audit.record(EventKind.KILL_SWITCH_ENGAGED, actor=actor, target=FLEET, extra=extra)


def _say_released(stop: FleetStop) -> None:
    actor, reason = stop.released_by, stop.release_reason
    hooks.enqueue("kill_switch.released", {"scope": FLEET, "reason": reason, "actor": actor})
    extra = {"scope": FLEET, "stop": str(stop.pk), "reason": reason}
    audit.record(EventKind.KILL_SWITCH_RELEASED, actor=actor, target=FLEET, extra=extra)


def _tell_all(*, wait: bool) -> Told:
    told, failed = [], []
    for schema in tenants.standing_schemas():
        try:
            with in_tenant(schema), transaction.atomic():
                _be_quick()  # a tenant whose log is held up must not keep the others waiting
                tell()
            told.append(schema)
        except (AppError, DatabaseError) as error:
            logger.error("a tenant is not told of the fleet's stop", extra={"schema": schema, "error": str(error)})
            failed.append(schema)
    return Told(tuple(told), tuple(failed), in_force(*told, wait=wait))


def _be_quick() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '3s'")
