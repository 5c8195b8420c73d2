"""A person's word on what a server lists. It counts for exactly what that person saw."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.agents.models import McpServer, ServerPin
from apps.audit import services as audit
from apps.decision.errors import BadInput, Conflict, NotFound
from apps.decision.events import EventKind
from apps.decision.types import PinStatus

MAX_AT_ONCE: Final = 1000
MAX_NOTE: Final = 1000


def approve(server_id: UUID, seen: Mapping[UUID, str], *, actor: str, note: str = "") -> list[ServerPin]:
    """`seen`: by pin, the digest of what was looked at, which must be what the server said last. What was approved
    before can be approved again once the server says it again.

    All or none. Raises Conflict (`pin_moved`) where the server says something else meanwhile.
    """
    return _decide(server_id, seen, PinStatus.APPROVED, actor, note)


def reject(server_id: UUID, seen: Mapping[UUID, str], *, actor: str, note: str = "") -> list[ServerPin]:
    """Not to be used, under this name or another, until somebody approves it. An approved one can be rejected, too."""
    return _decide(server_id, seen, PinStatus.REJECTED, actor, note)


@transaction.atomic
def _decide(server_id: UUID, seen: Mapping[UUID, str], status: PinStatus, actor: str, note: str) -> list[ServerPin]:
    if not 0 < len(seen) <= MAX_AT_ONCE:
        raise BadInput(f"Between 1 and {MAX_AT_ONCE} pins at once.", fields={"items": "Too few or too many."})
    if len(note) > MAX_NOTE or "\x00" in note:
        raise BadInput("The note is too long.", fields={"note": f"At most {MAX_NOTE} characters, without NUL."})
    server = McpServer.objects.select_for_update(no_key=True).filter(pk=server_id).first()
    rows = list(ServerPin.objects.filter(server=server, pk__in=list(seen)).select_for_update()) if server else []
    if server is None or len(rows) != len(seen):
        raise NotFound("There is no such pin.")
    now = timezone.now()
    for pin in rows:
        _check(pin, seen[pin.pk], status)
        if status is PinStatus.APPROVED:
            _take(pin, seen[pin.pk])
        elif pin.candidate_digest not in ("", pin.digest):
            pin.refused = pin.candidate
        pin.status, pin.reviewed_by, pin.reviewed_at, pin.note = status, actor, now, note
        pin.save()
    kind = EventKind.PIN_APPROVED if status is PinStatus.APPROVED else EventKind.PIN_REJECTED
    items = [{"pin": str(pin.pk), "kind": pin.kind, "name": pin.name, "digest": seen[pin.pk]} for pin in rows[:100]]
    extra = {"items": items, "total": len(rows), "note": note[:500]}
    alone = rows[0].name if len(rows) == 1 else ""
    audit.record(kind, actor=actor, mcp_server=server.name, tool_name=alone, extra=extra)
    return rows


def _check(pin: ServerPin, digest: str, status: PinStatus) -> None:
    if not digest or digest != pin.said:
        raise Conflict(f"{pin}: the server says something else than what you looked at.", code="pin_moved")
    if pin.status == status and digest != pin.candidate_digest:
        raise Conflict(f"{pin} is {pin.status} already.", code="wrong_status")
    unread = next((one["after"] for one in pin.changes if one["what"] == "too_large"), None)
    if status is PinStatus.APPROVED and digest == pin.candidate_digest and unread is not None:
        raise Conflict(f"{pin} cannot be approved: {unread}.", code="pin_unreadable")


def _take(pin: ServerPin, digest: str) -> None:
    if digest == pin.candidate_digest:
        pin.definition, pin.digest = pin.candidate, pin.candidate_digest
    pin.baseline, pin.candidate, pin.candidate_digest, pin.refused = None, None, "", None
    pin.accepted, pin.changes, pin.severity = 0, [], ""
