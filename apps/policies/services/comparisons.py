"""Replays and shadows as rows that a task works on: taken under a lease, advanced in slices, each slice in one
transaction with the cursor. Whoever dies in between has done nothing; the next turn goes on from the cursor."""

import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, TypeAlias
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from apps.audit import services as audit
from apps.decision.errors import BadInput
from apps.decision.events import EventKind
from apps.decision.types import JSON
from apps.policies import assembly, comparing, contributing, plans, recorded
from apps.policies.assembly import Source
from apps.policies.authorizer import ProgramAuthorizer
from apps.policies.comparing import Group, Rules, Sample, Tally
from apps.policies.models import Comparison, Flip, FlipGroup, Policy, PolicyVersion

LEASE: Final = timedelta(seconds=30)
BATCH: Final = 1_000
SLICE_SECONDS: Final = 1.0
MAX_GROUPS: Final = 1_000
MAX_SAMPLES: Final = 2_000
MAX_ERRORS: Final = 200  # of the candidate alone, while most of what was judged fails: it cannot be meant
OTHERS: Final = "(others)"
Kind: TypeAlias = Comparison.Kind
Status: TypeAlias = Comparison.Status
_LIVE: Final = (Status.QUEUED, Status.RUNNING)
_COUNTS: Final = ("done", "masked", "unreadable", "drifted", "errors_before", "errors_after", "flips")
_ADD: Final = """
INSERT INTO policies_flipgroup AS g
    (comparison_id, agent_id, agent_name, mcp_server, tool, before, after, count, kept)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (comparison_id, agent_id, mcp_server, tool, before, after)
DO UPDATE SET count = g.count + excluded.count, kept = g.kept + excluded.kept
"""


class Turn(StrEnum):
    """How a turn's work ended."""

    MORE = "more"  # time is up
    END = "end"  # no input is left
    LOST = "lost"  # cancelled, or somebody else's by now
    HOPELESS = "hopeless"  # the candidate fails, and goes on failing


def take(kind: Kind, owner: str, *, passed: Sequence[UUID] = ()) -> Comparison | None:
    """The oldest live one that nobody works on, now under this owner's lease."""
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=timezone.now())
    rows = Comparison.objects.filter(free, kind=kind, status__in=_LIVE).exclude(pk__in=passed)
    with transaction.atomic():
        row = rows.select_for_update(skip_locked=True, of=("self",)).order_by("id").first()
        if row is None:
            return None
        row.lease_owner, row.lease_until = owner, timezone.now() + LEASE
        row.started_at, row.status = row.started_at or timezone.now(), Status.RUNNING
        row.save(update_fields=["lease_owner", "lease_until", "started_at", "status"])
    return row


def release(row: Comparison) -> None:
    Comparison.objects.filter(pk=row.pk, lease_owner=row.lease_owner).update(lease_owner="", lease_until=None)


def advance(row: Comparison, rules: Rules, *, seconds: float) -> Turn:
    """Judge and count for about so long."""
    end = time.monotonic() + seconds
    last = recorded.END if row.last_seq is None else row.last_seq
    while True:
        inputs = recorded.batch(row.cursor, last, BATCH)
        if not inputs:
            return Turn.END
        while inputs:
            began = time.monotonic()
            until = min(began + SLICE_SECONDS, max(end, began))
            tally = comparing.compare(inputs, rules, start=row.cursor, until=until)
            if not _store(row, tally, time.monotonic() - began):
                return Turn.LOST
            if _hopeless(row):
                return Turn.HOPELESS
            inputs = inputs[tally.done :]
            if time.monotonic() >= end:
                return Turn.MORE


def rules_of(before: Sequence[Source], after: Sequence[Source], slug: str) -> Rules:
    """Two rulebooks that differ in this policy alone. Raises BadInput where one of them does not compile."""
    was, would = (next((one.content for one in side if one.slug == slug), None) for side in (before, after))
    return Rules(
        ProgramAuthorizer(plans.program_of(before), quiet=True),
        ProgramAuthorizer(plans.program_of(after), quiet=True),
        contributing.same_of(slug, was, would),
    )


def digest(sources: Sequence[Source]) -> str:
    return assembly.digest(assembly.assemble(sources))


def finish(row: Comparison, status: Status, problem: str = "") -> bool:
    """False when it had ended already."""
    live = Comparison.objects.filter(pk=row.pk, status__in=_LIVE)
    changed = live.update(
        status=status, problem=problem[:2000], finished_at=timezone.now(), lease_owner="", lease_until=None
    )
    return changed == 1


def shadowing() -> bool:
    """Whether anything is evaluated in shadow, so that inputs must be recorded."""
    return Comparison.objects.filter(kind=Kind.SHADOW, status=Status.RUNNING).exists()


def stop_shadow(policy: Policy, *, actor: str, status: Status = Status.STOPPED, problem: str = "") -> bool:
    """End the policy's shadow, if it has one, and say so in the log. Call it in a transaction."""
    row = Comparison.objects.filter(kind=Kind.SHADOW, status=Status.RUNNING, policy=policy).first()
    if row is None or not finish(row, status, problem):
        return False
    extra: dict[str, JSON] = {"shadow": str(row.pk), "version": row.version.number if row.version else None}
    extra |= {"inputs": row.done, "flips": row.flips} | ({"problem": problem[:500]} if problem else {})
    audit.record(EventKind.POLICY_UNSHADOWED, actor=actor, policy_id=policy.slug, extra=extra)
    return True


def sources_of(versions: Sequence[int]) -> list[Source]:
    rows = PolicyVersion.objects.filter(pk__in=versions).order_by("policy__slug")
    return [Source(slug, content) for slug, content in rows.values_list("policy__slug", "content")]


def forget_finished(before: datetime) -> int:
    """Delete what ended before that time; returns how many."""
    rows = Comparison.objects.filter(finished_at__lt=before)
    found = list(rows.values_list("pk", flat=True)[:200])
    rows.filter(pk__in=found).delete()
    return len(found)


def problem_of(error: BadInput) -> str:
    return str(error.fields.get("content", error.detail))


def _hopeless(row: Comparison) -> bool:
    """Whether the candidate fails where the rules in effect do not, and for most inputs."""
    own = row.errors_after - row.errors_before
    return own >= MAX_ERRORS and 2 * own > row.done


@transaction.atomic
def _store(row: Comparison, tally: Tally, seconds: float) -> bool:
    """Add a slice to the counts; False, and nothing changed, if this is no longer the owner's to add to."""
    held = Comparison.objects.select_for_update(of=("self",)).filter(pk=row.pk, status=Status.RUNNING).first()
    if held is None or held.lease_owner != row.lease_owner or held.cursor != row.cursor:
        return False
    for name in _COUNTS:
        setattr(held, name, getattr(held, name) + getattr(tally, name))
    for (before, after), count in tally.pairs.items():
        to = held.totals.setdefault(before, {})
        to[after] = to.get(after, 0) + count
    held.cursor, held.lease_until = tally.cursor, timezone.now() + LEASE
    held.busy_seconds += seconds
    held.save(update_fields=[*_COUNTS, "totals", "cursor", "lease_until", "busy_seconds"])
    if tally.groups:
        _store_flips(held, tally)
    for name in (*_COUNTS, "cursor"):
        setattr(row, name, getattr(held, name))
    return True


def _store_flips(row: Comparison, tally: Tally) -> None:
    known = {_key(one): one.kept for one in FlipGroup.objects.filter(comparison=row)}
    room = MAX_GROUPS - len(known)
    placed: dict[Group, Group] = {}
    for group in tally.groups:
        fits = group in known or room > 0
        room -= fits and group not in known
        placed[group] = group if fits else Group("", "", "", OTHERS, group.before, group.after)
    counts, kept = Counter[Group](), Counter[Group]()
    for group, count in tally.groups.items():
        counts[placed[group]] += count
    chosen, left = [], MAX_SAMPLES - sum(known.values())
    for sample in tally.samples:
        group = placed[sample.group]
        if left > 0 and known.get(group, 0) + kept[group] < comparing.SAMPLES_PER_GROUP:
            kept[group] += 1
            left -= 1
            chosen.append(_flip(row, sample))
    with connection.cursor() as cursor:
        cursor.executemany(
            _ADD,
            [
                (row.pk, one.agent_id, one.agent_name, one.mcp_server, one.tool, one.before, one.after, n, kept[one])
                for one, n in counts.items()
            ],
        )
    Flip.objects.bulk_create(chosen)


def _key(row: FlipGroup) -> Group:
    return Group(row.agent_id, row.agent_name, row.mcp_server, row.tool, row.before, row.after)


def _flip(row: Comparison, sample: Sample) -> Flip:
    group, one = sample.group, sample.recorded
    return Flip(
        comparison=row, seq=one.seq, event_id=one.event_id, at=one.at, agent_id=group.agent_id,
        agent_name=group.agent_name, mcp_server=group.mcp_server, tool=group.tool, resource=sample.resource,
        before=group.before, before_policy=_short(sample.before.policy, 200),
        before_reason=_short(sample.before.reason, 500), after=group.after,
        after_policy=_short(sample.after.policy, 200), after_reason=_short(sample.after.reason, 500),
        recorded=one.result, recorded_policy=_short(one.policy, 200), recorded_stage=one.stage[:32],
    )  # fmt: skip


def _short(text: str, longest: int) -> str:
    return text[:longest].replace("\0", "\ufffd")
