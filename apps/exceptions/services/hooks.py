"""Notification hooks: whom to tell of what, and the rows that say what is to be told. Sending is a task's business."""

from typing import Final

from django.utils import timezone

from apps.decision.types import JSON
from apps.exceptions.models import Delivery, NotificationHook

KINDS: Final = (
    "escalation.opened",
    "escalation.resolved",
    "escalation.expired",
    "kill_switch.engaged",
    "kill_switch.released",
    "kill_switch.glass_broken",
    "kill_switch.glass_mended",
    "exception.created",
    "exception.extended",
    "exception.revoked",
    "exception.anomaly",
    "baseline.poisoning_suspected",
)
TEST_KIND: Final = "hook.test"


def enqueue(kind: str, *bodies: dict[str, JSON]) -> int:
    """Write one delivery per hook that wants this kind and body, in the caller's transaction; returns how many.

    Call it before the log entry, which comes last. A body is masked data only: it leaves the house.
    """
    hooks = list(NotificationHook.objects.filter(enabled=True))
    wanted = [hook for hook in hooks if not hook.kinds or kind in hook.kinds]
    now = timezone.now()
    rows = [
        Delivery(hook=hook, kind=kind, body=body, created_at=now, next_attempt_at=now)
        for body in bodies
        for hook in wanted
    ]
    Delivery.objects.bulk_create(rows, batch_size=500)
    return len(rows)
