"""Base rules and a tenant's own policies, put together as one set of modules under one digest."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import regopy

from apps.policies import base

PACKAGE = ("behavry", "tenant")  # and the policy's slug
SHARED = ("behavry", "words")  # what tenant policies may use of the base


@dataclass(frozen=True, slots=True)
class Source:
    """A tenant's policy by the name it speaks under."""

    slug: str
    content: str

    @property
    def file(self) -> str:
        return f"tenant/{self.slug}.rego"


def assemble(policies: Iterable[Source]) -> dict[str, str]:
    """Every module of a rulebook, by name."""
    own = sorted(policies, key=lambda policy: policy.slug)
    modules = dict(base.modules())
    modules.update({policy.file: policy.content for policy in own})
    if own:
        modules["behavry/contributions.rego"] = _contributions([policy.slug for policy in own])
    return modules


def digest(modules: Mapping[str, str]) -> str:
    """Names the plan of these modules; another compiler makes another plan."""
    content = repr((regopy.__version__, base.ENTRYPOINT, sorted(modules.items())))
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


def _contributions(slugs: list[str]) -> str:
    lines = ["package behavry.contributions", "", "import data.behavry.signing", ""]
    for slug in slugs:
        own = f"data.behavry.tenant.{slug}"
        lines += [
            f'verdicts contains signing.signed("{slug}", said) if some said in {own}.verdicts',
            "",
            f"filesystem_roots contains root if some root in {own}.filesystem_roots",
            "",
        ]
    return "\n".join(lines)
