"""What is written in base64, percent-encoding or escapes, decoded once, with the way back to where it stood."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from apps.decision.scan.checks import decoded

# Base64 of ASCII text betrays itself: each byte's top bit is zero, so three of four characters come from half the
# alphabet. Five such groups in a row occur in hashes, images and identifiers about once in 30,000 tries, in hex never.
BASE64_TEXT = r"(?:[A-Za-f][A-HQ-Xg-nw-z0-3][ABEFIJMNQRUVYZcdghklopstwx014589][0-9A-Za-z+/_-]){5}"
# Not "%20": no secret begins, ends or changes with a blank, and clean URLs are full of them.
ESCAPE = (
    r"%(?:0[ADad]|2[1-9A-Fa-f]|[3-7][0-9A-Fa-f])|\\(?:u00|x)[2-7][0-9A-Fa-f]|\\/"
    r"|&(?:amp|quot|lt|gt|apos|#\d{2}|#x[0-9A-Fa-f]{2});"
)

_BASE64_TEXT = re.compile(BASE64_TEXT.encode())
_ALPHABET = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+/-_"
_TOKEN = re.compile(rb"[0-9A-Za-z+/_-]+={0,2}")
_WRAP = re.compile(rb"(?:\\r)?(?:\\n|\r?\n)[ \t]{0,20}(?=[0-9A-Za-z+/_-]{4})")
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
_LOOKBACK = 1 << 12
_ASCII_ONLY = bytes(byte if byte < 128 else 63 for byte in range(256))

_PERCENT = re.compile(rb"%[0-9A-Fa-f]{2}")
# More than one backslash: JSON that stands in a string of JSON, however deep.
_OTHER = re.compile(
    rb"\\{1,8}(?:u00|x)([2-7][0-9A-Fa-f])|\\{1,8}(/)|&(amp|quot|lt|gt|apos);|&#(\d{2});|&#x([0-9A-Fa-f]{2});"
)
_ENTITIES = {b"amp": b"&", b"quot": b'"', b"lt": b"<", b"gt": b">", b"apos": b"'"}


@dataclass(frozen=True, slots=True)
class Block:
    """Text that was base64: all of it stands for all of its encoded form."""

    text: bytes
    start: int
    end: int

    def place(self, start: int, end: int) -> tuple[int, int]:
        return self.start, self.end


@dataclass(frozen=True, slots=True)
class Unescaped:
    """A whole buffer without its escapes. Where each of them stood is only worked out when something was found."""

    text: bytes
    steps: tuple[tuple[re.Pattern[bytes], bytes], ...]  # what was replaced in what, first step first
    _marks: list[tuple[list[int], list[int]]] = field(default_factory=list)

    def place(self, start: int, end: int) -> tuple[int, int]:
        if not self._marks:
            self._marks.extend(_mark(pattern, before) for pattern, before in self.steps)
        last = end - 1
        for texts, places in reversed(self._marks):
            start, _ = _back(texts, places, start)
            _, end = _back(texts, places, last)
            last = end - 1
        return start, end


def _mark(pattern: re.Pattern[bytes], before: bytes) -> tuple[list[int], list[int]]:
    """Offsets, after and before the replacement, of every replaced character and of what follows it."""
    texts, places = [0], [0]
    removed = 0
    for match in pattern.finditer(before):
        start, end = match.span()
        texts += (start - removed, start - removed + 1)
        places += (start, end)
        removed += end - start - 1
    return texts, places


def _back(texts: list[int], places: list[int], offset: int) -> tuple[int, int]:
    """Beginning and end of the place that a decoded character came from."""
    index = bisect_right(texts, offset) - 1
    start = places[index] + offset - texts[index]
    if index + 1 < len(texts) and texts[index + 1] == offset + 1:
        return start, places[index + 1]
    return start, start + 1


def escapes(buffer: bytes) -> int:
    """At most how many escapes `unescaped` would have to take out; counting them costs next to nothing."""
    return sum(map(buffer.count, (b"%", b"\\u00", b"\\x", b"\\/", b"&")))


def unescaped(buffer: bytes) -> Unescaped | None:
    steps: list[tuple[re.Pattern[bytes], bytes]] = []
    text = buffer
    if _PERCENT.search(text):
        steps.append((_PERCENT, text))
        text = unquote_to_bytes(text)
    if _OTHER.search(text):
        steps.append((_OTHER, text))
        text = _OTHER.sub(_char, text)
    return Unescaped(_valid(text), tuple(steps)) if steps else None


def _valid(text: bytes) -> bytes:
    """UTF-8 of the same length: the automaton's Unicode patterns must never meet anything else."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return text.translate(_ASCII_ONLY)
    return text


def _char(escape: re.Match[bytes]) -> bytes:
    unicode, slash, entity, decimal, hexadecimal = escape.groups()
    if entity:
        return _ENTITIES[entity]
    if decimal:
        return bytes((int(decimal),))
    return slash or bytes((int(unicode or hexadecimal, 16),))


class TooManyRuns(Exception):  # noqa: N818 - a business word
    """More base64 than is worth decoding."""


def base64_blocks(buffer: bytes, most: int | None = None) -> Iterator[Block]:
    """Runs of base64 that hold text. A run may be wrapped over lines. Raises TooManyRuns after `most`."""
    position = tried = 0
    while (found := _BASE64_TEXT.search(buffer, position)) is not None:
        tried += 1
        if most is not None and tried > most:
            raise TooManyRuns
        head = buffer[max(position, found.start() - _LOOKBACK) : found.start()]
        run = found.start() - (len(head) - len(head.rstrip(_ALPHABET)))
        # What is in front may be a label ("Basic/"): the text tells where the groups of four begin.
        start = run + (found.start() - run) % 4
        pieces, end = _pieces(buffer, start)
        position = max(end, found.end())
        joined = b"".join(pieces)
        text = decoded(joined) or decoded(joined[: len(joined) // 4 * 4])
        if text is None:
            continue
        if text.count(b"\0") * 3 > len(text):
            text = text.replace(b"\0", b"")  # UTF-16, as PowerShell encodes its commands
        sample = text[:4096]
        if len(_BINARY.findall(sample)) * 20 <= len(sample):
            yield Block(_valid(text), start, end)


def _pieces(buffer: bytes, start: int) -> tuple[list[bytes], int]:
    pieces: list[bytes] = []
    end = start
    while (token := _TOKEN.match(buffer, end)) is not None:
        pieces.append(token[0])
        end = token.end()
        # Wrapped lines are long; a short one, or padding, ends the run.
        wrap = None if len(token[0]) < 40 or token[0].endswith(b"=") else _WRAP.match(buffer, end)
        if wrap is None:
            break
        end = wrap.end()
    return pieces, end
