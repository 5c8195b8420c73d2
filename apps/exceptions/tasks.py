"""Background doors of this room: let time run out, send what is to be told, and clear up."""

import os
import socket
import time
from contextlib import suppress
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.utils import timezone
from redis.exceptions import LockError

from apps.audit import readers as log
from apps.exceptions import readers, sending
from apps.exceptions.services import deliveries, fleet, resolutions, withheld_flags
from apps.tenants.context import tenant_key
from apps.tenants.redis import redis_client
from apps.tenants.services import config_of
from apps.tenants.tasks import tenant_task

SENDING_SECONDS: Final = 20.0  # after which a round ends; what is left waits for the next one
REST: Final = 3  # times as long as was waited for nothing, so that this takes a quarter of a worker at most
KEPT: Final = timedelta(days=30)


@tenant_task(name="exceptions.expire_escalations", time_limit=60)
def expire_escalations(schema: str) -> int:
    """Returns how many ran out of time. Sets again what gateways are told of results that are kept, should Redis have
    lost it."""
    total = 0
    while count := resolutions.expire_overdue():
        total += count
    withheld_flags.flag_all()
    return total


@tenant_task(name="exceptions.send_notifications", time_limit=90)
def send_notifications(schema: str) -> int:
    """One round at a time per tenant, and a rest after one that waited in vain: hooks that do not answer must occupy
    neither every worker nor the only one. They are asked once a round. Returns how many went."""
    lock = redis_client().lock(tenant_key(schema, "sending_notifications"), timeout=90, blocking=False)
    if not lock.acquire():
        return 0
    until, total, lost = time.monotonic() + SENDING_SECONDS, 0, 0.0
    silent: set[UUID] = set()
    try:
        while (began := time.monotonic()) < until and (parcels := deliveries.claim(passed=silent)):
            outcomes = sending.send(parcels)
            deliveries.note(outcomes)
            total += sum(one.accepted for one in outcomes)
            if late := {parcel.hook for parcel, one in zip(parcels, outcomes, strict=True) if one.error == "timeout"}:
                silent |= late
                lost += time.monotonic() - began
    finally:
        with suppress(LockError):  # it ran out, and somebody else may hold it by now
            if lost:
                lock.extend(REST * lost, replace_ttl=True)
            else:
                lock.release()
    return total


@tenant_task(name="exceptions.tidy", time_limit=600)
def tidy(schema: str) -> int:
    """Drop notifications after a month, and settled escalations when the log drops theirs; returns how many."""
    now = timezone.now()
    settled = resolutions.forget_settled(now - timedelta(days=config_of(schema).audit_retention_days))
    return deliveries.forget(now - KEPT) + settled


@tenant_task(name="exceptions.tell_fleet", time_limit=60)
def tell_fleet(schema: str) -> bool:
    """Whom the operator's request could not tell of the installation's stop, or of its end, is told here."""
    return fleet.tell()


@tenant_task(name="exceptions.count_uses", time_limit=60)
def count_uses(schema: str) -> int:
    """Bring the exceptions' counters up to the log; returns how many entries were read."""
    return log.drain(readers.USES, schema, owner=f"{socket.gethostname()}:{os.getpid()}")
