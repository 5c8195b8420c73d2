"""What is only there when parts are read without a gap: a word, or a secret, cut by the end of a text or message."""

from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise

from apps.decision.inbound.texts import BETWEEN, TAIL, Piece, Texts

BEFORE = -1  # the part that the agent has read already
_WITHIN = frozenset("_-+/=")


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
    earlier = before.replace(BETWEEN, "")
    chain = [(BEFORE, earlier)] if earlier else []
    chain += [(part, texts.parts[part]) for part in texts.blocks]
    runs: list[list[tuple[int, str]]] = []
    for last, following in pairwise(chain):
        if _goes_on(last[1][-1:], following[1][:1]):
            if runs and runs[-1][-1] is last:
                runs[-1].append(following)
            else:
                runs.append([last, following])
    if not runs:
        return None
    found = Glued()
    for run in runs:
        for number, (part, text) in enumerate(run):
            head = TAIL if number else 0
            tail = TAIL if number < len(run) - 1 else 0
            if head + tail >= len(text):
                found.add(part, text, 0, len(text))
                continue
            found.add(part, text, 0, head)
            if head and tail:
                found.gap()
            found.add(part, text, len(text) - tail, len(text))
        found.gap()
    return found


def _goes_on(last: str, first: str) -> bool:
    return (last.isalnum() or last in _WITHIN) and (first.isalnum() or first in _WITHIN)
