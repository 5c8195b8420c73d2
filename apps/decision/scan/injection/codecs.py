"""Readable text under an encoding, where the shape says that there may be some: each piece with its place."""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import NamedTuple

from apps.decision.scan.injection import folding


class Piece(NamedTuple):
    """Decoded text and the place of what it was decoded from."""

    text: str
    start: int
    end: int


_BASE64 = re.compile(
    r"[A-Za-z0-9+/_-]{24,}(?:(?:\r?\n|\\n)[ \t]{0,8}[A-Za-z0-9+/_-]{16,})*"
    r"(?:(?:\r?\n|\\n)[ \t]{0,8}[A-Za-z0-9+/_-]{1,15}(?==|\s*$))?={0,2}"
)
_LINE = re.compile(r"\\n|\s+")
_SHORTEST = 36  # characters of base64: 27 of text, the least that an order takes
_URLSAFE = str.maketrans("-_", "+/")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}[ :,]?){20,}")
_HEX_RUN = re.compile(r"[0-9A-Fa-f :,]{40,}")  # found much faster than what may be in it
_HEX_DIGITS = re.compile(r"[^0-9A-Fa-f]")
_CODES = re.compile(r"(?<![\d.])(?:\d{2,3}(?:,\s?|\s)){16,}\d{2,3}(?![\d.])")
_NUMBER = re.compile(r"\d+")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd]")
_WORDS = re.compile(r"[^\W\d_]{2,}")
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4,}")
_REVERSED = re.compile("[\u202e\u2067]([^\u202c\u2069\n]{6,2000})")
_FLAG = "\U0001f3f4"
_FEW = 4  # tag characters: the shortest that say anything


def readable(raw: bytes) -> str:
    """The text, when it is text in words; else nothing."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    if _CONTROL.search(text):
        return ""
    letters = sum(map(len, _WORDS.findall(text)))
    worded = " " in text or max(text, default="") > "\u3000" or _BASE64.fullmatch(text) is not None
    return text if worded and letters * 2 >= len(text) else ""


def base64_text(text: str) -> Iterator[Piece]:
    for match in _BASE64.finditer(text):
        body = _LINE.sub("", match[0]).rstrip("=").translate(_URLSAFE)
        if len(body) < _SHORTEST:
            continue
        # What is in front may be a label that the alphabet swallowed: try where each group of four may begin.
        for skip in range(4):
            part = body[skip : skip + (len(body) - skip) // 4 * 4 + 4]
            if len(part) % 4 == 1:
                part = part[:-1]
            try:
                raw = base64.b64decode(part + "=" * (-len(part) % 4))
            except (binascii.Error, ValueError):
                continue
            found = readable(raw)
            if found:
                yield Piece(found, match.start(), match.end())
                break


def hex_text(text: str) -> Iterator[Piece]:
    for match in (match for run in _HEX_RUN.finditer(text) for match in _HEX.finditer(text, *run.span())):
        digits = _HEX_DIGITS.sub("", match[0])
        found = readable(bytes.fromhex(digits[: len(digits) // 2 * 2]))
        if found:
            yield Piece(found, match.start(), match.end())


def character_codes(text: str) -> Iterator[Piece]:
    """Decimal codes of characters, in a list or a row."""
    for match in _CODES.finditer(text):
        numbers = [int(number) for number in _NUMBER.findall(match[0])]
        if all(9 <= number < 127 for number in numbers):
            found = readable(bytes(numbers))
            if found:
                yield Piece(found, match.start(), match.end())


def tags(text: str) -> Iterator[Piece]:
    """ASCII in Unicode's invisible tag characters. Flags of regions are made of them too."""
    if text.isascii():
        return
    for match in folding.TAGS.finditer(text):
        flag = match.start() > 0 and text[match.start() - 1] == _FLAG
        if len(match[0]) >= _FEW and not (flag and len(match[0]) <= 6):
            yield Piece("".join(chr(ord(tag) - 0xE0000) for tag in match[0]), match.start(), match.end())


def selectors(text: str) -> Iterator[Piece]:
    """Bytes in invisible variation selectors."""
    if text.isascii():
        return
    for match in _SELECTORS.finditer(text):
        points = [ord(character) for character in match[0]]
        raw = bytes(point - 0xFE00 if point < 0xFFFF else point - 0xE0100 + 16 for point in points)
        yield Piece(raw.decode("utf-8", "replace"), match.start(), match.end())


def reversed_runs(text: str) -> Iterator[Piece]:
    """What a right-to-left override shows backwards."""
    if text.isascii():
        return
    for match in _REVERSED.finditer(text):
        yield Piece(match[1][::-1], match.start(), match.end())
