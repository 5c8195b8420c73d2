"""Calls that wait for a person: opened or found again, used once when approved, denied all at once by a stop.

Every function acts on the tenant the caller stands in, and in one transaction: rows first, then what is to be notified,
then the log, whose head is locked last.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Least
from django.utils import timezone

from apps.agents.services.locking import one_at_a_time
from apps.audit import services as audit
from apps.audit.services import Position
from apps.decision.errors import Conflict, Outdated
from apps.decision.events import Entry, EventKind
from apps.decision.facts import Facts
from apps.decision.types import JSON, Call, Decision, Effect
from apps.exceptions.models import BreakGlass, Escalation, EscalationStatus, KillSwitch, WithheldResult
from apps.exceptions.services import hooks
from apps.exceptions.services.arguments import line, shown, shown_findings
from apps.exceptions.services.escalation_settings import seconds_for, setting
from apps.exceptions.services.escalation_words import message, record, record_opening
from apps.tenants.context import current_schema
from apps.tenants.models import FleetStop

MAX_PENDING: Final = 100  # per agent; one that is refused this often is not waiting for a person any more
TOO_MANY: Final = "approval.too_many"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is put before a person. `call`, `arguments` and the findings of `decision` are masked already."""

    binding: str  # `apps.decision.approvals.binding` of the call as it came
    call: Call
    facts: Facts
    decision: Decision
    arguments: JSON
    tool_digest: str = ""
    subject: str = Escalation.Subject.CALL.value


@dataclass(frozen=True, slots=True)
class Held:
    """Where an escalation stands. `status` is an EscalationStatus; `id` is "" where none was made."""

    id: str
    status: str
    expires_at: datetime
    usable_until: datetime | None
    resolution: str
    resolved_by: str
    note: str
    policy_id: str
    subject: str = Escalation.Subject.CALL.value


@transaction.atomic
def hold(asked: Asked, entry: Entry, document: bytes | None = None) -> Held:
    """Find the open escalation of this very call, or open one.

    New or pending: `entry`, the decision that escalates, is written with the escalation's id in its `extra`, and its
    masked input `document` beside it. Approved or denied: it is not; the caller goes on with `use`, or with a denial of
    its own. So too where the agent has too many calls waiting (denied, policy `approval.too_many`, no id).
    Raises Outdated where the rules have moved since the call was judged.
    """
    agent_id = asked.facts.caller.agent.id
    among_stops(exclusive=False)
    one_at_a_time(f"escalations:{agent_id}")
    now = timezone.now()
    row = _open_one(asked.binding, now)
    if row is not None and row.status != EscalationStatus.PENDING:
        return held_of(row, now)
    found = row is not None
    if row is None:
        lapse(list(Escalation.objects.select_for_update().filter(binding=asked.binding, status="pending")))
        if Escalation.objects.filter(agent_id=agent_id, status=EscalationStatus.PENDING).count() >= MAX_PENDING:
            return too_many(now)
        row = _opened(asked, entry, now)
        hooks.enqueue("escalation.opened", message(row))
    audit.append(replace(entry, extra={**entry.extra, "escalation": str(row.id)}), document)
    if not found:
        record_opening(row)
    sure(entry)
    return held_of(row, now)


@transaction.atomic
def use(escalation_id: str, binding: str, entry: Entry, document: bytes | None = None) -> Position:
    """Spend an approval on the call it was given for; `entry` is the decision that allows it.

    Raises Conflict `approval_not_usable` when the approval is gone, spent, too old or not for this call, or when a stop
    was engaged after it; Outdated when the rules have moved since the call was judged.
    """
    known = audit.entry_id(escalation_id)
    row = Escalation.objects.select_for_update().filter(pk=known).first() if known else None
    now = timezone.now()  # once the lock is held, which may have taken its own time
    if (
        row is None
        or row.status_at(now) is not EscalationStatus.APPROVED
        or row.binding != binding
        or stopped_since(row, now)
    ):
        raise Conflict("This approval cannot be used for this call.", code="approval_not_usable")
    row.status, row.used_at, row.used_event_id = EscalationStatus.USED, now, entry.id
    row.save(update_fields=["status", "used_at", "used_event_id"])
    position = audit.append(replace(entry, extra={**entry.extra, "escalation": str(row.id)}), document)
    sure(entry)
    return position


def states(ids: Sequence[str]) -> dict[str, Held]:
    """Where these escalations stand now; one query. What nobody answered in time is expired, swept up or not."""
    now = timezone.now()
    wanted = [known for known in map(audit.entry_id, ids) if known is not None]
    rows = Escalation.objects.filter(pk__in=wanted).defer("arguments", "findings", "verdicts")
    return {str(row.id): held_of(row, now) for row in rows}


@transaction.atomic
def deny_pending(*, actor: str, reason: str) -> int:
    """Deny all that waits and take back what was approved and not used: everything stops. Returns how many waited.

    Nothing is opened beside it: whoever is about to hold a call waits for this transaction, and then sees newer rules.
    One entry and one message per agent, so that neither the stop nor the log's head waits for thousands of rows.
    """
    among_stops(exclusive=True)
    now = timezone.now()
    still = Escalation.objects.filter(status__in=["pending", "approved"])
    rows = list(still.select_for_update().defer("arguments", "findings").order_by("agent_id"))
    waiting = [row for row in rows if row.status == EscalationStatus.PENDING]
    for row in waiting:
        row.status, row.resolution = EscalationStatus.DENIED, "block" if row.subject == "inbound" else "deny"
        row.resolved_by, row.resolved_at, row.note = actor, now, line(reason, 2000)
        if row.subject == "call":  # a stop is no judgement of it: it may be asked again; but a call that was carried
            row.expires_at = min(row.expires_at, now)  # out, and lost its result, is not to be repeated so soon
    lapsed = [row for row in rows if row.status == EscalationStatus.APPROVED]
    for row in lapsed:
        row.status = EscalationStatus.EXPIRED
    _store_denials(waiting)
    Escalation.objects.filter(pk__in=[row.pk for row in lapsed]).update(status=EscalationStatus.EXPIRED)
    forget_results(rows)
    hooks.enqueue("escalation.resolved", *_messages_by_agent(waiting))
    hooks.enqueue("escalation.expired", *_messages_by_agent(lapsed))
    _record_by_agent(EventKind.ESCALATION_RESOLVED, waiting, actor, resolution="deny", reason=reason)
    _record_by_agent(EventKind.ESCALATION_EXPIRED, lapsed, actor, was="approved", reason=reason)
    return len(waiting)


def lapse(rows: Sequence[Escalation]) -> None:
    """Time ran out for these locked rows."""
    were = {row.id: row.status for row in rows}
    for row in rows:
        row.status = EscalationStatus.EXPIRED
        row.save(update_fields=["status"])
    forget_results(rows)
    hooks.enqueue("escalation.expired", *map(message, rows))
    for row in rows:
        record(EventKind.ESCALATION_EXPIRED, row, actor="system", was=were[row.id])


def forget_results(rows: Sequence[Escalation]) -> None:
    """Nobody gets what was withheld any more. In the caller's transaction."""
    results = [row.pk for row in rows if row.subject == Escalation.Subject.INBOUND]
    if results:
        WithheldResult.objects.filter(escalation_id__in=results).delete()


def _open_one(binding: str, now: datetime) -> Escalation | None:
    still = (
        Q(status="pending", expires_at__gt=now)
        | Q(status="approved", usable_until__gt=now)
        | Q(status="denied", expires_at__gt=now)
    )
    return Escalation.objects.filter(still, binding=binding).order_by("-created_at", "-id").first()


def _opened(asked: Asked, entry: Entry, now: datetime) -> Escalation:
    call, facts, decision = asked.call, asked.facts, asked.decision
    agent, requester = facts.caller.agent, facts.requester
    verdicts = [one for one in decision.verdicts if one.result is Effect.ESCALATE]
    return Escalation.objects.create(
        subject=asked.subject,
        binding=asked.binding,
        event_id=entry.id,
        agent_id=agent.id,
        agent_name=line(agent.name, 200),
        session_id=line(facts.caller.session_id, 64),
        requester_id=line(requester.id, 200),
        requester_channel=line(requester.channel, 200),
        mcp_server=call.server,
        method=line(call.method, 200),
        tool_name=line(call.tool, 1000),
        action=call.action.value,
        resource=line(call.resource, 2000),
        arguments=shown(asked.arguments),
        findings=shown_findings(entry.dlp_findings),
        verdicts=[
            {"result": one.result.value, "reason": line(one.reason, 500), "policy": line(one.policy, 200)}
            for one in verdicts[:50]
        ],
        policy_id=line(decision.policy, 200),
        reason=line(decision.reason, 2000),
        risk_tier=line(agent.risk_tier, 16),
        input_hash=call.input_hash,
        tool_digest=asked.tool_digest,
        rules=facts.book.rules,
        rulebook_version=facts.book.version,
        created_at=now,
        expires_at=now + timedelta(seconds=seconds_for(setting(), agent.risk_tier)),
    )


def held_of(row: Escalation, now: datetime) -> Held:
    return Held(
        id=str(row.id),
        status=row.status_at(now).value,
        expires_at=row.expires_at,
        usable_until=row.usable_until,
        resolution=row.resolution,
        resolved_by=row.resolved_by,
        note=row.note,
        policy_id=row.policy_id,
        subject=row.subject,
    )


def too_many(now: datetime) -> Held:
    note = f"This agent has {MAX_PENDING} calls waiting for a person already"
    return Held("", "denied", now, None, "deny", "system", note, TOO_MANY)


def _store_denials(rows: Sequence[Escalation]) -> None:
    """One statement per kind of answer, since a stop may not take longer the more calls wait."""
    answers: dict[str, list[Escalation]] = {}
    for row in rows:
        answers.setdefault(row.resolution, []).append(row)
    for resolution, alike in answers.items():
        one = alike[0]
        Escalation.objects.filter(pk__in=[row.pk for row in alike]).update(
            status=one.status,
            resolution=resolution,
            resolved_by=one.resolved_by,
            resolved_at=one.resolved_at,
            note=one.note,
            expires_at=F("expires_at") if one.subject == "inbound" else Least("expires_at", one.resolved_at),
        )


def _record_by_agent(kind: EventKind, rows: Sequence[Escalation], actor: str, **extra: JSON) -> None:
    for agent_id, alike in _by_agent(rows).items():
        audit.record(kind, actor=actor, agent_id=agent_id, extra={"escalations": _ids(alike), **extra})


def _messages_by_agent(rows: Sequence[Escalation]) -> list[dict[str, JSON]]:
    same = ("agent_id", "agent_name", "status", "resolution", "resolved_by", "resolved_at", "note")
    told = []
    for alike in _by_agent(rows).values():
        words = message(alike[0])
        told.append({"escalations": _ids(alike), **{name: words[name] for name in same}})
    return told


def _by_agent(rows: Sequence[Escalation]) -> dict[str, list[Escalation]]:
    found: dict[str, list[Escalation]] = {}
    for row in rows:
        found.setdefault(row.agent_id, []).append(row)
    return found


def _ids(rows: Sequence[Escalation]) -> list[JSON]:
    return [str(row.id) for row in rows]


def stopped_since(row: Escalation, now: datetime) -> bool:
    """Whether a stop was engaged after the approval that holds for this agent."""
    later = Q(released_at__isnull=True, engaged_at__gt=row.resolved_at)
    if not (KillSwitch.objects.filter(later).exists() or FleetStop.objects.filter(later).exists()):
        return False
    lifts = BreakGlass.objects.filter(mended_at__isnull=True, expires_at__gt=now, agent_id__in=["", row.agent_id])
    return not lifts.exists()


def sure(entry: Entry) -> None:
    """The head is locked by the entry just written, so what this reads cannot move before the commit."""
    if audit.head(current_schema()).rulebook_version > entry.rulebook_version:
        raise Outdated("The rules have changed since this call was judged", retry_after=1)


def among_stops(*, exclusive: bool) -> None:
    """Many may open escalations at once, but none while all are being denied; held until the transaction ends."""
    function = "pg_advisory_xact_lock" if exclusive else "pg_advisory_xact_lock_shared"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(hashtextextended(%s, 0))", [f"{current_schema()}:escalations"])
