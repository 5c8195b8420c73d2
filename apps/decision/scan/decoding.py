"""What is written in base64, percent-encoding or escapes, decoded once, with the way back to where it stood."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from apps.decision.scan.checks import decoded

# Base64 of ASCII text betrays itself: each byte's top bit is zero, so three of four characters come from half the
# alphabet. Five such groups in a row occur in hashes, images and identifiers about once in 30,000 tries, in hex never.
BASE64_TEXT = r"(?:[A-Za-f][A-HQ-Xg-nw-z0-3][ABEFIJMNQRUVYZcdghklopstwx014589][0-9A-Za-z+/_-]){5}"
ESCAPE = r"%[2-7][0-9A-Fa-f]|\\u00[2-7][0-9A-Fa-f]|\\/|&(?:amp|quot|lt|gt|#x?[0-9A-Fa-f]{2});"

_BASE64_TEXT = re.compile(BASE64_TEXT.encode())
_TOKEN = re.compile(rb"[0-9A-Za-z+/_-]+={0,2}")
_TOKEN_BACK = re.compile(rb"[0-9A-Za-z+/_-]*\Z")
_WRAP = re.compile(rb"(?:\\r)?(?:\\n|\r?\n)[ \t]{0,20}(?=[0-9A-Za-z+/_-]{4})")
_ESCAPED_RUN = re.compile(rb"[^\s\"'<>]+")
_ESCAPE = re.compile(
    rb"%([0-9A-Fa-f]{2})|\\u00([0-7][0-9A-Fa-f])|\\(/)|&(amp|quot|lt|gt|apos);|&#(\d{2,3});|&#x([0-9A-Fa-f]{2});"
)
_ENTITIES = {b"amp": b"&", b"quot": b'"', b"lt": b"<", b"gt": b">", b"apos": b"'"}
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
_LOOKBACK = 1 << 16


@dataclass(frozen=True, slots=True)
class Segment:
    """A decoded stretch of the buffer. Without marks, all of it stands for all of its encoded form."""

    text: bytes
    start: int
    end: int
    marks: tuple[tuple[int, int], ...] = ()  # (offset in text, offset in buffer), where an encoded character begins

    def place(self, start: int, end: int) -> tuple[int, int]:
        if not self.marks:
            return self.start, self.end
        return self._at(start), self._at(end - 1, after=True)

    def _at(self, offset: int, after: bool = False) -> int:
        index = bisect_right(self.marks, (offset, 1 << 62)) - 1
        text, place = self.marks[index]
        if not after:
            return place + offset - text
        # The end of this character: where the next mark stands, or one further along plain text.
        if index + 1 < len(self.marks) and self.marks[index + 1][0] == offset + 1:
            return self.marks[index + 1][1]
        return place + offset - text + 1


def base64_segments(buffer: bytes) -> Iterator[Segment]:
    """Runs of base64 that hold text. A run may be wrapped over lines."""
    position = 0
    while (found := _BASE64_TEXT.search(buffer, position)) is not None:
        back = _TOKEN_BACK.search(buffer[max(position, found.start() - _LOOKBACK) : found.start()])
        run = found.start() - (len(back[0]) if back else 0)
        # What is in front may be a label ("Basic/"): the text tells where the groups of four begin.
        start = run + (found.start() - run) % 4
        pieces, end = _pieces(buffer, start)
        position = max(end, found.end())
        text = decoded(b"".join(pieces)) or decoded(_whole_groups(b"".join(pieces)))
        if text is None:
            continue
        if text.count(b"\0") * 3 > len(text):
            text = text.replace(b"\0", b"")  # UTF-16, as PowerShell encodes its commands
        if len(_BINARY.findall(text[:4096])) * 20 <= min(len(text), 4096):
            yield Segment(text, run if start == run else start, end)


def _whole_groups(run: bytes) -> bytes:
    run = run.rstrip(b"=")
    return run[: len(run) // 4 * 4]


def _pieces(buffer: bytes, start: int) -> tuple[list[bytes], int]:
    pieces: list[bytes] = []
    end = start
    while (token := _TOKEN.match(buffer, end)) is not None:
        pieces.append(token[0])
        end = token.end()
        wrap = _WRAP.match(buffer, end)
        # Wrapped lines are long and equally so; a short one ends the run.
        if wrap is None or len(token[0]) < 40 or token[0].endswith(b"="):
            break
        end = wrap.end()
    return pieces, end


def escaped_segments(buffer: bytes) -> Iterator[Segment]:
    """Runs without white space that hold escapes, unescaped."""
    for run in _ESCAPED_RUN.finditer(buffer):
        raw = run[0]
        if b"%" not in raw and b"\\" not in raw and b"&" not in raw:
            continue
        marks: list[tuple[int, int]] = [(0, run.start())]
        out: list[bytes] = []
        size = last = 0
        for escape in _ESCAPE.finditer(raw):
            plain = raw[last : escape.start()]
            out.append(plain)
            size += len(plain)
            marks.append((size, run.start() + escape.start()))
            char = _char(escape)
            out.append(char)
            size += len(char)
            last = escape.end()
            marks.append((size, run.start() + last))
        if len(out):
            out.append(raw[last:])
            yield Segment(
                b"".join(out).replace(b"+", b" ") if b"%" in raw else b"".join(out),
                run.start(),
                run.end(),
                tuple(marks),
            )


def _char(escape: re.Match[bytes]) -> bytes:
    percent, unicode, slash, entity, decimal, hexadecimal = escape.groups()
    if entity:
        return _ENTITIES[entity]
    if decimal:
        return bytes((min(int(decimal), 255),))
    return slash or bytes((int(percent or unicode or hexadecimal, 16),))
