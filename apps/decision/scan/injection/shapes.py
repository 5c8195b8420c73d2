"""Which disguises a text may wear at all, in one pass: what is not there need not be looked for closely."""

import re
from enum import IntEnum
from functools import cache

from apps.decision.scan.occurring import Occurring


class Shape(IntEnum):
    MARKUP = 0
    SPACED = 1
    LEET = 2
    ROT13 = 3
    PLUSES = 4
    BASE64 = 5
    HEX = 6
    CODES = 7


_SEPARATOR = r"(?:[ \t\n]{1,4}|[ \t]?[._*|/~+-][ \t]?)"
_LETTER = r"(?:[A-Za-z]|[\xc0-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2})"
_EXPRESSIONS = {
    Shape.MARKUP: r"<[/a-zA-Z!]|-->|\]\]>|&(?:#|[a-zA-Z]{2})|\\[nrtuUx\"'/]|%[0-9a-fA-F]{2}"
    r"|[A-Za-z](?:\*{1,3}|`|~~|__)[A-Za-z]|[A-Za-z]-\n",
    Shape.SPACED: rf"(?:{_LETTER}{_SEPARATOR}){{6}}",
    Shape.LEET: r"[A-Za-z][013457@$!|]+[A-Za-z]|(?:^|[^A-Za-z0-9])[1@$!|4][A-Za-z]{2}"
    r"|(?:^|[^A-Za-z0-9])[A-Za-z]{2,20}[013457@$][013457@$A-Za-z]",
    Shape.ROT13: r"(?i)vafgehpgvba|vtaber|cerivbhf|cebzcg|nffvfgnag|qvfertneq|rot-?\s?13|caesar",
    Shape.PLUSES: r"[A-Za-z]{2}\+[A-Za-z]{2,20}\+[A-Za-z]{2,20}\+",
    Shape.BASE64: r"[A-Za-z0-9+/_-]{24}",
    Shape.HEX: r"(?:[0-9A-Fa-f]{2}[ :,]?){20}",
    Shape.CODES: r"(?:\d{2,3}(?:,\s?|\s)){16}",
}
# Where words in folded text look like leet: a little more than the shape, found by the signs and not by the words.
LEET = re.compile(
    rb"[013457@$!|](?:(?<=[a-z].)(?:[013457@$!|]*[a-z]|(?<=[a-z]{2}.)[013457@$])"
    rb"|(?<=[1@$!|4])(?<![a-z0-9].)[a-z]{2})"
)


@cache
def _shapes() -> Occurring:
    return Occurring([(_EXPRESSIONS[shape], False) for shape in Shape])


def shapes_of(buffer: bytes) -> set[int]:
    return _shapes()(buffer)
