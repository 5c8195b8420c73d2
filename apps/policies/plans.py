"""Plans and programs by the digest of their modules: compiled once per tenant, loaded once per process."""

import zlib
from collections.abc import Sequence
from functools import lru_cache

from django.db import transaction

from apps.decision.rego import Program, load
from apps.policies import checking
from apps.policies.assembly import Source, assemble, digest
from apps.policies.models import CompiledPlan

KEPT = 20  # per tenant; older plans belong to rulebooks that nobody loads any more


def program_of(policies: Sequence[Source]) -> Program:
    """The program of the base and these policies, in the tenant the caller stands in."""
    modules = assemble(policies)
    return _program(_Plan(digest(modules), policies))


def program_once(policies: Sequence[Source]) -> Program:
    """The same without keeping anything: for a policy that is only tried out."""
    return load(checking.compiled(policies))


def prepare(policies: Sequence[Source]) -> bytes:
    """The plan, compiled and stored if need be. Raises BadInput where the policies do not compile together."""
    name = digest(assemble(policies))
    found = CompiledPlan.objects.filter(digest=name).values_list("plan", flat=True).first()
    if found is not None:
        return zlib.decompress(bytes(found))
    plan = checking.compiled(policies)
    with transaction.atomic():
        CompiledPlan.objects.get_or_create(digest=name, defaults={"plan": zlib.compress(plan)})
        old = CompiledPlan.objects.order_by("-created_at", "digest").values_list("digest", flat=True)[KEPT:]
        CompiledPlan.objects.filter(digest__in=list(old)).delete()
    return plan


class _Plan:
    """A cache key that can make its plan: equal by digest, so tenants with equal modules share one program."""

    __slots__ = ("_digest", "_policies")

    def __init__(self, digest: str, policies: Sequence[Source]) -> None:
        self._digest = digest
        self._policies = policies

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Plan) and self._digest == other._digest

    def __hash__(self) -> int:
        return hash(self._digest)

    def load(self) -> Program:
        return load(prepare(self._policies))


@lru_cache(maxsize=64)
def _program(plan: _Plan) -> Program:
    return plan.load()
