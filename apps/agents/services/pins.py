"""What a server lists, compared with what is pinned: new things are recorded, changed ones accepted or quarantined.

One observation is one transaction, serialised per server, so that two gateways that see the same come to the same.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from apps.agents.models import McpServer, ServerPin
from apps.audit import services as audit
from apps.decision import pins
from apps.decision.events import EventKind
from apps.decision.pin_changes import Change, as_text, at_least, worst
from apps.decision.scan.injection.scanner import STATISTICAL
from apps.decision.types import JSON, InboundFinding, Pin, PinStatus, Severity

logger = logging.getLogger(__name__)
Key = tuple[str, str]  # kind and name
Judge = Callable[[JSON], Sequence[InboundFinding]]  # the orders that stand in a definition
MAX_ACCEPTED: Final = 20  # small changes in a row that nobody has to look at
MAX_LOOKED_AT: Final = 200  # pins that a new item is compared with
MAX_ENTRIES: Final = 20  # of one observation; the rest is named in one more
MAX_NAMED: Final = 100
_SYSTEM: Final = "system"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing of a listing, as its server sent it; the instructions have the name "" and are a text."""

    kind: str
    name: str
    definition: JSON


@dataclass(slots=True)
class _Sight:
    """One observation while it is made."""

    server: McpServer
    now: datetime
    judge: Judge
    review_new: bool
    names: set[Key]
    complete: Collection[str]
    rows: dict[Key, ServerPin]
    recorded: list[ServerPin] = field(default_factory=list)
    accepted: list[ServerPin] = field(default_factory=list)
    changed: list[ServerPin] = field(default_factory=list)
    drifted: bool = False
    ordered: list[ServerPin] = field(default_factory=list)  # first seen with orders in them


@transaction.atomic
def observe(
    server: str, items: Sequence[Item], *, judge: Judge, review_new: bool = False, complete: Collection[str] = ()
) -> dict[Key, Pin]:
    """The pins of the items, as they are now. What is not among them (or nothing, where the server is not known) may
    not be used. `complete` are the kinds of which the items are all that the server lists.
    """
    row = McpServer.objects.select_for_update(no_key=True).filter(name=server).first()
    if row is None:
        return {}
    heavy = ("definition", "baseline", "candidate", "refused", "changes", "findings")
    rows = {(pin.kind, pin.name): pin for pin in ServerPin.objects.filter(server=row).defer(*heavy)}
    names = {(item.kind, item.name) for item in items}
    sight = _Sight(row, timezone.now(), judge, review_new, names, complete, rows)
    before = _hash(rows.values(), approved=True)
    for item in items:
        _see(sight, item)
    gone, back = _missing(sight)
    _record(sight, before, gone, back)
    return {key: _pin(rows[key]) for key in names if key in rows}


def _see(sight: _Sight, item: Item) -> None:
    flaw = pins.flaw(item.definition, item.name)
    pin = sight.rows.get((item.kind, item.name))
    if flaw:
        if not pins.flaw(None, item.name):  # it can be named, at least, for a person to know of it
            _flawed(sight, item, pin, flaw)
        return
    form = pins.canonical(item.kind, item.definition)
    digest = pins.digest(item.kind, form)
    if pin is None:
        _first(sight, item, form, digest)
    elif digest != pin.said:
        _other(sight, pin, form, digest)


def _flawed(sight: _Sight, item: Item, pin: ServerPin | None, flaw: str) -> None:
    digest = pins.digest("flaw", flaw)
    if pin is None and len(sight.rows) >= pins.MAX_ITEMS:
        return
    if pin is not None and pin.candidate_digest == digest:
        return
    change = Change("too_large", Severity.HIGH, "$", "", flaw)
    form = {"name": item.name, "flaw": flaw}
    if pin is None:
        pin = _new(sight, item, PinStatus.QUARANTINED)
        sight.recorded.append(pin)
    _quarantine(sight, pin, form, digest, [change], [])


def _first(sight: _Sight, item: Item, form: JSON, digest: str) -> None:
    if len(sight.rows) >= pins.MAX_ITEMS:
        logger.warning("server lists more than is pinned", extra={"server": sight.server.name})
        return
    findings = list(sight.judge(form))
    gravest = max((one.severity for one in findings), key=list(Severity).index, default=None)
    twin = _twin(sight, item, form)
    pin = _new(sight, item, PinStatus.APPROVED)
    pin.findings = _told(findings)
    if twin is not None:
        pin.changes = [Change("renamed", Severity.LOW, "$.name", twin.name, item.name).as_json()]
    ordered = _orders(findings)
    if ordered or (twin is None and sight.review_new):
        pin.status = PinStatus.QUARANTINED
    elif twin is not None and twin.status != PinStatus.APPROVED:
        pin.status = twin.status
        sight.drifted = True
    pin.severity = gravest or (Severity.LOW if pin.changes else "")
    if pin.status == PinStatus.APPROVED:
        pin.definition, pin.digest = form, digest
    else:
        pin.candidate, pin.candidate_digest = form, digest
        if ordered:
            sight.ordered.append(pin)
    sight.rows[item.kind, item.name] = pin
    sight.recorded.append(pin)
    pin.save(force_insert=True)


def _orders(findings: Iterable[InboundFinding]) -> bool:
    """What quarantines at first sight. Honest descriptions tell a model what to do, so the scorer alone does not."""
    return any(one.rule != STATISTICAL and at_least(one.severity, Severity.HIGH) for one in findings)


def _twin(sight: _Sight, item: Item, form: JSON) -> ServerPin | None:
    """A pin that means the same under another name: the one that nobody may use first, then one that is gone."""
    if item.kind == pins.INSTRUCTIONS:
        return None
    of_kind = [pin for key, pin in sight.rows.items() if key[0] == item.kind]
    telling = pins.says_something(form)
    shut = [pin for pin in of_kind if pin.status != PinStatus.APPROVED and (telling or _gone(sight, pin))]
    left = [pin for pin in of_kind if pin.status == PinStatus.APPROVED and _gone(sight, pin)]
    # What was refused last is looked at first, or a crowd of refused ones would hide it.
    shut.sort(key=lambda pin: (pin.status != PinStatus.REJECTED, -(pin.reviewed_at or pin.first_seen_at).timestamp()))
    for pin in shut[:MAX_LOOKED_AT]:
        said = [one for one in (pin.candidate, pin.definition, pin.refused) if one]
        if any(pins.same_meaning(item.kind, one, form) or pins.akin(one, form) for one in said):
            return pin
    for pin in left[:MAX_LOOKED_AT]:
        if any(pins.same_meaning(item.kind, one, form) for one in (pin.definition, pin.refused) if one):
            return pin
    return None


def _gone(sight: _Sight, pin: ServerPin) -> bool:
    """One page of several does not say what is gone; that an item was missing before does."""
    listed = (pin.kind, pin.name) in sight.names
    return not listed and (pin.kind in sight.complete or pin.missing_since is not None)


def _other(sight: _Sight, pin: ServerPin, form: JSON, digest: str) -> None:
    """The server says something else than what it said last."""
    base = pin.baseline or pin.definition
    known = {(one.kind, one.rule, one.path) for one in sight.judge(base)} if base else set()
    findings = list(sight.judge(form))
    new = [one for one in findings if (one.kind, one.rule, one.path) not in known]
    changes = list(pins.compare(pin.kind, base, form, new)) if base else []
    if digest == pin.digest:
        changes = [Change("restored", Severity.LOW, "$")]
    if pin.status == PinStatus.APPROVED and pin.accepted >= MAX_ACCEPTED:
        changes.append(Change("churn", Severity.MEDIUM, "$"))
    if pin.status != PinStatus.APPROVED or at_least(worst(changes), Severity.MEDIUM):
        _quarantine(sight, pin, form, digest, changes, findings)
        return
    pin.baseline, pin.definition, pin.digest = base, form, digest
    pin.accepted += 1
    pin.changes, pin.findings = [one.as_json() for one in changes], _told(findings)
    pin.severity, pin.changed_at = worst(changes) or "", sight.now
    sight.accepted.append(pin)
    pin.save()


def _quarantine(
    sight: _Sight, pin: ServerPin, form: JSON, digest: str, changes: list[Change], findings: list[InboundFinding]
) -> None:
    """A rejected one stays rejected, and what it says now is kept for whoever looks again."""
    if pin.status == PinStatus.APPROVED:
        pin.status, sight.drifted = PinStatus.QUARANTINED, True
    elif pin.candidate_digest not in ("", pin.digest) and (pin.status == PinStatus.QUARANTINED or not pin.refused):
        pin.refused = pin.candidate
    pin.candidate, pin.candidate_digest = form, digest
    pin.changes, pin.findings = [one.as_json() for one in changes], _told(findings)
    pin.severity = worst(changes) or max((one.severity for one in findings), key=list(Severity).index, default="")
    pin.changed_at = sight.now
    if pin not in sight.recorded:
        sight.changed.append(pin)
    pin.save()


def _new(sight: _Sight, item: Item, status: PinStatus) -> ServerPin:
    now = sight.now
    pin = ServerPin(server=sight.server, kind=item.kind, name=item.name, status=status)
    pin.first_seen_at = pin.last_seen_at = now
    sight.rows[item.kind, item.name] = pin
    return pin


def _missing(sight: _Sight) -> tuple[list[ServerPin], list[ServerPin]]:
    """What is listed no longer, and what is listed again. Only a whole list says that something is not in it."""
    rows = sight.rows.items()
    gone = [pin for key, pin in rows if pin.kind in sight.complete and key not in sight.names and not pin.missing_since]
    back = [pin for key, pin in rows if key in sight.names and pin.missing_since]
    of_server = ServerPin.objects.filter(server=sight.server)
    if gone:
        of_server.filter(pk__in=[pin.pk for pin in gone]).update(missing_since=sight.now)
    if back:
        of_server.filter(pk__in=[pin.pk for pin in back]).update(missing_since=None)
    if sight.complete:
        seen = [pin.pk for key, pin in rows if key in sight.names]
        of_server.filter(pk__in=seen).update(last_seen_at=sight.now)
    for pin in gone:
        pin.missing_since = sight.now
    for pin in back:
        pin.missing_since = None
    return gone, back


# --- what the log is told ---------------------------------------------------------------------------------------------


def _record(sight: _Sight, before: str, gone: list[ServerPin], back: list[ServerPin]) -> None:
    name = sight.server.name
    if sight.recorded:
        _entry(EventKind.PIN_RECORDED, name, sight.recorded, first_seen=True)
    if sight.accepted:
        _entry(EventKind.PIN_ACCEPTED, name, sight.accepted)
    if gone or back:
        extra: dict[str, JSON] = {"missing": _names(gone), "listed_again": _names(back)}
        audit.record(EventKind.PIN_MISSING, actor=_SYSTEM, mcp_server=name, extra=extra)
    for pin in sight.ordered[:MAX_ENTRIES]:
        inbound = {"action": "withhold", "severity": pin.severity, "findings": pin.findings}
        extra = {"pin": str(pin.pk), "kind": pin.kind, "inbound": inbound}
        audit.record(
            EventKind.INBOUND_INJECTION_BLOCKED, actor=_SYSTEM, mcp_server=name, tool_name=pin.name, extra=extra
        )
    for pin in sight.changed[:MAX_ENTRIES]:
        _entry(EventKind.PIN_CHANGED, name, [pin])
    if rest := sight.changed[MAX_ENTRIES:]:
        _entry(EventKind.PIN_CHANGED, name, rest)
    if sight.drifted:
        after = _hash(sight.rows.values(), approved=False)
        shut = [pin for pin in (*sight.changed, *sight.recorded) if pin.status != PinStatus.APPROVED]
        extra = {"before": before, "after": after, "items": _names(shut)}
        audit.record(EventKind.SERVER_HASH_DRIFT, actor=_SYSTEM, mcp_server=name, extra=extra)


def _entry(kind: EventKind, server: str, rows: list[ServerPin], **more: Any) -> None:
    items = [
        {
            "pin": str(pin.pk),
            "kind": pin.kind,
            "name": pin.name,
            "status": str(pin.status),
            "digest": pin.said,
            "severity": str(pin.severity),
            "changes": [{key: one[key] for key in ("what", "severity", "path")} for one in pin.changes[:20]],
            "findings": len(pin.findings),
        }
        for pin in rows[:MAX_NAMED]
    ]
    extra = {"items": items, "total": len(rows), **more}
    alone = rows[0].name if len(rows) == 1 else ""
    audit.record(kind, actor=_SYSTEM, mcp_server=server, tool_name=alone, extra=extra)


def _names(rows: Iterable[ServerPin]) -> list[str]:
    return [f"{pin.kind} {pin.name}".strip() for pin in rows][:MAX_NAMED]


def _told(findings: Sequence[InboundFinding]) -> list[dict[str, JSON]]:
    """`excerpt` holds no secret; see `InboundFinding`."""
    return [
        {
            "class": one.kind,
            "rule": one.rule,
            "severity": one.severity.value,
            "path": one.path,
            "start": one.start,
            "end": one.end,
            "excerpt": one.excerpt[:200],
        }
        for one in findings[:50]
    ]


def _hash(rows: Iterable[ServerPin], *, approved: bool) -> str:
    """Of a server: over all of its pins as they were approved, or as the server says them now."""
    said = sorted(
        (pin.kind, pin.name, pin.digest if approved else pin.said) for pin in rows if pin.digest or not approved
    )
    return sha256(as_text(said).encode()).hexdigest()


def _pin(row: ServerPin) -> Pin:
    return Pin(row.digest, PinStatus(row.status), row.candidate_digest)
