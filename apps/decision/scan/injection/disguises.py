"""The views of a text: markup and escapes undone, letters drawn together, look-alikes read as what they look like,
and what is encoded, decoded where its shape says so. Every step is one linear pass; nesting is bounded.
"""

import html
import re
from collections.abc import Callable, Iterable, Iterator

from apps.decision.scan.injection import codecs, folding
from apps.decision.scan.injection.codecs import Piece
from apps.decision.scan.injection.shapes import LEET, Shape, shapes_of
from apps.decision.scan.injection.views import (
    DEPTH,
    View,
    around,
    changed,
    folded,
    joined,
    rewritten,
    seeming,
    translated,
)

_PLUS: dict[int, int | str] = {43: " "}
_INLINE = "b|i|u|s|em|strong|span|font|a|wbr|mark|small|sub|sup|tt|code|ins|del|abbr|bdi|bdo|label|big"
# One set of characters first, so that the search runs from one of them to the next.
_MARKUP = re.compile(
    r"[<&\\%*`~_\]-](?:"
    rf"(?P<inline>(?<=<)/?(?:{_INLINE})(?=[\s>/])[^<>]{{0,400}}>)"
    r"|(?P<tag>(?<=<)!--|(?<=-)->|(?<=<)/?[a-z][a-z0-9-]{0,20}(?=[\s>/])[^<>]{0,400}>|(?<=<)!\[cdata\[|(?<=\])\]>)"
    r"|(?P<entity>(?<=&)(?:#[0-9]{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,30});)"
    r"|(?P<blank>(?<=\\)\\{0,3}[nrt])"
    r"|(?<=\\)\\{0,2}u\{?(?P<unicode>[0-9a-f]{4,6})\}?|(?<=\\)\\?x(?P<byte>[2-7][0-9a-f])"
    r"|(?P<percent>(?<=%)[0-9a-f]{2}(?:%[0-9a-f]{2}){0,2000})"
    r"|(?P<slash>(?<=\\)\\{0,2}[\"'/])"
    r"|(?P<emphasis>(?:(?<=[a-z]\*)\*{0,2}|(?<=[a-z]`)|(?<=[a-z]~)~|(?<=[a-z]_)_)(?=[a-z]))"
    r"|(?P<split>(?<=[a-z]-)\n[ ]{0,8}(?=[a-z]))"
    r")"
)
# One letter, one separator, one letter …: at least six in a row. Two blanks or more stand between words.
_SPACED = re.compile(r"(?<![^\W_])(?:[^\W\d_](?:[ \t]|[ \t]?[._*|/~+-][ \t]?|\n)){5,}[^\W\d_](?![^\W_])")
_SPACED_WIDE = re.compile(r"(?<![^\W_])(?:[^\W\d_](?:[ \t]|[._*|/~+-]|[ \t]{2,4})){8,}[^\W\d_](?![^\W_])")
_SEPARATOR = re.compile(r"[ \t]{2,4}|[ \t]?[._*|/~+-][ \t]?|[ \t\n]")


def views(text: str, depth: int = 0) -> Iterator[View]:
    """The text as it stands first; then whatever hides in it."""
    plain = folded(text)
    yield plain
    seen = inside = shapes_of(plain.buffer)
    surface = plain
    for again in range(2):  # escapes of escapes: JSON in JSON, entities of entities
        inner = rewritten(surface, _MARKUP, _unmarked, "markup") if Shape.MARKUP in inside else None
        if inner is None or inner.text == surface.text:
            break
        surface, inside = inner, shapes_of(inner.buffer)
        if not again:  # the second time the way back leads to the first alone
            inner.only = around(inner, changed(inner))
        yield inner
    yield from _readings(plain, seen)
    if surface is not plain:
        yield from _readings(surface, inside)
    if depth < DEPTH:
        yield from _decoded(text, depth, seen)


def _readings(surface: View, seen: set[int]) -> Iterator[View]:
    drawn = None
    if Shape.SPACED in seen:
        drawn = rewritten(surface, _SPACED_WIDE, _together, "letters") or rewritten(
            surface, _SPACED, _together, "letters"
        )
    if drawn is not None:
        yield drawn
    mixed = not surface.text.isascii() and folding.MIXED.search(surface.text) is not None
    if Shape.LEET in seen or drawn is not None or mixed:
        only = None if mixed or Shape.LEET not in seen else _leet(surface)
        yield seeming(surface, only)
        if drawn is not None:
            yield seeming(drawn, None)
    if Shape.ROT13 in seen:
        yield translated(surface, folding.ROT13, "rot13")
    if Shape.PLUSES in seen:
        yield translated(surface, _PLUS, "url")


def _leet(surface: View) -> tuple[tuple[int, int], ...] | None:
    """Around the words that look like leet; in a view that only says something new in places, around those there."""
    if surface.only is None:
        return around(surface, (match.span() for match in LEET.finditer(surface.buffer)))
    inside = (match.span() for start, end in surface.only for match in LEET.finditer(surface.buffer, start, end))
    return around(surface, inside)


def _decoded(text: str, depth: int, seen: set[int]) -> Iterator[View]:
    for via, shape, find in _CODECS:
        if text.isascii() if shape is None else shape not in seen:
            continue
        pieces = list(find(text))
        if not pieces:
            continue
        whole, back = joined(pieces)
        for view in views(whole, depth + 1):
            nested = f"{via}+{view.via}" if view.via else via
            yield View(view.text, _chained(view.back, back), nested, only=view.only)


def _chained(
    inner: Callable[[int, int], tuple[int, int]], outer: Callable[[int, int], tuple[int, int]]
) -> Callable[[int, int], tuple[int, int]]:
    return lambda start, end: outer(*inner(start, end))


_CODECS: tuple[tuple[str, Shape | None, Callable[[str], Iterable[Piece]]], ...] = (
    ("tags", None, codecs.tags),
    ("selectors", None, codecs.selectors),
    ("bidi", None, codecs.reversed_runs),
    ("base64", Shape.BASE64, codecs.base64_text),
    ("hex", Shape.HEX, codecs.hex_text),
    ("codes", Shape.CODES, codecs.character_codes),
)


def _unmarked(match: re.Match[str]) -> str:
    kind = match.lastgroup
    if kind in ("inline", "emphasis", "split"):
        return ""
    if kind in ("tag", "blank"):
        return "\n" if kind == "blank" else " "
    if kind == "slash":
        return match[0][-1]
    if kind == "entity":
        return folding.fold(html.unescape(match[0]))
    if kind == "percent":
        return folding.fold(bytes.fromhex(match[0].replace("%", "")).decode("utf-8", "replace"))
    return folding.fold(chr(min(int(match["unicode"] or match["byte"], 16), 0x10FFFF)))


def _together(match: re.Match[str]) -> str:
    return _SEPARATOR.sub(lambda gap: " " if len(gap[0]) > 1 and gap[0].isspace() else "", match[0])
