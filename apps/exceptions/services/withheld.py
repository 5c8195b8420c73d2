"""Results that wait for a person: kept sealed, found again by the call they belong to, delivered once.

The call has been carried out already. So a result is bound to the call and not to the rules: as long as it stands, the
same call gets what became of it and is not carried out again. Every function acts on the tenant the caller stands in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import orjson
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.agents.services.locking import one_at_a_time
from apps.audit import services as audit
from apps.audit.ids import new_id
from apps.decision.errors import BadInput, Conflict, TooLarge
from apps.decision.events import Entry, EventKind
from apps.decision.facts import Facts
from apps.decision.types import JSON, InboundFinding
from apps.exceptions.models import Escalation, EscalationStatus, Resolution, WithheldResult
from apps.exceptions.services import hooks
from apps.exceptions.services.arguments import line, shown
from apps.exceptions.services.escalation_settings import seconds_for, setting
from apps.exceptions.services.escalation_words import message, record_opening
from apps.exceptions.services.escalations import MAX_PENDING, Held, among_stops, held_of, stopped_since, sure, too_many
from apps.exceptions.services.withheld_flags import INBOUND, flag_after_commit
from apps.exceptions.services.withheld_words import shown_inbound
from apps.tenants.context import current_schema
from apps.tenants.sealing import seal, unseal

MAX_ORIGINAL: Final = 1024 * 1024  # bytes; of a larger one only the sanitised version is kept
MAX_SANITISED: Final = 4 * 1024 * 1024
POLICY: Final = "inbound"


@dataclass(frozen=True, slots=True)
class Withheld:
    """What is put before a person. `arguments` and `shown` are masked; `original` has no secret that is to be redacted,
    and is None where it may not be given out as it came."""

    binding: str  # `apps.decision.approvals.result_binding` of the call
    entry: Entry  # the decision by which the call was carried out
    facts: Facts
    arguments: JSON
    findings: tuple[InboundFinding, ...]
    inbound: Mapping[str, JSON]  # severity, score, tier, source rule, domains
    original: JSON
    sanitised: JSON
    shown: Mapping[str, JSON]


@transaction.atomic
def hold_result(withheld: Withheld) -> Held:
    """Open an escalation about this result. Each result has its own, since each call was carried out. Where the agent
    has too many waiting it is denied (policy `approval.too_many`, no id), and nothing is kept.

    Raises TooLarge where not even the sanitised version can be kept.
    """
    original, sanitised = _written(withheld.original, MAX_ORIGINAL), _written(withheld.sanitised, MAX_SANITISED)
    if sanitised is None:
        raise TooLarge("This result is too large to be kept for a person.", code="result_too_large")
    agent_id = withheld.entry.agent_id
    among_stops(exclusive=False)
    one_at_a_time(f"escalations:{agent_id}")
    now = timezone.now()
    if Escalation.objects.filter(agent_id=agent_id, status=EscalationStatus.PENDING).count() >= MAX_PENDING:
        return too_many(now)
    row = _opened(withheld, now, original is not None)
    WithheldResult.objects.create(
        escalation=row,
        original=seal(original, context=_context(row.id, "original")) if original is not None else None,
        sanitised=seal(sanitised, context=_context(row.id, "sanitised")),
        shown=seal(orjson.dumps(withheld.shown), context=_context(row.id, "shown")),
    )
    flag_after_commit(agent_id, row.expires_at)
    hooks.enqueue("escalation.opened", message(row))
    record_opening(row)
    return held_of(row, now)


def standing(binding: str, known: str = "") -> Held | None:
    """What became of the result of this very call; None where nothing stands in the way of carrying it out.

    `known` is the escalation its caller was told of: that one counts, also when it is over.
    """
    now = timezone.now()
    rows = Escalation.objects.filter(subject=INBOUND, binding=binding).defer("arguments", "findings", "verdicts")
    wanted = audit.entry_id(known) if known else None
    if wanted is not None:
        row = rows.filter(pk=wanted).first()
        return held_of(row, now) if row is not None else None
    still = Q(status__in=["pending", "denied"], expires_at__gt=now) | Q(status="approved", usable_until__gt=now)
    found = {row.status: row for row in rows.filter(still).order_by("-created_at", "-id")}  # the oldest of each
    for status in ("approved", "pending", "denied"):
        if status in found:
            return held_of(found[status], now)
    return None


@transaction.atomic
def release(escalation_id: str, binding: str, entry: Entry) -> JSON:
    """The result as a person let it go, for the call that `entry` allows; it is gone after that.

    Raises Conflict `result_not_released` when it is delivered already, taken back, too old or not this call's; Outdated
    when the rules have moved since the call was judged.
    """
    known = audit.entry_id(escalation_id)
    row = Escalation.objects.select_for_update().filter(pk=known, subject=INBOUND).first() if known else None
    now = timezone.now()  # once the lock is held, which may have taken its own time
    kept = WithheldResult.objects.filter(escalation=row).first() if row is not None else None
    if (
        row is None
        or kept is None
        or row.status_at(now) is not EscalationStatus.APPROVED
        or row.binding != binding
        or stopped_since(row, now)
    ):
        raise Conflict("This result cannot be delivered for this call.", code="result_not_released")
    part = "original" if row.resolution == Resolution.ALLOW_ORIGINAL else "sanitised"
    sealed = kept.original if part == "original" else kept.sanitised
    if sealed is None:
        raise Conflict("The original of this result was not kept.", code="result_not_released")
    written = unseal(bytes(sealed), context=_context(row.id, part))
    kept.delete()
    row.status, row.used_at, row.used_event_id = EscalationStatus.USED, now, entry.id
    row.save(update_fields=["status", "used_at", "used_event_id"])
    facts: dict[str, JSON] = {"escalation": str(row.id)}
    audit.append(replace(entry, extra={**entry.extra, **facts}))
    released = replace(
        entry,
        id=new_id(),
        kind=EventKind.INBOUND_RESULT_RELEASED,
        at=datetime.now(UTC),
        policy_result="",
        parent_event_id=entry.id,
        payload=None,
        extra={**facts, "resolution": row.resolution, "resolved_by": row.resolved_by, "bytes": len(written)},
    )
    audit.append(released)
    sure(entry)
    return orjson.loads(written)


def shown_of(row: Escalation) -> dict[str, JSON] | None:
    """What a person is shown of the result; None where it is kept no longer."""
    kept = WithheldResult.objects.filter(escalation=row).only("shown").first()
    if kept is None:
        return None
    found: dict[str, JSON] = orjson.loads(unseal(bytes(kept.shown), context=_context(row.id, "shown")))
    return found


def _written(value: JSON, limit: int) -> bytes | None:
    if value is None:
        return None
    try:
        written = orjson.dumps(value)
    except TypeError as error:  # lone surrogates and the like, which no client could be sent either
        raise BadInput("This result cannot be kept.", code="result_unreadable") from error
    return written if len(written) <= limit else None


def _opened(withheld: Withheld, now: datetime, original_kept: bool) -> Escalation:
    entry, facts = withheld.entry, withheld.facts
    classes = list(dict.fromkeys(one.kind for one in withheld.findings)) or ["unread"]
    first = {one.kind: f"{one.rule}, {one.severity.value}" for one in reversed(withheld.findings)}
    verdicts = [
        {"result": "escalate", "reason": line(first.get(kind, ""), 500), "policy": f"{POLICY}.{kind}"}
        for kind in classes[:50]
    ]
    names = ", ".join(kind.replace("_", " ") for kind in classes)
    reason = f"The call was carried out, and orders stand in what came back: {names}"
    return Escalation.objects.create(
        subject=INBOUND,
        binding=withheld.binding,
        event_id=entry.id,
        agent_id=entry.agent_id,
        agent_name=line(facts.caller.agent.name, 200),
        session_id=line(entry.session_id, 64),
        requester_id=line(entry.requester_id, 200),
        requester_channel=line(entry.requester_channel, 200),
        mcp_server=entry.mcp_server,
        method=line(entry.method, 200),
        tool_name=line(entry.tool_name, 1000),
        action=entry.action,
        resource=line(entry.target, 2000),
        arguments=shown(withheld.arguments),
        findings=shown_inbound(withheld.findings),
        inbound={**withheld.inbound, "original_kept": original_kept},
        verdicts=verdicts,
        policy_id=f"{POLICY}.{classes[0]}",
        reason=line(reason, 2000),
        risk_tier=line(facts.caller.agent.risk_tier, 16),
        input_hash=entry.input_hash,
        rules=facts.book.rules,
        rulebook_version=facts.book.version,
        created_at=now,
        expires_at=now + timedelta(seconds=seconds_for(setting(), facts.caller.agent.risk_tier)),
    )


def _context(escalation: UUID, part: str) -> str:
    return f"{current_schema()}:escalation:{escalation}:{part}"
