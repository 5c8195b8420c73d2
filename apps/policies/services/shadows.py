"""A shadow: a version judged over every input as it is recorded, beside what is in effect, enforced never. The work is
done behind the log, so calls pay nothing for it."""

import logging
from typing import Final
from uuid import UUID

from django.db import transaction

from apps.audit import services as audit
from apps.decision.errors import BadInput, Conflict, NotFound
from apps.decision.events import EventKind
from apps.policies import plans
from apps.policies.models import Comparison, Policy, PolicyChangeRequest
from apps.policies.permissions import Act, Person, demand
from apps.policies.services import changes, comparisons, policies
from apps.policies.services.comparisons import Kind, Status, Turn
from apps.tenants.context import current_schema

logger = logging.getLogger(__name__)

MAX_SHADOWS: Final = 10
HOPELESS: Final = "The version could not be evaluated for most inputs."


@transaction.atomic
def begin(policy_id: UUID, *, by: Person, number: int | None = None) -> Comparison:
    """From the next recorded call on. Another version of the same policy takes the place of the one before."""
    demand(by, Act.COMPARE)
    policy = policies.locked(policy_id)
    version = policies.version_of(policy, number)
    running = active(policy)
    if running is not None and running.version_id == version.pk:
        return running
    if policy.active_version_id == version.pk:
        raise Conflict("This version is in effect already.", code="already_active")
    live = Comparison.objects.filter(kind=Kind.SHADOW, status=Status.RUNNING).exclude(policy=policy)
    if live.count() >= MAX_SHADOWS:
        raise Conflict(f"At most {MAX_SHADOWS} policies may be in shadow.", code="too_many_shadows")
    plans.prepare(policies.with_candidate(policy.slug, version.content))
    comparisons.stop_shadow(policy, actor=by.actor)
    row = Comparison.objects.create(
        kind=Kind.SHADOW, status=Status.RUNNING, policy=policy, version=version, slug=policy.slug,
        content=version.content, started_by=by.actor[:200], cursor=audit.head(current_schema()).seq,
    )  # fmt: skip
    facts = {"shadow": str(row.pk), "version": version.number, "digest": version.digest}
    audit.record(EventKind.POLICY_SHADOWED, actor=by.actor, policy_id=policy.slug, extra=facts)
    return row


@transaction.atomic
def end(policy_id: UUID, *, by: Person) -> Comparison:
    demand(by, Act.COMPARE)
    policy = policies.locked(policy_id)
    row = active(policy)
    if row is None or not comparisons.stop_shadow(policy, actor=by.actor):
        raise NotFound("This policy has no shadow.")
    row.refresh_from_db()
    return row


def promote(policy_id: UUID, *, by: Person, note: str = "") -> PolicyChangeRequest:
    """Ask that the version in shadow take effect. It stays in shadow until that is decided."""
    row = Comparison.objects.filter(kind=Kind.SHADOW, status=Status.RUNNING, policy_id=policy_id).first()
    if row is None:
        raise NotFound("This policy has no shadow.")
    return changes.submit(changes.Proposal(policy_id=policy_id, content=row.content, note=note), by=by)


def active(policy: Policy) -> Comparison | None:
    return Comparison.objects.filter(kind=Kind.SHADOW, status=Status.RUNNING, policy=policy).first()


def latest(policy_id: UUID) -> Comparison:
    """The shadow that runs, or the last one that did."""
    row = Comparison.objects.filter(kind=Kind.SHADOW, policy_id=policy_id).order_by("-id").first()
    if row is None:
        raise NotFound("This policy has no shadow.")
    return row


def work(owner: str, *, seconds: float) -> int:
    """One turn on each shadow that is free; returns on how many."""
    passed: list[UUID] = []
    while (row := comparisons.take(Kind.SHADOW, owner, passed=passed)) is not None:
        passed.append(row.pk)
        try:
            _turn(row, seconds)
        finally:
            comparisons.release(row)
    return len(passed)


def _turn(row: Comparison, seconds: float) -> None:
    before = policies.active_sources()
    after = policies.with_candidate(row.slug, row.content)
    digests = comparisons.digest(before), comparisons.digest(after)
    if row.problem and digests == (row.before_digest, row.after_digest):
        return  # does not compile, and nothing has changed since
    if digests != (row.before_digest, row.after_digest):
        row.before_digest, row.after_digest, row.problem = *digests, ""
        row.save(update_fields=["before_digest", "after_digest", "problem"])
    try:
        rules = comparisons.rules_of(before, after, row.slug)
    except BadInput as error:
        row.problem = comparisons.problem_of(error)
        row.save(update_fields=["problem"])
        logger.warning("a shadow does not compile", extra={"schema": current_schema(), "policy": row.slug})
        return
    if comparisons.advance(row, rules, seconds=seconds) is Turn.HOPELESS and row.policy is not None:
        with transaction.atomic():
            comparisons.stop_shadow(row.policy, actor="system", status=Status.FAILED, problem=HOPELESS)
