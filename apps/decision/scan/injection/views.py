"""One text as a reader may see it: as it stands, and without its disguises. Each view knows the way back.

A view is only made when something in the text asks for it, and all of it is bounded: depth by `DEPTH`, breadth by the
characters that decoding may produce.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from apps.decision.scan.injection import folding
from apps.decision.scan.injection.codecs import Piece

DEPTH = 3
_BLOCK = 2048
_CONTINUED = bytes(range(0x80, 0xC0))  # every byte of a character but its first


@dataclass(slots=True)
class View:
    """Folded text. `back` turns offsets in it into offsets in the text as it came."""

    text: str
    back: Callable[[int, int], tuple[int, int]]
    via: str = ""
    buffer: bytes = b""
    _counted: list[int] = field(default_factory=list)  # code points before each block of the buffer

    def __post_init__(self) -> None:
        self.buffer = self.text.encode("utf-8", "replace")

    def point(self, offset: int) -> int:
        """The code point at a byte offset."""
        if len(self.buffer) == len(self.text):
            return offset
        if not self._counted:
            blocks = range(0, len(self.buffer), _BLOCK)
            sizes = (len(self.buffer[at : at + _BLOCK].translate(None, _CONTINUED)) for at in blocks)
            self._counted.extend(accumulate(sizes, initial=0))
        block = offset // _BLOCK
        return self._counted[block] + len(self.buffer[block * _BLOCK : offset].translate(None, _CONTINUED))


def _same(start: int, end: int) -> tuple[int, int]:
    return start, end


class _Folded:
    """The way back through folding: how many characters each character became, counted when first asked."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts: list[int] = []

    def __call__(self, start: int, end: int) -> tuple[int, int]:
        if not self._starts:
            folds = folding.FOLDS
            sizes = (1 if character < "\x80" else len(folds[ord(character)]) for character in self._text)
            self._starts = list(accumulate(sizes, initial=0))
        first = bisect_right(self._starts, start) - 1
        last = bisect_right(self._starts, max(start, end - 1)) - 1
        return first, min(last + 1, len(self._text))


def folded(text: str) -> View:
    return View(folding.fold(text), _same if text.isascii() else _Folded(text))


class _Edited:
    """The way back through replacements: (offset after, offset before) at both ends of each."""

    def __init__(self, inner: Callable[[int, int], tuple[int, int]], after: list[int], before: list[int]) -> None:
        self._inner, self._after, self._before = inner, after, before

    def __call__(self, start: int, end: int) -> tuple[int, int]:
        first = self._locate(start)[0]
        last = self._locate(max(start, end - 1))[1]
        return self._inner(first, max(first, last))

    def _locate(self, offset: int) -> tuple[int, int]:
        index = bisect_right(self._after, offset) - 1
        place = self._before[index] + offset - self._after[index]
        if index + 1 < len(self._before):
            # Within a replacement every character stands for all of what was replaced.
            limit = self._before[index + 1]
            if index % 2:
                return self._before[index], limit
            place = min(place, limit)
        return place, place + 1


def rewritten(view: View, pattern: re.Pattern[str], put: Callable[[re.Match[str]], str], via: str) -> View | None:
    """The view with every match replaced; None when nothing matches."""
    parts: list[str] = []
    after, before = [0], [0]
    done = size = 0
    text = view.text
    for match in pattern.finditer(text):
        start, end = match.span()
        new = put(match)
        parts.append(text[done:start])
        size += start - done
        after.append(size)
        before.append(start)
        parts.append(new)
        size += len(new)
        after.append(size)
        before.append(end)
        done = end
    if done == 0 and not parts:
        return None
    parts.append(text[done:])
    return View("".join(parts), _Edited(view.back, after, before), _via(view.via, via))


def translated(view: View, table: Mapping[int, int | str], via: str) -> View:
    """One character for one: the way back stays."""
    return View(view.text.translate(table), view.back, _via(view.via, via))


def joined(pieces: Sequence[Piece]) -> tuple[str, Callable[[int, int], tuple[int, int]]]:
    """Decoded pieces as one text, and the way back: all of a piece stands for all of its encoded form."""
    starts = list(accumulate((len(piece.text) + 2 for piece in pieces), initial=0))

    def back(start: int, end: int) -> tuple[int, int]:
        first = pieces[min(bisect_right(starts, start), len(pieces)) - 1]
        last = pieces[min(bisect_right(starts, max(start, end - 1)), len(pieces)) - 1]
        return first.start, last.end

    return "\n\n".join(piece.text for piece in pieces), back


def _via(outer: str, inner: str) -> str:
    return f"{outer}+{inner}" if outer else inner
