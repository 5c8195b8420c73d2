"""What of a call may be a piece of a credential: short texts by field, without the wrapping people put around them."""

import re
from collections.abc import Iterator, Mapping
from itertools import repeat
from typing import Final
from urllib.parse import unquote

from apps.decision.types import JSON, Piece

GAP: Final = "\n"  # between the words of a value
MAX_CHARACTERS: Final = 2048  # of one call
_LONGEST_WORD: Final = 1536
_LEAVES: Final = 4096
_FIRST_LEAVES: Final = 48  # after so many only what looks like a piece is taken
_PROSE: Final = 12  # so many words are a text, and what looks like a piece stands out in it
_FROM_PROSE: Final = 4
_ARMOUR: Final = "-----"
_QUOTES: Final = frozenset("\"'`“”„‘’«»")
_GAPS: Final = re.compile(r"[^0-9A-Za-z+/_.-]+")
_WORD: Final = re.compile(r"[A-Za-z]?[a-z]*[.]{0,3}|/?[A-Za-z]?[a-z]+(?:[-_./][a-z]+)+|[.-]{1,3}|/")
_LABEL: Final = re.compile(
    r"(?:\d{1,3}(?:[/.-]\d{0,3})?[.]?|PART|CHUNK|PIECE|SEGMENT|FRAGMENT|NO|NR|OF)", re.IGNORECASE
)
_NUMBER: Final = re.compile(r"\d{1,6}|\d+[.]\d+|\d{4}-\d\d-\d\d.*")
_DIGIT: Final = re.compile(r"[0-9]")
_LETTER: Final = re.compile(r"[A-Za-z]")
_MIXED: Final = re.compile(r"[a-z][A-Z]|[A-Z][a-z]+[A-Z]")
_SIGNS: Final = re.compile(r"[^0-9a-z]")
_STEM: Final = re.compile(r"[0-9_.\- ]+")
_LABELLED: Final = re.compile(
    r"^(?:(?:part|chunk|piece|segment|fragment|no|nr)[ ]?)?\d{1,3}(?:(?: of |[ /])\d{1,3})? ", re.IGNORECASE
)
# What the protocol and tracing put beside every call.
_ENVELOPE: Final = frozenset({"progressToken", "traceparent", "tracestate", "baggage"})
_RESERVED: Final = "io.modelcontextprotocol/"


def read(value: JSON) -> list[tuple[str, str]]:
    """Fields and texts, in order; empty when there is nothing."""
    taken: list[tuple[str, str]] = []
    left = MAX_CHARACTERS
    for number, (name, text) in enumerate(_leaves(value)):
        words = _words(text)
        if not words or (number >= _FIRST_LEAVES and not _random(core(words))):
            continue
        left -= len(words)
        if left < 0:
            break
        taken.append((stem(name), words))
    return taken


def piece(name: str, text: str, starts: tuple[tuple[str, int], ...] = ()) -> Piece:
    """What a text of `read` looks like."""
    tight, spaced = core(text), unlabelled(text.replace(GAP, " "))
    return Piece(name, text, tight, spaced, letters(spaced), not plain(tight), sentence(text), starts)


def letters(text: str) -> str:
    return _SIGNS.sub("", text.lower())


def core(words: str) -> str:
    """A value's words in one, without labels. Of words alone the last stands, for it may be the begin of something."""
    parts = [part for part in words.split(GAP) if part]
    if len(parts) == 1:
        return parts[0]
    odd = [part for part in parts if not _LABEL.fullmatch(part) and not _WORD.fullmatch(part)]
    return "".join(odd) if odd else parts[-1] if parts else ""


def sentence(words: str) -> bool:
    """Three words and more, and nothing but words."""
    parts = [part for part in words.split(GAP) if part and not _LABEL.fullmatch(part)]
    return len(parts) >= 3 and all(_WORD.fullmatch(part) for part in parts)


def unlabelled(text: str) -> str:
    return _LABELLED.sub("", text)


def plain(text: str) -> bool:
    """A word, a number, a path: what honest calls are full of."""
    return bool(_WORD.fullmatch(text) or _NUMBER.fullmatch(text)) or text.startswith(("/", "./", "//"))


def stem(field: str) -> str:
    """part1, part2 and part_3 are one field."""
    return _STEM.sub("", field)


def _words(text: str) -> str:
    stripped = text.strip()
    if len(stripped) > 1 and stripped[0] in _QUOTES and stripped[-1] in _QUOTES:
        text = stripped[1:-1]
    if "%" in text:
        text = unquote(text, errors="replace")
    words = _GAPS.sub(GAP, text)
    if len(words) <= 256 and words.count(GAP) < _PROSE:
        return words
    parts = words.split(GAP)
    if _ARMOUR in words:
        return words[: MAX_CHARACTERS // 4]
    if len(parts) < _PROSE:
        return words if len(words) <= _LONGEST_WORD else ""
    found = [part for part in parts[:-1] if len(part) <= _LONGEST_WORD and _random(part)]
    last = next((part for part in reversed(parts) if part), "")
    return GAP.join([*found[:_FROM_PROSE], last[-_LONGEST_WORD:]])


def _random(text: str) -> bool:
    """Digits among letters, or capitals among small ones."""
    if len(text) < 4 or plain(text):
        return False
    return bool((_DIGIT.search(text) and _LETTER.search(text)) or _MIXED.search(text) or "_" in text or "--" in text)


def _leaves(value: JSON) -> Iterator[tuple[str, str]]:
    """Texts with the name of the field they stand in, in order; keys that look like no name as well."""
    stack: list[Iterator[tuple[str, JSON]]] = [iter([("", value)])]
    left = _LEAVES
    while stack:
        for field, item in stack[-1]:
            if isinstance(item, str):
                left -= 1
                if left < 0:
                    return
                yield field, item
            elif isinstance(item, dict):
                stack.append(_members(item))
                break
            elif isinstance(item, list):
                stack.append(zip(repeat(field), item))
                break
        else:
            stack.pop()


def _members(item: Mapping[str, JSON]) -> Iterator[tuple[str, JSON]]:
    for key, member in item.items():
        if key in _ENVELOPE or key.startswith(_RESERVED):
            continue
        if len(key) > 64 or (_DIGIT.search(key) and _MIXED.search(key)):
            yield "{}", key
        yield key[:64], member
