"""The life of a tenant's policy: written, changed in versions, activated, archived, tried out."""

import hashlib
from dataclasses import dataclass
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from apps.audit import services as audit
from apps.decision.errors import BadInput, Conflict, NotFound
from apps.decision.events import EventKind
from apps.decision.types import JSON, Ruling
from apps.policies import checking, plans
from apps.policies.assembly import Source
from apps.policies.authorizer import ProgramAuthorizer
from apps.policies.models import Comparison, Policy, PolicyChangeRequest, PolicyVersion
from apps.policies.services import comparisons, tenant

MAX_POLICIES = 1_000
MAX_VERSIONS = 1_000


@dataclass(frozen=True, slots=True)
class Tried:
    """What a version would say to a call, together with the base and the other active policies."""

    version: PolicyVersion
    ruling: Ruling


@transaction.atomic
def create(*, name: str, content: str, actor: str, description: str = "") -> Policy:
    """A draft with its first version. The slug is the last step of the content's package."""
    slug = checking.slug_of(content)
    if Policy.objects.filter(slug=slug).exists():
        raise Conflict("A policy of this package exists.", fields={"content": f"behavry.tenant.{slug} is taken."})
    if Policy.objects.count() >= MAX_POLICIES:
        raise Conflict(f"A tenant may have {MAX_POLICIES} policies.", code="too_many_policies")
    checking.check(content, slug)
    policy = Policy(name=name, slug=slug, description=description)
    clean(policy)
    policy.save(force_insert=True)
    version = add_version(policy, content, actor)
    audit.record(EventKind.POLICY_CREATED, actor=actor, policy_id=slug, extra=_facts(policy, version))
    return policy


@transaction.atomic
def update(policy_id: UUID, *, actor: str, name: str | None = None, description: str | None = None) -> Policy:
    """New words for people; what the policy says stays."""
    policy = locked(policy_id)
    before = (policy.name, policy.description)
    policy.name = policy.name if name is None else name
    policy.description = policy.description if description is None else description
    if before == (policy.name, policy.description):
        return policy
    clean(policy)
    policy.save()
    audit.record(EventKind.POLICY_UPDATED, actor=actor, policy_id=policy.slug, extra=_facts(policy, None))
    return policy


@transaction.atomic
def save_version(policy_id: UUID, *, content: str, actor: str) -> PolicyVersion:
    """A further version; it takes effect when it is activated. The newest version's own content makes none."""
    policy = locked(policy_id)
    newest = policy.versions.order_by("-number").first()
    if newest is not None and newest.digest == digest_of(content):
        return newest
    if newest is not None and newest.number >= MAX_VERSIONS:
        raise Conflict(f"A policy may have {MAX_VERSIONS} versions.", code="too_many_versions")
    checking.check(content, policy.slug)
    version = add_version(policy, content, actor)
    policy.save(update_fields=["updated_at"])
    audit.record(EventKind.POLICY_UPDATED, actor=actor, policy_id=policy.slug, extra=_facts(policy, version))
    return version


@transaction.atomic
def activate(policy_id: UUID, *, actor: str, number: int | None = None) -> Policy:
    """Let a version (the newest by default) take part in decisions, from the very next one."""
    tenant.refuse_unapproved()
    policy = locked(policy_id)
    return put_in_effect(policy, version_of(policy, number), actor=actor)


@transaction.atomic
def archive(policy_id: UUID, *, actor: str) -> Policy:
    """Take a policy out of effect. It can be activated again."""
    tenant.refuse_unapproved()
    policy = locked(policy_id)
    return policy if policy.status == Policy.Status.ARCHIVED else take_out_of_effect(policy, actor=actor)


def put_in_effect(policy: Policy, version: PolicyVersion, *, actor: str, change: UUID | None = None) -> Policy:
    """For callers that hold the policy's row and have asked whether this may be. `change` is what was approved."""
    plans.prepare(with_candidate(policy.slug, version.content))
    moved = policy.active_version_id != version.pk
    policy.status = Policy.Status.ACTIVE
    policy.active_version = version
    policy.save()
    extra = _facts(policy, version) | (_supersede(policy, change) if moved else {})
    if Comparison.objects.filter(
        policy=policy, version=version
    ).exists():  # from shadow into effect: nothing is left to compare
        comparisons.stop_shadow(policy, actor=actor)
    audit.record(EventKind.POLICY_ACTIVATED, actor=actor, policy_id=policy.slug, extra=extra)
    return policy


def take_out_of_effect(policy: Policy, *, actor: str, change: UUID | None = None) -> Policy:
    """As above, the other way."""
    plans.prepare(with_candidate(policy.slug, None))
    policy.status = Policy.Status.ARCHIVED
    policy.active_version = None
    policy.save()
    extra = _facts(policy, None) | _supersede(policy, change)
    audit.record(EventKind.POLICY_ARCHIVED, actor=actor, policy_id=policy.slug, extra=extra)
    return policy


def try_out(policy_id: UUID, *, document: JSON, number: int | None = None, content: str | None = None) -> Tried:
    """A dry run on a given input, of a version or of content that is not saved; changes and records nothing."""
    policy = Policy.objects.filter(pk=policy_id).first()
    if policy is None:
        raise NotFound("There is no such policy.")
    version = version_of(policy, number)
    if content is not None:
        checking.check(content, policy.slug)
        version = PolicyVersion(policy=policy, number=0, content=content, digest=digest_of(content))
    program = plans.program_once(with_candidate(policy.slug, version.content))
    return Tried(version, ProgramAuthorizer(program)(document))


def version_of(policy: Policy, number: int | None) -> PolicyVersion:
    rows = policy.versions.order_by("-number")
    version = rows.first() if number is None else rows.filter(number=number).first()
    if version is None:
        raise NotFound("The policy has no such version.")
    return version


def active_sources() -> list[Source]:
    """What takes part in decisions now, by slug."""
    rows = Policy.objects.filter(status=Policy.Status.ACTIVE, active_version__isnull=False).order_by("slug")
    return [Source(slug, content) for slug, content in rows.values_list("slug", "active_version__content")]


def with_candidate(slug: str, content: str | None) -> list[Source]:
    """What would take part in decisions with this content; None is without the policy."""
    others = [one for one in active_sources() if one.slug != slug]
    return others if content is None else [*others, Source(slug, content)]


def add_version(policy: Policy, content: str, actor: str) -> PolicyVersion:
    last = policy.versions.aggregate(last=Max("number"))["last"] or 0
    return PolicyVersion.objects.create(
        policy=policy, number=last + 1, content=content, digest=digest_of(content), author=actor[:200]
    )


def locked(policy_id: UUID) -> Policy:
    policy = Policy.objects.select_for_update().filter(pk=policy_id).first()
    if policy is None:
        raise NotFound("There is no such policy.")
    return policy


def clean(policy: Policy) -> None:
    try:
        policy.full_clean(validate_unique=False)
    except ValidationError as error:
        fields = {field: " ".join(messages) for field, messages in error.message_dict.items()}
        raise BadInput("The policy is not valid.", fields=fields) from None


def digest_of(content: str) -> str:
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


def _supersede(policy: Policy, applied: UUID | None) -> dict[str, JSON]:
    """What was written over something else cannot be approved any more."""
    rows = PolicyChangeRequest.objects.filter(slug=policy.slug, status=PolicyChangeRequest.Status.OPEN)
    found = sorted(str(one) for one in (rows.exclude(pk=applied) if applied else rows).values_list("pk", flat=True))
    rows.filter(pk__in=found).update(status=PolicyChangeRequest.Status.SUPERSEDED, decided_at=timezone.now())
    facts: dict[str, JSON] = {"superseded": found} if found else {}
    return facts | ({"change": str(applied)} if applied else {})


def _facts(policy: Policy, version: PolicyVersion | None) -> dict[str, JSON]:
    facts: dict[str, JSON] = {"policy": str(policy.id), "name": policy.name, "status": policy.status}
    if version is not None:
        facts |= {"version": version.number, "digest": version.digest}
    return facts
