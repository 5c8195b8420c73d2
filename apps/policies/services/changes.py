"""Changes of what is in effect that one person puts up and another decides. Nothing changes before the approval.

A request is approved over the version it was written against and over no other. It is never edited: whoever wants
something else withdraws it, or writes it anew over what is in effect now (`rebase`).
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeAlias
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.audit import services as audit
from apps.decision.errors import BadInput, Conflict, NotAllowed, NotFound
from apps.decision.events import EventKind
from apps.decision.types import JSON
from apps.policies import assembly, checking, diffs, own_tests, plans
from apps.policies.assembly import Source
from apps.policies.diffs import Diff
from apps.policies.models import Policy, PolicyChangeRequest, PolicyVersion
from apps.policies.permissions import Act, Person, demand
from apps.policies.services import policies, replays, tenant

MAX_OPEN: Final = 500
Action: TypeAlias = PolicyChangeRequest.Action
Status: TypeAlias = PolicyChangeRequest.Status


@dataclass(frozen=True, slots=True)
class Proposal:
    """What somebody wants in effect. Without a policy the content's package names it; empty words stay as they are."""

    action: str = Action.ACTIVATE.value
    policy_id: UUID | None = None
    content: str = ""
    tests: str = ""
    note: str = ""
    name: str = ""
    description: str = ""


def submit(proposal: Proposal, *, by: Person) -> PolicyChangeRequest:
    """Raises BadInput, with line and column, for what does not compile with everything that is in effect now."""
    demand(by, Act.SUBMIT)
    with transaction.atomic():
        return _submit(proposal, by, replaces=None)


def propose_newest(policy: Policy, by: Person, note: str) -> PolicyChangeRequest:
    """The newest saved version, put up for approval."""
    content = policies.version_of(policy, None).content
    return submit(Proposal(policy_id=policy.pk, content=content, note=note), by=by)


def propose_archive(policy: Policy, by: Person, note: str) -> PolicyChangeRequest:
    return submit(Proposal(Action.ARCHIVE.value, policy.pk, note=note), by=by)


def rebase(change_id: UUID, *, by: Person, content: str = "", tests: str = "", note: str = "") -> PolicyChangeRequest:
    """The author's request anew, over what is in effect now; the old one is superseded."""
    demand(by, Act.SUBMIT)
    with transaction.atomic():
        old = _locked(change_id)
        if not by.wrote(old.author, old.author_user):
            raise NotAllowed("Only its author writes a change request anew.")
        if old.status not in {Status.OPEN, Status.SUPERSEDED}:
            raise _decided(old)
        if old.replaced_by.exists():
            raise Conflict("This change request has been written anew already.")
        _decide(old, Status.SUPERSEDED, None, "")
        words = (content or old.content, tests or old.tests, note or old.note)
        return _submit(Proposal(old.action, old.policy_id, *words, old.name, old.description), by, replaces=old)


def approve(change_id: UUID, *, by: Person, note: str = "") -> PolicyChangeRequest:
    """Apply and activate at once, all or nothing. Refused to the author, over a newer base, and with failing tests."""
    demand(by, Act.REVIEW)
    with transaction.atomic():
        tenant.alone()
        policy, row = _for_review(change_id, by)
        if _active_of(policy) != row.base_version_id:
            raise Conflict("The policy has changed since this was written: rebase it first.", code="superseded")
        _test_again(row)
        plans.prepare(candidate(row))  # before the first entry, which locks the end of the log
        version = None
        if row.action == Action.ARCHIVE and policy is not None:
            _approved(row, by, note, policy, version)
            policies.take_out_of_effect(policy, actor=by.actor, change=row.pk)
            return row
        policy, version = _written(policy, row)
        _approved(row, by, note, policy, version)
        policies.put_in_effect(policy, version, actor=by.actor, change=row.pk)
        return row


@transaction.atomic
def reject(change_id: UUID, *, by: Person, note: str) -> PolicyChangeRequest:
    demand(by, Act.REVIEW)
    if not note.strip():
        raise BadInput("Say why.", fields={"note": "A rejection needs a note."})
    _, row = _for_review(change_id, by)
    _decide(row, Status.REJECTED, by, note)
    audit.record(EventKind.POLICY_CHANGE_REJECTED, actor=by.actor, policy_id=row.slug, extra=_facts(row))
    return row


@transaction.atomic
def withdraw(change_id: UUID, *, by: Person) -> PolicyChangeRequest:
    """By its author alone."""
    demand(by, Act.WITHDRAW)
    row = _locked(change_id)
    if not by.wrote(row.author, row.author_user):
        raise NotAllowed("Only its author withdraws a change request; a reviewer rejects it.")
    _open(row)
    _decide(row, Status.WITHDRAWN, None, "")
    audit.record(EventKind.POLICY_CHANGE_WITHDRAWN, actor=by.actor, policy_id=row.slug, extra=_facts(row))
    return row


def candidate(row: PolicyChangeRequest) -> list[Source]:
    """What would be in effect if this were approved now."""
    return policies.with_candidate(row.slug, None if row.action == Action.ARCHIVE else row.content)


def diff_of(row: PolicyChangeRequest) -> Diff:
    """What it changes of the version it was written over."""
    base = row.base_version
    was = f"{row.slug}, version {base.number}" if base else "nothing in effect"
    would = "archived" if row.action == Action.ARCHIVE else f"{row.slug}, proposed"
    return diffs.unified(base.content if base else "", row.content, was=was, would=would)


def is_current(row: PolicyChangeRequest) -> bool:
    """Whether what is in effect is still what it was compiled and tested with."""
    return row.checked_against == assembly.digest(assembly.assemble(candidate(row)))


def _submit(proposal: Proposal, by: Person, replaces: PolicyChangeRequest | None) -> PolicyChangeRequest:
    if PolicyChangeRequest.objects.filter(status=Status.OPEN).count() >= MAX_OPEN:
        raise Conflict(f"At most {MAX_OPEN} change requests may be open.", code="too_many_changes")
    slug, policy = _subject(proposal)
    row = PolicyChangeRequest(
        action=proposal.action, policy=policy, slug=slug, name=proposal.name, description=proposal.description,
        note=proposal.note, author=by.actor[:200], author_user=by.user_id, replaces=replaces,
        base_version=policy.active_version if policy else None,
    )  # fmt: skip
    if row.action == Action.ARCHIVE:
        if policy is None or policy.active_version is None:
            raise Conflict("Only a policy in effect can be archived.", code="not_active")
    else:
        row.content, row.tests = proposal.content, proposal.tests
        _check(row, policy)
    sources = candidate(row)
    plans.prepare(sources)
    row.checked_against = assembly.digest(assembly.assemble(sources))
    row.test_results = _tested(row, sources)
    row.save(force_insert=True)
    with suppress(Conflict):  # with many waiting, whoever reviews starts one later
        replays.of_change(row.pk, by=by)
    audit.record(EventKind.POLICY_CHANGE_SUBMITTED, actor=by.actor, policy_id=slug, extra=_facts(row))
    return row


def _subject(proposal: Proposal) -> tuple[str, Policy | None]:
    rows = Policy.objects.select_related("active_version")
    if proposal.policy_id is None:
        if proposal.action == Action.ARCHIVE:
            raise BadInput("Say which policy.", fields={"policy": "Give its id."})
        slug = checking.slug_of(proposal.content)
        return slug, rows.filter(slug=slug).first()
    policy = rows.filter(pk=proposal.policy_id).first()
    if policy is None:
        raise NotFound("There is no such policy.")
    return policy.slug, policy


def _check(row: PolicyChangeRequest, policy: Policy | None) -> None:
    if policy is None and not row.name:
        raise BadInput("A new policy needs a name.", fields={"name": "Give a name."})
    active = policy.active_version if policy else None
    if active is not None and active.digest == policies.digest_of(row.content):
        raise Conflict("This is what is in effect already.", code="no_change")
    policies.clean(Policy(name=row.name or "unchanged", slug=row.slug, description=row.description))
    checking.check(row.content, row.slug)
    if row.tests:
        with _about_tests():
            own_tests.check(row.tests, row.slug)


def _tested(row: PolicyChangeRequest, sources: list[Source]) -> list[JSON]:
    if not row.tests:
        return []
    with _about_tests():
        found = own_tests.run(sources, row.slug, row.tests)
    return [{"rule": one.rule, "passed": not one.problem, "problem": one.problem} for one in found]


def _test_again(row: PolicyChangeRequest) -> None:
    """The other policies may have changed since, and the tests with them."""
    failing = [one["rule"] for one in _tested(row, candidate(row)) if not one["passed"]]
    if failing:
        raise Conflict(f"Its own tests fail: {', '.join(failing)}.", code="tests_failed")


class _about_tests:  # noqa: N801 - reads as the word it is
    """What is wrong with the tests is said of the field `tests`."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, BadInput) and "content" in error.fields:
            fields = {("tests" if name == "content" else name): why for name, why in error.fields.items()}
            raise BadInput("The tests cannot be used.", code="bad_tests", fields=fields) from None


def _for_review(change_id: UUID, by: Person) -> tuple[Policy | None, PolicyChangeRequest]:
    """Locks the policy first, as an activation does, then the request."""
    slug = PolicyChangeRequest.objects.filter(pk=change_id).values_list("slug", flat=True).first()
    policy = Policy.objects.select_for_update().filter(slug=slug or "").first()
    row = _locked(change_id)
    _open(row)
    if by.wrote(row.author, row.author_user):
        raise NotAllowed("Nobody reviews a change of their own.", code="self_review")
    return policy, row


def _locked(change_id: UUID) -> PolicyChangeRequest:
    row = PolicyChangeRequest.objects.select_for_update().filter(pk=change_id).first()
    if row is None:
        raise NotFound("There is no such change request.")
    return row


def _open(row: PolicyChangeRequest) -> None:
    if row.status != Status.OPEN:
        raise _decided(row)


def _decided(row: PolicyChangeRequest) -> Conflict:
    superseded = row.status == Status.SUPERSEDED
    return Conflict(f"This change request is {row.status}.", code="superseded" if superseded else "already_decided")


def _written(policy: Policy | None, row: PolicyChangeRequest) -> tuple[Policy, PolicyVersion]:
    """The policy with its words, and the version that holds the content; an equal one that was saved will do."""
    if policy is None:
        made = policies.create(name=row.name, description=row.description, content=row.content, actor=row.author)
        return made, policies.version_of(made, None)
    policy.name, policy.description = row.name or policy.name, row.description or policy.description
    equal = policy.versions.filter(digest=policies.digest_of(row.content)).order_by("-number").first()
    return policy, equal or policies.save_version(policy.pk, content=row.content, actor=row.author)


def _approved(row: PolicyChangeRequest, by: Person, note: str, policy: Policy, version: PolicyVersion | None) -> None:
    row.policy, row.applied_version = policy, version
    _decide(row, Status.APPROVED, by, note)
    audit.record(EventKind.POLICY_CHANGE_APPROVED, actor=by.actor, policy_id=row.slug, extra=_facts(row))


def _decide(row: PolicyChangeRequest, status: Status, by: Person | None, note: str) -> None:
    row.status, row.decided_at = status, timezone.now()
    row.reviewer, row.review_note = by.actor[:200] if by else "", note
    row.save()


def _active_of(policy: Policy | None) -> int | None:
    return policy.active_version_id if policy else None


def _facts(row: PolicyChangeRequest) -> dict[str, JSON]:
    facts: dict[str, JSON] = {"change": str(row.pk), "action": row.action, "author": row.author, "status": row.status}
    base, applied, replaces = row.base_version, row.applied_version, row.replaces_id
    facts |= {"base_version": base.number} if base else {}
    facts |= {"version": applied.number} if applied else {}
    facts |= {"digest": policies.digest_of(row.content)} if row.content else {}
    facts |= {"replaces": str(replaces)} if replaces else {}
    note = row.review_note or ("" if row.reviewer else row.note)
    return facts | ({"note": note} if note else {})
