"""What is to be sent to hooks: claimed for a while, sent by whoever claimed it, and noted.

A worker that dies between sending and noting leaves a claim that runs out; the message is sent again under its old id.
"""

import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import orjson
from django.db import transaction
from django.utils import timezone

from apps.decision.chain import text_of_time
from apps.decision.errors import Unavailable
from apps.exceptions.models import Delivery, NotificationHook
from apps.exceptions.services import hooks
from apps.tenants.context import current_schema

ATTEMPTS: Final = 6
FIRST_PAUSE: Final = 10.0  # seconds, then four times as long each time: ten seconds, … the last 43 minutes
CLAIM: Final = timedelta(seconds=60)
PER_HOOK: Final = 4  # of one batch, so that a hook that does not answer holds up itself alone
_chance = secrets.SystemRandom()


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message as it leaves. `id` stays the same from attempt to attempt."""

    id: UUID
    hook: UUID
    kind: str
    url: str = field(repr=False)
    secret: bytes = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a parcel. `code` is the HTTP status, None where there was none; `error` is a fixed word."""

    id: UUID
    code: int | None
    error: str = ""

    @property
    def accepted(self) -> bool:
        return self.code is not None and 200 <= self.code < 300


@transaction.atomic
def claim(*, passed: Collection[UUID] = ()) -> list[Parcel]:
    """Take some of what is due, at most a few for each hook but those to pass over. Nobody else takes them until the
    claim runs out."""
    now = timezone.now()
    due = Delivery.objects.filter(status=Delivery.Status.PENDING, next_attempt_at__lte=now)
    parcels = []
    for hook in NotificationHook.objects.filter(pk__in=due.values("hook")).exclude(pk__in=passed):
        rows = due.filter(hook=hook).select_for_update(skip_locked=True, of=("self",)).order_by("next_attempt_at")
        for row in rows[:PER_HOOK]:
            secret = _secret(hook)
            if not hook.enabled or secret is None or row.attempts >= ATTEMPTS:
                row.status = Delivery.Status.FAILED
                row.error = "hook_disabled" if not hook.enabled else "gave_up" if secret else "key_unavailable"
            else:
                row.attempts += 1
                row.next_attempt_at = now + CLAIM
                parcels.append(Parcel(row.id, hook.id, row.kind, hook.url, secret, _document(row)))
            row.save(update_fields=["status", "error", "attempts", "next_attempt_at"])
    return parcels


@transaction.atomic
def note(outcomes: Iterable[Outcome]) -> None:
    """Write down what became of what was sent: done, again later, or given up."""
    now = timezone.now()
    for outcome in outcomes:
        row = Delivery.objects.select_for_update().filter(pk=outcome.id, status=Delivery.Status.PENDING).first()
        if row is None:  # the hook was removed meanwhile, or somebody else has noted it
            continue
        row.response_code, row.error = outcome.code, outcome.error
        if outcome.accepted:
            row.status, row.sent_at = Delivery.Status.SENT, now
        elif row.attempts >= ATTEMPTS:
            row.status = Delivery.Status.FAILED
        else:
            row.next_attempt_at = now + pause(row.attempts)
        row.save(update_fields=["status", "response_code", "error", "next_attempt_at", "sent_at"])


def pause(attempts: int) -> timedelta:
    """How long to wait after so many attempts; a fifth is chance, so that what failed together does not return so."""
    return timedelta(seconds=FIRST_PAUSE * 4 ** (attempts - 1) * _chance.uniform(0.8, 1.2))


@transaction.atomic
def forget(before: datetime) -> int:
    """Drop what is older than this, sent or not."""
    return Delivery.objects.filter(created_at__lt=before).delete()[0]


def _document(row: Delivery) -> bytes:
    """The same bytes at every attempt."""
    return orjson.dumps(
        {
            "id": str(row.id),
            "kind": row.kind,
            "tenant": current_schema(),
            "created_at": text_of_time(row.created_at),
            "data": row.body,
        },
        option=orjson.OPT_SORT_KEYS,
    )


def _secret(hook: NotificationHook) -> bytes | None:
    try:
        return hooks.secret_of(hook)
    except Unavailable:
        return None
