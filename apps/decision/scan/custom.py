"""Patterns that a tenant writes. A bad one is refused when it is saved, never met at decision time."""

import re
from collections.abc import Collection
from dataclasses import dataclass

import hyperscan
import re2

from apps.decision.errors import BadInput
from apps.decision.scan.linear import compile_re2
from apps.decision.scan.matcher import Matcher, compile_hyperscan
from apps.decision.scan.pattern import Pattern
from apps.decision.scan.patterns import BUILTIN_PATTERNS
from apps.decision.types import DlpAction, Severity

_NAME = re.compile(r"[a-z][a-z0-9_]{1,62}\Z")
_REPEAT = re.compile(r"\{(\d*),?(\d*)\}")
MAX_REGEX = 1_000
MAX_REPEAT = 1_000
MAX_PROGRAM = 20_000  # RE2 instructions
MAX_DATABASE = 4 << 20  # bytes of one expression's automaton
MAX_EXAMPLES = 20
MAX_EXAMPLE = 4_000


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
    wrong: dict[str, str] = {}
    if not _NAME.match(pattern.name):
        wrong["name"] = "Lower-case letters, digits and underscores, beginning with a letter, at most 63."
    elif pattern.name in taken or any(pattern.name == builtin.name for builtin in BUILTIN_PATTERNS):
        wrong["name"] = "This name is taken."
    problem = _regex_problem(pattern.regex)
    if problem:
        wrong["regex"] = problem
    for field, examples in (("examples_hit", pattern.examples_hit), ("examples_miss", pattern.examples_miss)):
        if len(examples) > MAX_EXAMPLES or any(len(example) > MAX_EXAMPLE for example in examples):
            wrong[field] = f"At most {MAX_EXAMPLES} examples of {MAX_EXAMPLE} characters."
    if not wrong:
        wrong = _example_problems(pattern)
    if wrong:
        raise BadInput("The pattern cannot be used.", code="bad_pattern", fields=wrong)


def _regex_problem(regex: str) -> str:
    if not regex or len(regex) > MAX_REGEX or "\0" in regex:
        return f"Between 1 and {MAX_REGEX} characters, without NUL."
    if any(int(number or 0) > MAX_REPEAT for pair in _REPEAT.findall(regex) for number in pair if len(number) < 9):
        return f"A repetition may not exceed {MAX_REPEAT}."
    try:
        compiled = compile_re2(regex, unicode=True)
    except (re2.error, UnicodeEncodeError) as error:
        return f"Not a valid RE2 expression: {_text(error)}"
    if compiled.programsize > MAX_PROGRAM:
        return "The expression expands too far; use smaller repetitions."
    if compiled.search(b"") is not None or (compiled.search(b" ") is not None and compiled.search(b"a") is not None):
        return "The expression matches an empty or an arbitrary text."
    try:
        database = compile_hyperscan([(regex, True)])
    except hyperscan.error as error:
        return f"Not usable for scanning: {_text(error)}"
    return "" if database.size() <= MAX_DATABASE else "The expression expands too far; use smaller repetitions."


def _example_problems(pattern: CustomPattern) -> dict[str, str]:
    matcher = Matcher((pattern.pattern(),))
    wrong: dict[str, str] = {}
    for index, example in enumerate(pattern.examples_hit):
        if not matcher.find(example.encode("utf-8", "replace")):
            wrong["examples_hit"] = f"Example {index + 1} is not found by the expression."
            break
    for index, example in enumerate(pattern.examples_miss):
        if matcher.find(example.encode("utf-8", "replace")):
            wrong["examples_miss"] = f"Example {index + 1} is found, though it should not be."
            break
    return wrong


def _text(error: Exception) -> str:
    detail = error.args[0] if error.args else ""
    return (detail.decode("utf-8", "replace") if isinstance(detail, bytes) else str(detail))[:200]
