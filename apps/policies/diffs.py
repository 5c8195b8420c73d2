"""What a change changes, line by line, in the form that `diff -u` and every reviewer knows."""

import difflib
from dataclasses import dataclass

CONTEXT = 3
MAX_LINES = 20_000  # of both sides; beyond that the two are shown as a whole, which needs no comparing


@dataclass(frozen=True, slots=True)
class Diff:
    text: str
    added: int
    removed: int


def unified(before: str, after: str, *, was: str, would: str) -> Diff:
    old, new = before.splitlines(), after.splitlines()
    if len(old) + len(new) > MAX_LINES:
        lines = [f"--- {was}", f"+++ {would}", *(f"-{line}" for line in old), *(f"+{line}" for line in new)]
    else:
        lines = list(difflib.unified_diff(old, new, was, would, n=CONTEXT, lineterm=""))
    body = lines[2:]
    added = sum(line.startswith("+") for line in body)
    return Diff("\n".join(lines), added, sum(line.startswith("-") for line in body))
