"""What is only there when parts are read without a gap: a word, or a secret, cut by the end of a text or message."""

from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from apps.decision.inbound.texts import BETWEEN, TAIL, Piece, Texts

BEFORE = -1  # the part that the agent has read already
_WITHIN = frozenset("_-+/=")
# What nobody sees at the end of a text: it joins as if it were not there.
_UNSEEN = "".join(
    chr(point)
    for first, last in (
        (0x00, 0x08), (0x0E, 0x1F), (0x7F, 0x84), (0x86, 0x9F), (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C),
        (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F),
        (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF9, 0xFFFB), (0xE0000, 0xE0FFF),
    )
    for point in range(first, last + 1)
)  # fmt: skip


class _Seen(NamedTuple):
    """What can be seen of a part: from its first visible character to its last."""

    part: int
    text: str
    start: int
    end: int


class Glued:
    """The ends of parts that may belong together, joined."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._starts: list[int] = []
        self._pieces: list[Piece] = []
        self._size = 0

    @property
    def text(self) -> str:
        return "".join(self._texts)

    def add(self, part: int, text: str, start: int, end: int) -> None:
        if start < end:
            self._starts.append(self._size)
            self._pieces.append(Piece(part, start, end))
            self.gap(text[start:end])

    def gap(self, text: str = "\n\n") -> None:
        self._texts.append(text)
        self._size += len(text)

    def pieces(self, start: int, end: int) -> list[Piece]:
        """Where a finding stands; nothing, unless it reaches over a joint into what is new."""
        found = list(self._under(start, end))
        if len({piece.part for piece in found}) < 2:
            return []
        return [piece for piece in found if piece.part != BEFORE]

    def _under(self, start: int, end: int) -> Iterator[Piece]:
        index = max(0, bisect_right(self._starts, start) - 1)
        while index < len(self._starts) and self._starts[index] < end:
            piece, offset = self._pieces[index], self._starts[index]
            first, last = max(start, offset), min(end, offset + piece.end - piece.start)
            if first < last:
                yield Piece(piece.part, piece.start + first - offset, piece.start + last - offset)
            index += 1


def glued(texts: Texts, before: str) -> Glued | None:
    """The joints where a word may go on; None where there are none, as mostly."""
    if not before and len(texts.blocks) < 2:
        return None
    earlier = "".join(message.strip(_UNSEEN) for message in before.split(BETWEEN))
    whole = [(BEFORE, earlier), *((part, texts.parts[part]) for part in texts.blocks)]
    chain = [seen for part, text in whole if (seen := _seen(part, text)).start < seen.end]
    runs: list[list[_Seen]] = []
    for last, following in pairwise(chain):
        if _goes_on(last.text[last.end - 1], following.text[following.start]):
            if runs and runs[-1][-1] is last:
                runs[-1].append(following)
            else:
                runs.append([last, following])
    if not runs:
        return None
    found = Glued()
    for run in runs:
        for number, (part, text, start, end) in enumerate(run):
            head = TAIL if number else 0
            tail = TAIL if number < len(run) - 1 else 0
            if head + tail >= end - start:
                found.add(part, text, start, end)
                continue
            found.add(part, text, start, start + head)
            if head and tail:
                found.gap()
            found.add(part, text, end - tail, end)
        found.gap()
    return found


def _seen(part: int, text: str) -> _Seen:
    end = len(text.rstrip(_UNSEEN))
    return _Seen(part, text, end - len(text[:end].lstrip(_UNSEEN)), end)


def _goes_on(last: str, first: str) -> bool:
    return (last.isalnum() or last in _WITHIN) and (first.isalnum() or first in _WITHIN)
