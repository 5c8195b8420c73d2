"""One text as a reader may see it: as it stands, and without its disguises. Each view knows the way back.

A view is only made when something in the text asks for it, and all of it is bounded: depth by `DEPTH`, breadth by the
characters that decoding may produce.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from apps.decision.scan.injection import folding
from apps.decision.scan.injection.codecs import Piece

DEPTH = 3
REACH = 600  # bytes around what a disguise changed: an order that it hides stands within them
_SHORT = 4 * REACH  # what is shorter is read as a whole
_MOST = 0.7  # of a text; around more than that, all of it is read
_WORD = 64
_BLOCK = 512
_CONTINUED = bytes(range(0x80, 0xC0))  # every byte of a character but its first


@dataclass(slots=True)
class View:
    """Folded text. `back` turns offsets in it into offsets in the text as it came."""

    text: str
    back: Callable[[int, int], tuple[int, int]]
    via: str = ""
    buffer: bytes = b""
    only: tuple[tuple[int, int], ...] | None = None  # stretches of the buffer beyond which it says nothing new
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
    """The way back through folding: where a character did not become one character, looked for when first asked."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._after: list[int] = []
        self._before: list[int] = []

    def __call__(self, start: int, end: int) -> tuple[int, int]:
        if not self._after:
            self._compare()
        return self._locate(start), min(self._locate(max(start, end - 1)) + 1, len(self._text))

    def _compare(self) -> None:
        """Offsets (after, before) at both ends of every such character."""
        after, before, folds, more = [0], [0], folding.FOLDS, 0
        for run in folding.NON_ASCII.finditer(self._text):
            for at, character in enumerate(run[0], run.start()):
                size = len(folds[ord(character)])
                if size != 1:
                    after += (at + more, at + more + size)
                    before += (at, at + 1)
                    more += size - 1
        self._before, self._after = before, after

    def _locate(self, offset: int) -> int:
        after, before = self._after, self._before
        index = bisect_right(after, offset) - 1
        place = before[index] + offset - after[index]
        return min(place, before[index + 1] - 1 if index + 1 < len(before) else len(self._text))


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

    def places(self) -> Iterator[tuple[int, int]]:
        """Where the replacements stand, in what they were put into."""
        return zip(self._after[1::2], self._after[2::2], strict=True)

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


def around(view: View, places: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...] | None:
    """The stretches of the view's buffer around these places, cut between words; None where they are most of it."""
    buffer = view.buffer
    if len(buffer) < _SHORT:
        return None
    found: list[tuple[int, int]] = []
    covered = 0
    for first, last in places:
        start, end = max(0, first - REACH), min(len(buffer), last + REACH)
        if start and (cut := buffer.rfind(b" ", max(0, start - _WORD), start)) >= 0:
            start = cut
        if end < len(buffer) and (cut := buffer.find(b" ", end, end + _WORD)) >= 0:
            end = cut
        if found and start <= found[-1][1]:
            start, before = found.pop()
            covered -= before - start
            end = max(end, before)
        found.append((start, end))
        covered += end - start
        if covered > _MOST * len(buffer):
            return None
    return tuple(found)


def changed(view: View) -> Iterator[tuple[int, int]]:
    """Where the view's last rewriting left something else: places in its buffer."""
    if not isinstance(view.back, _Edited):
        return
    text, plain = view.text, len(view.buffer) == len(view.text)
    done = at = 0
    for start, end in view.back.places():
        if plain:
            yield start, end
            continue
        at += len(text[done:start].encode("utf-8", "replace"))
        size = len(text[start:end].encode("utf-8", "replace"))
        yield at, at + size
        at, done = at + size, end


def translated(view: View, table: Mapping[int, int | str], via: str) -> View:
    """One character for one: the way back stays."""
    return View(view.text.translate(table), view.back, _via(view.via, via))


def seeming(view: View, only: tuple[tuple[int, int], ...] | None) -> View:
    """The same for look-alikes."""
    return View(folding.seeming(view.text), view.back, _via(view.via, "lookalikes"), only=only)


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
