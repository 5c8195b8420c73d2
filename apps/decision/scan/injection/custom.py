"""Rules that a tenant writes. A bad one is refused when it is saved, never met at decision time."""

import re
from collections.abc import Collection
from dataclasses import dataclass

import hyperscan
import re2

from apps.decision.errors import BadInput
from apps.decision.scan.custom import MAX_DATABASE, MAX_EXAMPLE, MAX_EXAMPLES, MAX_PROGRAM, MAX_REGEX, MAX_REPEAT
from apps.decision.scan.injection import folding
from apps.decision.scan.injection.automaton import Automaton
from apps.decision.scan.injection.disguises import views
from apps.decision.scan.injection.kinds import InjectionClass
from apps.decision.scan.injection.rule import Rule, as_bytes
from apps.decision.scan.injection.rules.table import BUILTIN_RULES
from apps.decision.scan.linear import compile_re2
from apps.decision.scan.matcher import compile_hyperscan
from apps.decision.types import Severity

_NAME = re.compile(r"[a-z][a-z0-9_]{1,62}\Z")
_REPEAT = re.compile(r"\{(\d*),?(\d*)\}")


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
    wrong: dict[str, str] = {}
    if not _NAME.match(own.name):
        wrong["name"] = "Lower-case letters, digits and underscores, beginning with a letter, at most 63."
    elif own.name in taken or own.name == "statistical" or any(own.name == rule.name for rule in BUILTIN_RULES):
        wrong["name"] = "This name is taken."
    problem = _regex_problem(own.regex)
    if problem:
        wrong["regex"] = problem
    for field, examples in (("hits", own.hits), ("misses", own.misses)):
        if len(examples) > MAX_EXAMPLES or any(len(example) > MAX_EXAMPLE for example in examples):
            wrong[field] = f"At most {MAX_EXAMPLES} examples of {MAX_EXAMPLE} characters."
    if not wrong:
        wrong = _example_problems(own)
    if wrong:
        raise BadInput("The rule cannot be used.", code="bad_rule", fields=wrong)


def _regex_problem(regex: str) -> str:
    if not regex or len(regex) > MAX_REGEX or "\0" in regex:
        return f"Between 1 and {MAX_REGEX} characters, without NUL."
    if any(int(number or 0) > MAX_REPEAT for pair in _REPEAT.findall(regex) for number in pair if len(number) < 9):
        return f"A repetition may not exceed {MAX_REPEAT}."
    try:
        written = _written(regex)
        compiled = compile_re2(written)
    except (re2.error, UnicodeEncodeError) as error:
        return f"Not a valid RE2 expression: {_text(error)}"
    if compiled.programsize > MAX_PROGRAM:
        return "The expression expands too far; use smaller repetitions."
    if compiled.search(b"") is not None or (compiled.search(b" ") is not None and compiled.search(b"a") is not None):
        return "The expression matches an empty or an arbitrary text."
    try:
        database = compile_hyperscan([(written, False)])
    except hyperscan.error as error:
        return f"Not usable for scanning: {_text(error)}"
    return "" if database.size() <= MAX_DATABASE else "The expression expands too far; use smaller repetitions."


def _example_problems(own: CustomRule) -> dict[str, str]:
    automaton = Automaton((own.rule(),))
    wrong: dict[str, str] = {}
    for field, examples, expected in (("hits", own.hits, True), ("misses", own.misses, False)):
        for index, example in enumerate(examples):
            if any(True for view in views(example) for _ in automaton.find(view)) is not expected:
                says = "is not found by the expression" if expected else "is found, though it should not be"
                wrong[field] = f"Example {index + 1} {says}."
                break
    return wrong


def _text(error: Exception) -> str:
    detail = error.args[0] if error.args else ""
    return (detail.decode("utf-8", "replace") if isinstance(detail, bytes) else str(detail))[:200]
