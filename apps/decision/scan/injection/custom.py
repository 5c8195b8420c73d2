"""Rules that a tenant writes. A bad one is refused when it is saved, never met at decision time."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from apps.decision.errors import BadInput
from apps.decision.scan.injection import folding
from apps.decision.scan.injection.automaton import Automaton
from apps.decision.scan.injection.disguises import views
from apps.decision.scan.injection.kinds import InjectionClass
from apps.decision.scan.injection.rule import Rule, as_bytes
from apps.decision.scan.injection.rules.table import BUILTIN_RULES
from apps.decision.scan.written import flaws
from apps.decision.types import Severity


@dataclass(frozen=True, slots=True)
class CustomRule:
    """A tenant's own rule: an RE2 expression over folded text (lower case, Latin letters without diacritics)."""

    name: str
    kind: InjectionClass
    severity: Severity
    regex: str
    hits: tuple[str, ...] = ()
    misses: tuple[str, ...] = ()

    def rule(self) -> Rule:
        return Rule(self.name, self.kind, self.severity, _written(self.regex), self.hits, self.misses)


def _written(regex: str) -> str:
    """Letters beyond ASCII are folded as the text is; the expression's own signs are ASCII and stay."""
    return as_bytes(folding.NON_ASCII.sub(folding.fold_run, regex))


def check_custom_rule(own: CustomRule, taken: Collection[str] = ()) -> None:
    """Raises BadInput, with every field that is wrong, unless the rule can be used. `taken`: names in use."""

    def finder() -> Callable[[str], bool]:
        automaton = Automaton((own.rule(),))
        return lambda text: any(True for view in views(text) for _ in automaton.find(view))

    wrong = flaws(
        own.name,
        own.regex,
        {"hits": (own.hits, True), "misses": (own.misses, False)},
        taken={*taken, "statistical", *(rule.name for rule in BUILTIN_RULES)},
        finder=finder,
        compiled_as=_written,
        unicode=False,
    )
    if wrong:
        raise BadInput("The rule cannot be used.", code="bad_rule", fields=wrong)
