"""A replay: a candidate judged over the recorded inputs of the last days, beside the rules that were in effect when it
was asked for. It changes nothing and leaves no entry; its result stays on its row for a while."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.decision.errors import BadInput, Conflict, NotFound
from apps.policies import recorded
from apps.policies.assembly import Source
from apps.policies.models import Comparison, Policy, PolicyChangeRequest, PolicyVersion
from apps.policies.permissions import Act, Person, demand
from apps.policies.services import comparisons, policies
from apps.policies.services.comparisons import Kind, Status, Turn
from apps.tenants.context import current_schema
from apps.tenants.services import config_of

MAX_WAITING: Final = 50
HOPELESS: Final = "The candidate could not be evaluated for most inputs, so the rest was left out."
MOVED: Final = "The base rules have changed while this ran; start it again."


def of_change(change_id: UUID, *, by: Person, days: int | None = None) -> Comparison:
    """What a change request proposes."""
    demand(by, Act.COMPARE)
    change = PolicyChangeRequest.objects.filter(pk=change_id).first()
    if change is None:
        raise NotFound("There is no such change request.")
    archives = change.action == PolicyChangeRequest.Action.ARCHIVE
    row = Comparison(change=change, policy=change.policy, slug=change.slug, archives=archives, content=change.content)
    return _start(row, by, days)


def of_version(
    policy_id: UUID, *, by: Person, number: int | None = None, days: int | None = None, archives: bool = False
) -> Comparison:
    """A saved version (the newest by default), or what would be without the policy."""
    demand(by, Act.COMPARE)
    policy = Policy.objects.filter(pk=policy_id).first()
    if policy is None:
        raise NotFound("There is no such policy.")
    row = Comparison(policy=policy, slug=policy.slug, archives=archives)
    if archives:
        if policy.active_version_id is None:
            raise Conflict("Only a policy in effect can be archived.", code="not_active")
    else:
        row.version = policies.version_of(policy, number)
        row.content = row.version.content
    return _start(row, by, days)


def cancel(replay_id: UUID, *, by: Person) -> Comparison:
    demand(by, Act.COMPARE)
    row = Comparison.objects.filter(pk=replay_id, kind=Kind.REPLAY).first()
    if row is None:
        raise NotFound("There is no such replay.")
    if not comparisons.finish(row, Status.CANCELLED):
        raise Conflict("This replay has ended already.", code="already_ended")
    row.refresh_from_db()
    return row


def work(owner: str, *, seconds: float) -> bool:
    """One turn on the oldest replay that is free. True when there was one."""
    row = comparisons.take(Kind.REPLAY, owner)
    if row is None:
        return False
    try:
        _turn(row, seconds)
    except BadInput as error:
        comparisons.finish(row, Status.FAILED, comparisons.problem_of(error))
    finally:
        comparisons.release(row)
    return True


@transaction.atomic
def _start(row: Comparison, by: Person, days: int | None) -> Comparison:
    waiting = Comparison.objects.filter(kind=Kind.REPLAY, status__in=(Status.QUEUED, Status.RUNNING))
    if waiting.count() >= MAX_WAITING:
        raise Conflict(f"At most {MAX_WAITING} replays may be under way.", code="too_many_replays")
    row.kind, row.started_by = Kind.REPLAY, by.actor[:200]
    row.days = config_of(current_schema()).replay_days if days is None else days
    in_effect = PolicyVersion.objects.filter(
        pk__in=Policy.objects.filter(status=Policy.Status.ACTIVE).values("active_version")
    )
    row.present = sorted(in_effect.values_list("pk", flat=True))
    row.save(force_insert=True)
    return row


def _turn(row: Comparison, seconds: float) -> None:
    before = comparisons.sources_of(row.present)
    others = [one for one in before if one.slug != row.slug]
    after = others if row.archives else [*others, Source(row.slug, row.content)]
    digests = comparisons.digest(before), comparisons.digest(after)
    if row.last_seq is None:
        span = recorded.span(timezone.now() - timedelta(days=row.days or 0))
        row.cursor, row.last_seq, row.total = span.after, span.last, span.total
        row.before_digest, row.after_digest = digests
        row.save(update_fields=["cursor", "last_seq", "total", "before_digest", "after_digest"])
    elif digests != (row.before_digest, row.after_digest):
        comparisons.finish(row, Status.FAILED, MOVED)
        return
    turn = comparisons.advance(row, comparisons.rules_of(before, after, row.slug), seconds=seconds)
    if turn is Turn.END:
        comparisons.finish(row, Status.DONE)
    elif turn is Turn.HOPELESS:
        comparisons.finish(row, Status.FAILED, HOPELESS)
