"""Bodies without `if`: the old syntax, which rego-cpp still takes and OPA refuses. Looked for in a module's text."""

import re
from collections.abc import Iterator
from typing import Final

from apps.decision.rego.errors import Problem

_TOKEN: Final = re.compile(
    r"""(?P<skip>[ \t\r]+|\#[^\n]*)|(?P<line>\n)|(?P<text>"(?:[^"\\\n]|\\.)*"|`[^`]*`)"""
    r"""|(?P<word>[A-Za-z_]\w*)|(?P<number>\d[\w.]*)|(?P<mark>:=|.)""",
    re.DOTALL,
)
# Behind these a brace opens a value and not a body.
_BEFORE_VALUES: Final = frozenset(
    {"contains", "in", "default", "not", "some", "with", "as", "import", "package", "every"}
)


def old_bodies(file: str, source: str) -> Iterator[Problem]:
    depth = 0
    previous, previous_kind = "", "line"
    in_body = False  # behind `if`, to the end of the rule
    for match in _TOKEN.finditer(source):
        kind, part = str(match.lastgroup), match.group(0)
        if kind == "skip":
            continue
        if (
            depth == 0
            and previous_kind == "line"
            and kind == "word"
            and match.start() == _line_start(source, match.start())
        ):
            in_body = False
        if kind == "word" and part == "if":
            in_body = in_body or depth == 0
        elif kind == "word" and part == "else" and depth == 0:
            in_body = False
        elif part == "$" and source[match.end() : match.end() + 1] in {'"', "`"}:
            return  # a template string nests strings in strings; what follows cannot be told apart this simply
        elif kind == "mark" and part in "([{":
            if part == "{" and depth == 0 and not in_body and _ends_a_head(previous, previous_kind):
                start = _line_start(source, match.start())
                line = source.count("\n", 0, start) + 1
                message = "`if` is required before a rule's body"
                yield Problem(file, line, match.start() - start + 1, "rego_parse_error", message)
            depth += 1
        elif kind == "mark" and part in ")]}":
            depth = max(depth - 1, 0)
        if kind != "line" or depth == 0:
            previous, previous_kind = part, kind


def _ends_a_head(part: str, kind: str) -> bool:
    if kind == "word":
        return part not in _BEFORE_VALUES
    return kind in {"number", "text"} or (kind == "mark" and part in ")]}")


def _line_start(source: str, at: int) -> int:
    return source.rfind("\n", 0, at) + 1
