"""Patterns that a tenant writes. A bad one is refused when it is saved, never met at decision time."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from apps.decision.errors import BadInput
from apps.decision.scan.canary import CANARY
from apps.decision.scan.matcher import Matcher
from apps.decision.scan.pattern import Pattern
from apps.decision.scan.patterns import BUILTIN_PATTERNS
from apps.decision.scan.written import flaws
from apps.decision.types import DlpAction, Severity


@dataclass(frozen=True, slots=True)
class CustomPattern:
    """A tenant's own pattern. It sees Unicode text; the first group that took part is what is reported."""

    name: str
    regex: str
    severity: Severity
    action: DlpAction
    examples_hit: tuple[str, ...] = ()
    examples_miss: tuple[str, ...] = ()

    def pattern(self) -> Pattern:
        return Pattern(
            name=self.name,
            title=self.name,
            severity=self.severity,
            regex=self.regex,
            hits=tuple,
            misses=tuple,
            rank=8,
            unicode=True,
        )


def check_custom(pattern: CustomPattern, taken: Collection[str] = ()) -> None:
    """Raises BadInput, with every field that is wrong, unless the pattern can be used. `taken`: names in use."""

    def finder() -> Callable[[str], bool]:
        matcher = Matcher((pattern.pattern(),))
        return lambda text: bool(matcher.find(text.encode("utf-8", "replace")))

    wrong = flaws(
        pattern.name,
        pattern.regex,
        {"examples_hit": (pattern.examples_hit, True), "examples_miss": (pattern.examples_miss, False)},
        taken={*taken, *(builtin.name for builtin in BUILTIN_PATTERNS)},
        finder=finder,
    )
    if pattern.name.startswith(CANARY):
        wrong["name"] = "Names that begin so are those of canary tokens."
    if wrong:
        raise BadInput("The pattern cannot be used.", code="bad_pattern", fields=wrong)
