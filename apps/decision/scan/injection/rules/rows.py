"""How a row of the rules' table is written down."""

from collections.abc import Callable

from apps.decision.scan.injection.kinds import CLASS_SEVERITY, InjectionClass
from apps.decision.scan.injection.rule import Check, Concepts, Rule, expression, needs, plainly, unspaced
from apps.decision.types import Severity

Row = Callable[..., Rule]


def rows(kind: InjectionClass, concepts: Concepts, *, spaced: bool = True) -> Row:
    """A function that makes rules of one class, with one set of concepts."""

    def row(
        name: str,
        written: str,
        *,
        hits: tuple[str, ...],
        misses: tuple[str, ...],
        check: Check = plainly,
        severity: Severity | None = None,
        looks_for: tuple[str, ...] = (),
    ) -> Rule:
        regex = expression(written, concepts) if spaced else unspaced(written, concepts)
        weight = severity or CLASS_SEVERITY[kind]
        return Rule(name, kind, weight, regex, hits, misses, check, looks_for or needs(written, concepts))

    return row
