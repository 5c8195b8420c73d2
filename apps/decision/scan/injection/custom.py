"""Rules that a tenant writes. A bad one is refused when it is saved, never met at decision time."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from apps.decision.errors import BadInput
from apps.decision.scan.injection import folding
from apps.decision.scan.injection.automaton import Automaton
from apps.decision.scan.injection.disguises import views
from apps.decision.scan.injection.kinds import InjectionClass
from apps.decision.scan.injection.rule import Rule, as_bytes
from apps.decision.scan.injection.rules.table import BUILTIN_RULES
from apps.decision.scan.written import flaws
from apps.decision.types import Severity

MAX_SHOWN: Final = 200  # characters of an expression in a sentence
# A capital letter, or a whole sign of RE2 in which one means something else.
_CAPITAL: Final = re.compile(
    r"\\(?:[pP](?:\{[^}]*\}|.)|x(?:\{[^}]*\}|[0-9A-Fa-f]{2})|.)|\(\?P?<[^>]*>|\(\?[A-Za-z-]+[:)]|[A-Z]", re.DOTALL
)


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


def _unfolded(regex: str) -> str:
    """What to write instead of an expression that names capital letters, which no folded text has; "" for others."""
    lowered = _CAPITAL.sub(lambda found: found[0].lower() if len(found[0]) == 1 else found[0], regex)
    if lowered == regex:
        return ""
    instead = lowered if len(lowered) <= MAX_SHOWN else "the expression in lower case"
    return f"The text is folded to lower case: write {instead}"


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
    if "regex" not in wrong and (lowered := _unfolded(own.regex)):
        wrong = {field: words for field, words in wrong.items() if field == "name"} | {"regex": lowered}
    if wrong:
        raise BadInput("The rule cannot be used.", code="bad_rule", fields=wrong)
