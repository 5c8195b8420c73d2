"""The tenant's kill switch: engaged, released, and what stops the tenant now.

Engaging answers only when it is true everywhere. From the commit on the log takes no allow of older rules
(`audit.appender`); what had been recorded before is either sent within the freshness of its facts or not at all
(`Request.sure`); so the wait after the commit is as long as that, and some air for what was just being sent.
"""

import logging
import time
from dataclasses import dataclass
from typing import Final

import redis
from django.db import connection, transaction
from django.utils import timezone

from apps.agents.services.locking import one_at_a_time
from apps.audit import services as audit
from apps.decision.chain import clean
from apps.decision.errors import BadInput, Conflict
from apps.decision.events import EventKind
from apps.decision.screens.killswitch import FRESH_SECONDS
from apps.exceptions.models import BreakGlass, KillSwitch
from apps.exceptions.services import escalations, hooks
from apps.tenants.context import current_schema
from apps.tenants.models import FleetStop

logger = logging.getLogger(__name__)

MARGIN_SECONDS: Final = 0.25
MIN_REASON: Final = 10
MAX_REASON: Final = 2000
LOCK: Final = "kill switch"


@dataclass(frozen=True, slots=True)
class Standing:
    """What stops a tenant, and for whom the glass is broken."""

    tenant: KillSwitch | None
    fleet: FleetStop | None
    lifts: tuple[BreakGlass, ...]

    @property
    def stopped(self) -> bool:
        return self.tenant is not None or self.fleet is not None


def standing() -> Standing:
    return Standing(
        tenant=KillSwitch.objects.filter(released_at__isnull=True).first(),
        fleet=FleetStop.objects.filter(released_at__isnull=True).first(),
        lifts=tuple(open_lifts()),
    )


def engage(*, reason: str, actor: str) -> bool:
    """Stop all agents of this tenant. Returns when no call is forwarded any more; whether Redis could be told."""
    _engage(reason=checked(reason), actor=actor)
    return in_force(current_schema())


def release(*, reason: str, actor: str) -> bool:
    """Let the tenant's agents act again. Whether Redis could be told; where it could not, that is repeated soon."""
    _release(reason=checked(reason), actor=actor)
    return in_force(current_schema(), wait=False)


def in_force(*schemas: str, wait: bool = True) -> bool:
    """Returns when the committed change of these tenants' rules holds for every call; whether Redis was told of it.

    Without Redis gateways refuse everything, and one that still has it is held by the log: so this waits all the same.
    Within a transaction of the caller nothing is committed yet, and nothing is promised.
    """
    if connection.in_atomic_block:
        return False
    told = all(_announced(schema) for schema in schemas)
    if wait:
        time.sleep(FRESH_SECONDS + MARGIN_SECONDS)
    return told


def checked(reason: str) -> str:
    """A stop and its end are explained in a few words, at least."""
    reason = clean(reason.strip())
    if not MIN_REASON <= len(reason) <= MAX_REASON:
        why = f"Give {MIN_REASON} to {MAX_REASON} characters."
        raise BadInput("This needs a reason.", fields={"reason": why})
    return reason


def open_lifts() -> list[BreakGlass]:
    return list(BreakGlass.objects.filter(mended_at__isnull=True, expires_at__gt=timezone.now()))


def mend_for_a_new_stop(actor: str) -> list[str]:
    """A lift was given with an earlier stop in mind; a new one holds for everybody. The ids of what was mended."""
    lifts = open_lifts()
    BreakGlass.objects.filter(pk__in=[lift.pk for lift in lifts]).update(mended_at=timezone.now(), mended_by=actor)
    return [str(lift.pk) for lift in lifts]


@transaction.atomic
def _engage(*, reason: str, actor: str) -> KillSwitch:
    one_at_a_time(LOCK)
    held = KillSwitch.objects.filter(released_at__isnull=True).first()
    if held is not None:
        since = held.engaged_at.isoformat(timespec="seconds")
        raise Conflict(f"The kill switch has been engaged since {since} by {held.engaged_by}.", code="already_engaged")
    row = KillSwitch.objects.create(reason=reason, engaged_by=actor)
    mended = mend_for_a_new_stop(actor)
    denied = escalations.deny_pending(actor=actor, reason=f"The kill switch was engaged: {reason}")
    hooks.enqueue("kill_switch.engaged", {"scope": "tenant", "reason": reason, "actor": actor})
    extra = {"scope": "tenant", "stop": str(row.pk), "reason": reason, "denied": denied, "mended": mended}
    audit.record(EventKind.KILL_SWITCH_ENGAGED, actor=actor, target="tenant", extra=extra)
    return row


@transaction.atomic
def _release(*, reason: str, actor: str) -> KillSwitch:
    one_at_a_time(LOCK)
    row = KillSwitch.objects.filter(released_at__isnull=True).first()
    if row is None:
        if FleetStop.objects.filter(released_at__isnull=True).exists():
            raise Conflict(
                "The operator has stopped the whole installation, and only the operator releases that stop. "
                "This tenant has no stop of its own.",
                code="not_engaged",
            )
        raise Conflict("The kill switch is not engaged.", code="not_engaged")
    row.release_reason, row.released_by, row.released_at = reason, actor, timezone.now()
    row.save(update_fields=["release_reason", "released_by", "released_at"])
    hooks.enqueue("kill_switch.released", {"scope": "tenant", "reason": reason, "actor": actor})
    extra = {"scope": "tenant", "stop": str(row.pk), "reason": reason}
    audit.record(EventKind.KILL_SWITCH_RELEASED, actor=actor, target="tenant", extra=extra)
    return row


def _announced(schema: str) -> bool:
    try:
        audit.announce_rulebook(schema)
    except redis.RedisError as error:
        logger.error("a stop is not announced", extra={"schema": schema, "error": type(error).__name__})
        return False
    return True
