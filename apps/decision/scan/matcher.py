"""One automaton for all patterns of a rulebook, and the exact spans behind its hits.

Hyperscan answers in one pass which patterns occur at all; nearly always none does. Only for those that do, RE2 finds
the spans and the pattern's check weighs them. Both are linear in the input, whatever the input is.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from apps.decision.scan import decoding
from apps.decision.scan.decoding import Block
from apps.decision.scan.linear import compile_re2
from apps.decision.scan.occurring import Occurring
from apps.decision.scan.pattern import Hit, Pattern

_READ = 1024
# What may be decoded of one value where somebody waits for it; more is as suspicious as too many candidates.
MAX_RUNS, MAX_ESCAPES = 10_000, 100_000
_BASE64, _ESCAPE = -1, -2  # where a pattern's index would stand: something may be encoded


@dataclass(frozen=True, slots=True)
class Match:
    """A pattern's hit that stood. `decoded` says that the secret is under an encoding at this place."""

    pattern: Pattern
    start: int
    end: int
    decoded: bool = False


class Matcher:
    """Immutable once built and shared by threads."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self._patterns = tuple(patterns)
        self._finders = tuple(compile_re2(pattern.regex, pattern.unicode, groups=False) for pattern in patterns)
        self._readers = tuple(compile_re2(pattern.regex, pattern.unicode) for pattern in patterns)
        self._groups = tuple(reader.groups for reader in self._readers)
        expressions = [(decoding.BASE64_TEXT, False), (decoding.ESCAPE, False)]
        needs: list[range] = []
        for pattern in patterns:
            triggers = pattern.triggers or (pattern.regex,)
            needs.append(range(len(expressions), len(expressions) + len(triggers)))
            expressions.extend((trigger, pattern.unicode) for trigger in triggers)
        self._needs = tuple(needs)
        self._owner = tuple([-1, -1] + [index for index, need in enumerate(needs) for _ in need])
        self._occurring = Occurring(expressions)

    def triggered(self, buffer: bytes) -> list[int]:
        """What may occur: indexes of patterns, _BASE64, _ESCAPE. Mostly nothing, and then there is no more to do."""
        seen = self._occurring(buffer)
        if not seen:
            return []
        found = [index for index in (_BASE64, _ESCAPE) if -1 - index in seen]
        for index in sorted({self._owner[expression] for expression in seen if expression > 1}):
            if all(expression in seen for expression in self._needs[index]):
                found.append(index)
        return found

    def find(self, buffer: bytes, seen: list[int] | None = None, *, budget: "Budget | None" = None) -> list[Match]:
        """All matches, in order of their start, overlaps resolved. Raises TooManyCandidates over the budget."""
        if seen is None:
            seen = self.triggered(buffer)
        if not seen:
            return []
        found = list(self._direct(buffer, seen, budget))
        if _BASE64 in seen:
            try:
                blocks = list(decoding.base64_blocks(buffer, None if budget is None else MAX_RUNS))
            except decoding.TooManyRuns:
                raise TooManyCandidates from None
            found.extend(self._decoded(blocks, budget))
        if _ESCAPE in seen and budget is not None and decoding.escapes(buffer) > MAX_ESCAPES:
            raise TooManyCandidates
        if _ESCAPE in seen and (unescaped := decoding.unescaped(buffer)) is not None:
            for match in self._direct(unescaped.text, self.triggered(unescaped.text), budget):
                found.append(Match(match.pattern, *unescaped.place(match.start, match.end), decoded=True))
        return resolve(found) if len(found) > 1 else found

    def _direct(self, buffer: bytes, seen: Iterable[int], budget: "Budget | None") -> Iterator[Match]:
        for index in seen:
            if index < 0:
                continue
            pattern, reader, groups = self._patterns[index], self._readers[index], self._groups[index]
            for match in self._finders[index].finditer(buffer):
                if budget is not None:
                    budget.spend()
                start, end = match.span()
                if groups:
                    start, end = _group(reader, groups, buffer, start, end)
                hit = pattern.check(Hit(buffer, start, end))
                if hit is not None and hit.end > hit.start:
                    yield Match(pattern, hit.start, hit.end)

    def _decoded(self, blocks: list[Block], budget: "Budget | None") -> Iterator[Match]:
        """What stands in the blocks, scanned as one buffer, at the place of its encoded form."""
        starts: list[int] = []
        size = 0
        for block in blocks:
            starts.append(size)
            size += len(block.text) + 2
        joined = b"\n\n".join(block.text for block in blocks)
        for match in self._direct(joined, self.triggered(joined), budget):
            block = blocks[bisect_right(starts, match.start) - 1]
            yield Match(match.pattern, block.start, block.end, decoded=True)


class TooManyCandidates(Exception):  # noqa: N818 - says what it is
    """More places look like secrets than the budget allows to look at closely."""


class Budget:
    """How many candidates one scan may look at closely: what a hostile text can cost the process at most."""

    __slots__ = ("_left",)

    def __init__(self, candidates: int) -> None:
        self._left = candidates

    def spend(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise TooManyCandidates


def resolve(found: list[Match]) -> list[Match]:
    """Of overlapping matches the higher rank stands, then the plain over the decoded, the longer, the earlier."""
    order = sorted(found, key=lambda m: (-m.pattern.rank, m.decoded, m.start - m.end, m.start))
    kept = _Spans()
    for match in order:
        kept.add(match)
    return sorted(kept.matches, key=lambda match: (match.start, match.end))


class _Spans:
    """Matches kept so far, sorted by start and hardly overlapping, so that a look-up is a bisection."""

    def __init__(self) -> None:
        self.matches: list[Match] = []
        self._taken: dict[int, list[Match]] = {}

    def add(self, match: Match) -> None:
        # Buckets of 256 bytes: a match lies in few of them, and each holds few matches.
        buckets = range(match.start >> 8, (match.end - 1 >> 8) + 1)
        for bucket in buckets:
            for other in self._taken.get(bucket, ()):
                overlaps = other.start < match.end and match.start < other.end
                if overlaps and (match.decoded or match.pattern.name not in other.pattern.beside):
                    return
        for bucket in buckets:
            self._taken.setdefault(bucket, []).append(match)
        self.matches.append(match)


def _group(reader: Any, groups: int, buffer: bytes, start: int, end: int) -> tuple[int, int]:
    """The first group that took part in a match.

    RE2 finds where a match begins and ends very fast, its groups slowly: so they are read from the match's first
    kilobyte alone. A group that reaches the end of that reaches the end of the match.
    """
    read = min(end, start + _READ)
    match = reader.match(buffer, start, read)
    for group in range(1, groups + 1 if match else 0):
        first, last = match.span(group)
        if first >= 0:
            return first, end if last == read else last
    return start, end


@lru_cache(maxsize=32)
def matcher_for(patterns: tuple[Pattern, ...]) -> Matcher:
    """The same patterns need the same automaton; tenants without patterns of their own share one."""
    return Matcher(patterns)
