"""Notification hooks: whom to tell of what, and the rows that say what is to be told. Sending is a task's business."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.agents import server_rules
from apps.agents.services.checking import check
from apps.agents.services.locking import one_at_a_time
from apps.audit import services as audit
from apps.decision.errors import BadInput, Conflict, NotFound
from apps.decision.events import EventKind
from apps.decision.types import JSON
from apps.exceptions.models import Delivery, NotificationHook
from apps.tenants.context import current_schema
from apps.tenants.sealing import seal, unseal

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
CHANGEABLE: Final = frozenset({"name", "url", "kinds", "enabled"})
MAX_HOOKS: Final = 20


@dataclass(frozen=True, slots=True)
class NewHook:
    """A hook with the secret that signs its messages, which is shown this once."""

    hook: NotificationHook
    secret: str = field(repr=False)


@transaction.atomic
def create_hook(*, name: str, url: str, actor: str, kinds: Sequence[str] = (), enabled: bool = True) -> NewHook:
    """`kinds` is what it is told of; none is everything."""
    one_at_a_time("notification_hooks")
    if NotificationHook.objects.count() >= MAX_HOOKS:
        raise Conflict(f"There are {MAX_HOOKS} notification hooks already.", code="hook_limit")
    hook = NotificationHook(name=name, url=url, kinds=list(kinds), enabled=enabled)
    _check(hook)
    secret = _new_secret(hook)
    hook.save(force_insert=True)
    audit.record(EventKind.NOTIFICATION_HOOK_CREATED, actor=actor, extra=_facts(hook))
    return NewHook(hook, secret)


@transaction.atomic
def update_hook(hook_id: UUID, *, actor: str, changes: Mapping[str, Any]) -> NotificationHook:
    if unknown := set(changes) - CHANGEABLE:
        raise BadInput("Some fields cannot be changed.", fields=dict.fromkeys(sorted(unknown), "Cannot be changed."))
    hook = _locked(hook_id)
    changed = sorted(name for name in changes if getattr(hook, name) != changes[name])
    for name in changed:
        setattr(hook, name, changes[name])
    _check(hook)
    if changed:
        hook.save()
        audit.record(EventKind.NOTIFICATION_HOOK_UPDATED, actor=actor, extra={**_facts(hook), "changed": changed})
    return hook


@transaction.atomic
def rotate_hook_secret(hook_id: UUID, *, actor: str) -> NewHook:
    """What is sent from now on is signed with the new one."""
    hook = _locked(hook_id)
    secret = _new_secret(hook)
    hook.save()
    audit.record(EventKind.NOTIFICATION_HOOK_UPDATED, actor=actor, extra={**_facts(hook), "changed": ["secret"]})
    return NewHook(hook, secret)


@transaction.atomic
def remove_hook(hook_id: UUID, *, actor: str) -> None:
    """With all its deliveries; what was not sent yet never will be."""
    hook = _locked(hook_id, alone=True)
    facts = _facts(hook)
    hook.delete()
    audit.record(EventKind.NOTIFICATION_HOOK_REMOVED, actor=actor, extra=facts)


@transaction.atomic
def send_test(hook_id: UUID, *, actor: str) -> Delivery:
    """Write one message to this hook alone, whatever kinds it wants."""
    hook = _locked(hook_id)
    if not hook.enabled:
        raise Conflict("This hook is disabled.", code="hook_disabled")
    return Delivery.objects.create(hook=hook, kind=TEST_KIND, body={"hook": str(hook.id), "asked_by": actor})


def enqueue(kind: str, *bodies: dict[str, JSON]) -> int:
    """Write one delivery per body and hook that wants this kind, in the caller's transaction; returns how many.

    Call it before the log entry, which comes last. A body is masked data only: it leaves the house.
    """
    if not bodies:
        return 0
    if kind not in KINDS:
        raise ValueError(f"{kind} is not a kind that hooks are told of")
    wanted = [hook for hook in _staying() if not hook.kinds or kind in hook.kinds]
    now = timezone.now()
    rows = [
        Delivery(hook=hook, kind=kind, body=body, created_at=now, next_attempt_at=now)
        for body in bodies
        for hook in wanted
    ]
    Delivery.objects.bulk_create(rows, batch_size=500)
    return len(rows)


def secret_of(hook: NotificationHook) -> bytes:
    """The secret in clear, for signing alone."""
    return unseal(bytes(hook.secret), context=_context(hook))


def _staying() -> list[NotificationHook]:
    """The enabled hooks; none of them is removed before the caller's transaction ends. The database checks at its very
    end whether a delivery's hook is there, so that a removal in between would undo all of it: a stop, a decision."""
    query = "SELECT * FROM exceptions_notificationhook WHERE enabled ORDER BY id FOR KEY SHARE"
    return list(NotificationHook.objects.raw(query))


def _locked(hook_id: UUID, *, alone: bool = False) -> NotificationHook:
    """`alone` waits for those who are just writing deliveries for it, and keeps others from it."""
    hook = NotificationHook.objects.select_for_update(no_key=not alone).filter(pk=hook_id).first()
    if hook is None:
        raise NotFound("There is no such notification hook.")
    return hook


def _new_secret(hook: NotificationHook) -> str:
    secret = f"bhv_hook_{secrets.token_urlsafe(32)}"
    hook.secret = seal(secret.encode(), context=_context(hook))
    return secret


def _context(hook: NotificationHook) -> str:
    return f"{current_schema()}:notification_hook:{hook.id}:secret"


def _check(hook: NotificationHook) -> None:
    complaints = server_rules.check_url(hook.url)
    if not hook.url.isascii():
        complaints["url"] = "Use ASCII characters; a name in other letters has an ASCII form that begins with xn--."
    if unknown := sorted(set(hook.kinds) - set(KINDS)):
        complaints["kinds"] = f"Unknown: {', '.join(unknown)}. Use some of {', '.join(KINDS)}."
    if len(set(hook.kinds)) != len(hook.kinds):
        complaints["kinds"] = "Name each kind once."
    if complaints:
        raise BadInput("This hook cannot be used so.", fields=complaints)
    if NotificationHook.objects.filter(name=hook.name).exclude(pk=hook.pk).exists():
        raise Conflict("A hook of this name exists.", fields={"name": "Choose another name."})
    check(hook, unique=False)


def _facts(hook: NotificationHook) -> dict[str, JSON]:
    """What the log may know: of the address only where it leads, since its path is often a secret."""
    return {
        "hook": str(hook.id),
        "name": hook.name,
        "host": urlsplit(hook.url).netloc,
        "kinds": list(hook.kinds),
        "enabled": hook.enabled,
    }
