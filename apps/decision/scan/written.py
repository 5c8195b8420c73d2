"""What a tenant may write of its own: a name, an expression that is linear and says something, examples that agree."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence

import hyperscan
import re2

from apps.decision.scan.linear import compile_re2
from apps.decision.scan.occurring import compile_hyperscan

_NAME = re.compile(r"[a-z][a-z0-9_]{1,62}\Z")
_REPEAT = re.compile(r"\{(\d*),?(\d*)\}")
MAX_REGEX = 1_000
MAX_REPEAT = 1_000
MAX_PROGRAM = 20_000  # RE2 instructions
MAX_DATABASE = 4 << 20  # bytes of one expression's automaton
MAX_EXAMPLES = 20
MAX_EXAMPLE = 4_000
# Nothing here is worth finding. Whatever is found in it again and again would be found all over every text.
_ORDINARY = (
    b"The meeting about the new office is on Tuesday at ten. Please bring the list of open questions, and send me the "
    b'notes by Friday. We have moved 14 of 20 desks; the rest comes next week. {"status": "ok", "items": [3, 5]} '
    b"Der Bericht ist fertig, die Zahlen stehen im Anhang. Le rapport est pret, les chiffres sont joints."
)
MAX_ORDINARY = 3
_TOO_FAR = "The expression expands too far; use smaller repetitions."


def flaws(
    name: str,
    regex: str,
    examples: Mapping[str, tuple[Sequence[str], bool]],
    *,
    taken: Collection[str],
    finder: Callable[[], Callable[[str], bool]],
    compiled_as: Callable[[str], str] = str,
    unicode: bool = True,
) -> dict[str, str]:
    """What is wrong, by field; nothing when it can be used.

    `examples`: field → texts, and whether the expression must find them. `finder` makes the search that they are tried
    with, once everything else is right. `compiled_as` turns the expression into what is compiled.
    """
    wrong: dict[str, str] = {}
    if not _NAME.match(name):
        wrong["name"] = "Lower-case letters, digits and underscores, beginning with a letter, at most 63."
    elif name in taken:
        wrong["name"] = "This name is taken."
    if problem := _problem(regex, compiled_as, unicode):
        wrong["regex"] = problem
    for field, (texts, _) in examples.items():
        if len(texts) > MAX_EXAMPLES or any(len(text) > MAX_EXAMPLE for text in texts):
            wrong[field] = f"At most {MAX_EXAMPLES} examples of {MAX_EXAMPLE} characters."
    return wrong or _disagreeing(examples, finder())


def _problem(regex: str, compiled_as: Callable[[str], str], unicode: bool) -> str:
    if not regex or len(regex) > MAX_REGEX or "\0" in regex:
        return f"Between 1 and {MAX_REGEX} characters, without NUL."
    if any(int(number or 0) > MAX_REPEAT for pair in _REPEAT.findall(regex) for number in pair if len(number) < 9):
        return f"A repetition may not exceed {MAX_REPEAT}."
    try:
        compiled = compile_re2(compiled_as(regex), unicode)
    except (re2.error, UnicodeEncodeError) as error:
        return f"Not a valid RE2 expression: {_text(error)}"
    if compiled.programsize > MAX_PROGRAM:
        return _TOO_FAR
    if compiled.search(b"") is not None or (compiled.search(b" ") is not None and compiled.search(b"a") is not None):
        return "The expression matches an empty or an arbitrary text."
    found = [match.end() - match.start() for match in compiled.finditer(_ORDINARY)]
    if len(found) > MAX_ORDINARY or sum(found) > len(_ORDINARY) // 2:
        return "The expression is found all over ordinary text; make it say more."
    try:
        database = compile_hyperscan([(compiled_as(regex), unicode)])
    except hyperscan.error as error:
        return f"Not usable for scanning: {_text(error)}"
    return "" if database.size() <= MAX_DATABASE else _TOO_FAR


def _disagreeing(examples: Mapping[str, tuple[Sequence[str], bool]], finds: Callable[[str], bool]) -> dict[str, str]:
    wrong: dict[str, str] = {}
    for field, (texts, expected) in examples.items():
        number = next((number for number, text in enumerate(texts, 1) if finds(text) is not expected), 0)
        if number:
            says = "is not found by the expression" if expected else "is found, though it should not be"
            wrong[field] = f"Example {number} {says}."
    return wrong


def _text(error: Exception) -> str:
    detail = error.args[0] if error.args else ""
    return (detail.decode("utf-8", "replace") if isinstance(detail, bytes) else str(detail))[:200]
