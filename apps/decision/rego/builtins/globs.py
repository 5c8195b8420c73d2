"""Whether two simple patterns have a text in common: literals, `.`, `[a-z]`, each with `*` or `+`."""

from typing import Final, TypeAlias

from apps.decision.rego.builtins.arguments import string
from apps.decision.rego.errors import BuiltinError
from apps.decision.rego.values import Value

Ranges: TypeAlias = tuple[tuple[str, str], ...]  # inclusive
Part: TypeAlias = tuple[Ranges, str]  # what one character may be; "", "*" or "+"

_ANY: Final[Ranges] = (("\0", "\U0010ffff"),)
_MAX_PARTS: Final = 1000


def globs_match(a: Value, b: Value) -> bool:
    first, second = _parts(string(a, 1)), _parts(string(b, 2))
    if not first or not second:
        return not first and not second
    end = (len(first), len(second))
    seen: set[tuple[int, int]] = set()
    waiting = [(0, 0)]
    while waiting:
        at = waiting.pop()
        if at in seen:
            continue
        if at == end:
            return True
        seen.add(at)
        i, j = at
        # `x*` may be passed over; `x+` was written as `x` and `x*`.
        if i < end[0] and first[i][1]:
            waiting.append((i + 1, j))
        if j < end[1] and second[j][1]:
            waiting.append((i, j + 1))
        if i < end[0] and j < end[1] and _overlap(first[i][0], second[j][0]):
            waiting.append((i if first[i][1] else i + 1, j if second[j][1] else j + 1))
    return False


def _overlap(a: Ranges, b: Ranges) -> bool:
    return any(low <= other_high and other_low <= high for low, high in a for other_low, other_high in b)


def _parts(text: str) -> list[Part]:
    parts: list[Part] = []
    at = 0
    while at < len(text):
        character = text[at]
        at += 1
        if character == ".":
            ranges = _ANY
        elif character == "[":
            ranges, at = _set(text, at)
        elif character in "]*+":
            raise BuiltinError("the pattern is not valid")
        else:
            if character == "\\":
                if at >= len(text):
                    raise BuiltinError("nothing follows the last backslash")
                character = text[at]
                at += 1
            ranges = ((character, character),)
        flag = text[at : at + 1]
        if flag == "*":
            parts.append((ranges, "*"))
            at += 1
        elif flag == "+":
            parts += [(ranges, ""), (ranges, "*")]
            at += 1
        else:
            parts.append((ranges, ""))
    if len(parts) > _MAX_PARTS:
        raise BuiltinError("the pattern is too long")
    return parts


def _set(text: str, at: int) -> tuple[Ranges, int]:
    found: list[tuple[str, str]] = []
    while at < len(text) and text[at] != "]":
        if text[at] == "\\":
            at += 1
        low = high = text[at : at + 1]
        at += 1
        if text[at : at + 1] == "-" and text[at + 1 : at + 2] not in ("", "]"):
            high = text[at + 1]
            at += 2
        if not low or high < low:
            raise BuiltinError("the character range is not valid")
        found.append((low, high))
    if at >= len(text) or not found:
        raise BuiltinError("the character set is not closed")
    return tuple(found), at + 1
