"""What people say to an escalation, once; and what becomes of those to which nobody said anything."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.decision.chain import clean
from apps.decision.errors import BadInput, Conflict, NotFound
from apps.decision.events import EventKind
from apps.decision.inbound.domains import pattern_of, registrable
from apps.decision.types import JSON
from apps.exceptions.models import Escalation, EscalationStatus, Resolution
from apps.exceptions.services import hooks, watch
from apps.exceptions.services.arguments import line
from apps.exceptions.services.escalation_settings import setting
from apps.exceptions.services.escalation_words import message, record
from apps.exceptions.services.escalations import forget_results, lapse
from apps.exceptions.services.withheld_flags import flag_after_commit
from apps.policies.models import SourceRule
from apps.policies.services import source_rules

ALLOWING: Final = frozenset({Resolution.APPROVE, Resolution.ALLOW_SANITIZED, Resolution.ALLOW_ORIGINAL})
WATCHED: Final = ALLOWING - {Resolution.ALLOW_SANITIZED}  # what would teach a baseline to trust the agent
FITTING: Final = {
    Escalation.Subject.CALL: frozenset({Resolution.APPROVE, Resolution.DENY}),
    Escalation.Subject.INBOUND: frozenset(
        {Resolution.ALLOW_SANITIZED, Resolution.ALLOW_ORIGINAL, Resolution.BLOCK, Resolution.BLOCK_SOURCE}
    ),
}
WITHOUT_NOTE: Final = frozenset({"low", "medium"})  # every other tier, unknown ones included, needs a reason
MAX_NOTE: Final = 2000
WILD: Final = "*."
DOMAIN, SERVER = SourceRule.Kind.DOMAIN.value, SourceRule.Kind.SERVER.value
UNREADABLE: Final = frozenset(
    {"?", "…"}
)  # among a result's domains: an address nobody can read, and that there are more


@dataclass(frozen=True, slots=True)
class Source:
    """Where a result came from, as a source rule names it: a domain it named, or the MCP server itself."""

    kind: str
    pattern: str


@transaction.atomic
def resolve(
    escalation_id: UUID, *, resolution: str, actor: str, note: str = "", source: Source | None = None
) -> Escalation:
    """One person's word settles it; whoever comes later is told by Conflict `already_resolved` who said what.

    `source` goes with `block_source`: from then on nothing of it is delivered.
    """
    row = Escalation.objects.select_for_update().filter(pk=escalation_id).first()
    if row is None:
        raise NotFound("There is no such escalation.")
    now = timezone.now()
    if row.resolved_at is not None:
        raise Conflict(f"{row.resolved_by} has resolved this already: {row.resolution}.", code="already_resolved")
    if row.status_at(now) is not EscalationStatus.PENDING:
        raise Conflict("The time to resolve this is over.", code="escalation_expired")
    note = clean(note.strip())
    _check(row, resolution, note)
    source = _source(row, resolution, source)
    row.resolution, row.resolved_by, row.resolved_at, row.note = Resolution(resolution), actor, now, note
    if row.resolution in ALLOWING:
        row.status, row.usable_until = EscalationStatus.APPROVED, now + timedelta(seconds=setting().use_seconds)
    else:
        row.status = EscalationStatus.DENIED
    row.save(update_fields=["status", "resolution", "resolved_by", "resolved_at", "note", "usable_until"])
    if row.usable_until is not None and row.subject == Escalation.Subject.INBOUND:
        flag_after_commit(row.agent_id, row.usable_until)
    if row.status == EscalationStatus.DENIED:
        forget_results([row])
    hooks.enqueue("escalation.resolved", message(row))
    if row.resolution in WATCHED:
        watch.approved(row.agent_id, actor)
    said: dict[str, JSON] = {"resolution": resolution, "note": note}
    if source is not None:
        said["source"] = {"kind": source.kind, "pattern": source.pattern}
        why = f"Escalation {row.id}" + (f": {note}" if note else "")
        source_rules.block(kind=source.kind, pattern=source.pattern, actor=actor, note=line(why, MAX_NOTE))
    record(EventKind.ESCALATION_RESOLVED, row, actor=actor, **said)
    return row


@transaction.atomic
def expire_overdue(*, limit: int = 200) -> int:
    """Note that time ran out: for calls nobody decided, for approvals nobody used. Returns how many; repeat until 0."""
    now = timezone.now()
    overdue = Q(status="pending", expires_at__lte=now) | Q(status="approved", usable_until__lte=now)
    rows = list(Escalation.objects.select_for_update(skip_locked=True).filter(overdue).order_by("expires_at")[:limit])
    lapse(rows)
    return len(rows)


@transaction.atomic
def forget_settled(before: datetime) -> int:
    """Drop what was settled and is older than this; the log keeps what it keeps."""
    done = ["denied", "expired", "used"]
    return Escalation.objects.filter(status__in=done, created_at__lt=before).delete()[0]


def _check(row: Escalation, resolution: str, note: str) -> None:
    fitting = FITTING[Escalation.Subject(row.subject)]
    if resolution not in fitting:
        known = ", ".join(sorted(fitting))
        raise BadInput("This is no answer to this escalation.", fields={"resolution": f"Use one of: {known}."})
    if len(note) > MAX_NOTE:
        raise BadInput("The note is too long.", fields={"note": f"At most {MAX_NOTE} characters."})
    if resolution in ALLOWING and row.risk_tier not in WITHOUT_NOTE and not note:
        why = f"Say why, since the agent's risk tier is {row.risk_tier}."
        raise BadInput("This needs a note.", fields={"note": why})
    if resolution == Resolution.ALLOW_ORIGINAL:
        if not note:
            raise BadInput("This needs a note.", fields={"note": "Say why the agent may read the orders in it."})
        if not row.inbound.get("original_kept"):
            why = (
                "Only its sanitised version was kept: the original is too large, or could not be searched for secrets."
            )
            raise BadInput("The original of this result is not there.", fields={"resolution": why})


def answers_to(row: Escalation) -> frozenset[Resolution]:
    """What a person can say to it."""
    fitting = FITTING[Escalation.Subject(row.subject)]
    return fitting if row.inbound.get("original_kept") else fitting - {Resolution.ALLOW_ORIGINAL}


def sources_of(row: Escalation) -> tuple[Source, ...]:
    """What a person is offered to block: each host, all of the domain that it belongs to, and the server."""
    if row.subject != Escalation.Subject.INBOUND:
        return ()
    patterns = [name for host in _hosts(row) for name in (host, WILD + registrable(host)) if name != WILD]
    domains = tuple(Source(DOMAIN, name) for name in dict.fromkeys(patterns) if _usable(name))
    return (*domains, Source(SERVER, row.mcp_server))


def meant(row: Escalation, source: Source) -> Source:
    """`source` as the rule that blocks it names it. A name above a host of the result stands for all that is below it,
    since a rule for the name alone would not hold for that host.

    Raises BadInput for what does not cover anything that this result is from, and for what can be no rule.
    """
    if source.kind == SERVER and source.pattern == row.mcp_server:
        return source
    if source.kind == DOMAIN:
        pattern, hosts = _pattern(source.pattern), _hosts(row)
        if pattern in hosts:
            return Source(DOMAIN, pattern)
        base = pattern.removeprefix(WILD)
        if any(host.endswith(f".{base}") or (host == base and pattern != base) for host in hosts):
            return Source(DOMAIN, _pattern(WILD + base))
    why = "Name a host that the result names, a domain that covers one, or its MCP server."
    raise BadInput("This result is not from there.", fields={"source": why})


def _hosts(row: Escalation) -> list[str]:
    return [str(one) for one in row.inbound.get("domains", ()) if one not in UNREADABLE]


def _pattern(text: str) -> str:
    """What can be no rule is refused in the words of the source rules, under the name that the caller gave it."""
    try:
        return pattern_of(text)
    except BadInput as error:
        why = " ".join(error.fields.values())
        raise BadInput("This source cannot be blocked.", code=error.code, fields={"source": why}) from None


def _usable(pattern: str) -> bool:
    try:
        return bool(pattern_of(pattern))
    except BadInput:
        return False


def _source(row: Escalation, resolution: str, source: Source | None) -> Source | None:
    if resolution != Resolution.BLOCK_SOURCE:
        if source is not None:
            raise BadInput("This answer blocks no source.", fields={"source": "Goes with block_source only."})
        return None
    if source is None:
        raise BadInput("Which source is to be blocked?", fields={"source": "Name a domain or the server."})
    return meant(row, source)
