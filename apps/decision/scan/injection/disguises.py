"""The views of a text: markup and escapes undone, letters drawn together, look-alikes read as what they look like,
and what is encoded, decoded where its shape says so. Every step is one linear pass; nesting is bounded.
"""

import html
import re
from collections.abc import Callable, Iterable, Iterator

from apps.decision.scan.injection import codecs, folding
from apps.decision.scan.injection.codecs import Piece
from apps.decision.scan.injection.views import DEPTH, View, folded, joined, rewritten, translated

_INLINE = "b|i|u|s|em|strong|span|font|a|wbr|mark|small|sub|sup|tt|code|ins|del|abbr|bdi|bdo|label|big"
_MARKUP = re.compile(
    rf"(?P<inline></?(?:{_INLINE})(?=[\s>/])[^<>]{{0,400}}>)"
    r"|(?P<tag><!--|-->|</?[a-z][a-z0-9-]{0,20}(?=[\s>/])[^<>]{0,400}>|<!\[cdata\[|\]\]>)"
    r"|(?P<entity>&(?:#[0-9]{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,30});)"
    r"|(?P<blank>\\{1,4}[nrt])"
    r"|\\{1,3}u\{?(?P<unicode>[0-9a-f]{4,6})\}?|\\{1,2}x(?P<byte>[2-7][0-9a-f])"
    r"|(?P<percent>(?:%[0-9a-f]{2})+)"
    r"|(?P<slash>\\{1,3}[\"'/])"
    r"|(?P<emphasis>(?<=[a-z])(?:\*{1,3}|`|~~|__)(?=[a-z]))"
    r"|(?P<split>(?<=[a-z])-\n[ ]{0,8}(?=[a-z]))"
)
_PLUSES = re.compile(r"[a-z]{2,}\+[a-z]{2,}\+[a-z]{2,}\+")
# One letter, one separator, one letter …: at least six in a row. Two blanks or more stand between words.
_SPACED = re.compile(r"(?<![^\W_])(?:[^\W\d_](?:[ \t]|[ \t]?[._*|/~+-][ \t]?|\n)){5,}[^\W\d_](?![^\W_])")
_SPACED_WIDE = re.compile(r"(?<![^\W_])(?:[^\W\d_](?:[ \t]|[._*|/~+-]|[ \t]{2,4})){8,}[^\W\d_](?![^\W_])")
_SEPARATOR = re.compile(r"[ \t]{2,4}|[ \t]?[._*|/~+-][ \t]?|[ \t\n]")
_ROT13_MARK = re.compile(r"rot-?\s?13|caesar")
_ROT13_WORDS = re.compile(r"vafgehpgvba|vtaber|cerivbhf|cebzcg|nffvfgnag|qvfertneq")


def views(text: str, depth: int = 0) -> Iterator[View]:
    """The text as it stands first; then whatever hides in it."""
    plain = folded(text)
    yield plain
    surfaces = [plain]
    for _ in range(2):  # escapes of escapes: JSON in JSON, entities of entities
        inner = rewritten(surfaces[-1], _MARKUP, _unmarked, "markup")
        if inner is None or inner.text == surfaces[-1].text:
            break
        surfaces.append(inner)
        yield inner
    for surface in (surfaces[0], surfaces[-1])[: len(surfaces)]:
        yield from _readings(surface)
    if depth < DEPTH:
        yield from _decoded(text, depth)


def _readings(surface: View) -> Iterator[View]:
    text = surface.text
    drawn = rewritten(surface, _SPACED_WIDE, _together, "letters") or rewritten(surface, _SPACED, _together, "letters")
    if drawn is not None:
        yield drawn
    for view in (surface, drawn):
        if view is not None and (
            folding.LEETED.search(view.text) or (not view.text.isascii() and folding.MIXED.search(view.text))
        ):
            yield translated(view, folding.LOOKALIKES | folding.LEET, "lookalikes")
    if _ROT13_WORDS.search(text) or _ROT13_MARK.search(text):
        yield translated(surface, folding.ROT13, "rot13")
    if _PLUSES.search(text):
        yield translated(surface, {43: " "}, "url")


def _decoded(text: str, depth: int) -> Iterator[View]:
    for via, find in _CODECS:
        pieces = list(find(text))
        if not pieces:
            continue
        whole, back = joined(pieces)
        for view in views(whole, depth + 1):
            yield View(view.text, _chained(view.back, back), f"{via}+{view.via}" if view.via else via)


def _chained(
    inner: Callable[[int, int], tuple[int, int]], outer: Callable[[int, int], tuple[int, int]]
) -> Callable[[int, int], tuple[int, int]]:
    return lambda start, end: outer(*inner(start, end))


_CODECS: tuple[tuple[str, Callable[[str], Iterable[Piece]]], ...] = (
    ("tags", codecs.tags),
    ("selectors", codecs.selectors),
    ("bidi", codecs.reversed_runs),
    ("base64", codecs.base64_text),
    ("hex", codecs.hex_text),
    ("codes", codecs.character_codes),
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
