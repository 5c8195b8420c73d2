"""Walks a chain entry by entry and names every break: the exact sequence number and what was done there.

Holds a few numbers and never the chain, so that a log of any length is checked in constant memory.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from apps.decision.chain import GENESIS, link

# How far from its place a moved entry is looked for before it is merely called edited.
REORDER_WINDOW = 1000


class BreakKind(StrEnum):
    """What was done at a place in the chain."""

    EDITED = "edited"  # the entry is not what was hashed
    MISSING = "missing"  # entries between two others, or before the first, are gone
    REORDERED = "reordered"  # a genuine entry stands at another's place
    DUPLICATE = "duplicate"  # a sequence number occurs twice
    BAD_HEAD = "bad_head"  # the head does not name the last entry
    TRUNCATED = "truncated"  # the head names entries that are gone from the end
    REWRITTEN = "rewritten"  # consistent in itself, but not what an earlier verification saw
    BAD_ANCHOR = "bad_anchor"  # the signed beginning after dropped months is missing or forged


@dataclass(frozen=True, slots=True)
class Sealed:
    """An entry as stored: its place, its stored hashes and its canonical body."""

    seq: int
    previous_hash: str
    event_hash: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Break:
    """One break: the first sequence number concerned, and the last one where it is a range."""

    seq: int
    last_seq: int
    kind: BreakKind
    detail: str


class Walk:
    """Feed it entries in stored order, then `finish` with the head. Starts after a known place of the chain."""

    __slots__ = ("_hash", "_intact", "_seq", "_suspect", "checked")

    def __init__(self, after_seq: int = 0, after_hash: str = GENESIS) -> None:
        self.checked = 0
        self._seq, self._hash = after_seq, after_hash
        self._intact = True  # whether the stored hash of the last entry may be held against the next one
        self._suspect = False  # the last entry does not follow from the one before it; the next one tells which lies

    @property
    def seq(self) -> int:
        return self._seq

    @property
    def event_hash(self) -> str:
        return self._hash

    def feed(self, entry: Sealed) -> list[Break]:
        self.checked += 1
        found: list[Break] = []
        seq, expected = entry.seq, self._seq + 1
        if seq != expected:
            found += self._settle(None)
            if seq <= self._seq:
                self._intact = False
                if seq == self._seq:
                    return [*found, Break(seq, seq, BreakKind.DUPLICATE, f"number {seq} occurs more than once")]
                return [*found, Break(seq, seq, BreakKind.REORDERED, f"entry {seq} comes after entry {self._seq}")]
            found.append(Break(expected, seq - 1, BreakKind.MISSING, f"entries {expected} to {seq - 1} are gone"))
            self._intact = False
        follows = entry.previous_hash == self._hash
        if link(entry.previous_hash, entry.body) != entry.event_hash:
            found += self._settle(None)
            found.append(_explain(entry, follows))
            self._intact = False
        else:
            found += self._settle(entry.previous_hash)
            self._suspect = self._intact and not follows
            self._intact = True
        self._seq, self._hash = seq, entry.event_hash
        return found

    def finish(self, head_seq: int, head_hash: str) -> list[Break]:
        """Compare the end of the chain with the head."""
        last = self._seq
        if last < head_seq:
            found = self._settle(None)
            detail = f"the head is at {head_seq}, but the last entry is {last}"
            return [*found, Break(last + 1, head_seq, BreakKind.TRUNCATED, detail)]
        if last > head_seq:
            found = self._settle(None)
            detail = f"entry {last} exists, but the head is at {head_seq}"
            return [*found, Break(head_seq, last, BreakKind.BAD_HEAD, detail)]
        explained = self._suspect or not self._intact
        found = self._settle(head_hash)
        if self._hash != head_hash and not explained:
            found.append(Break(last, last, BreakKind.BAD_HEAD, f"the head names another hash for entry {last}"))
        return found

    def stop(self) -> list[Break]:
        """End a range that does not reach the head."""
        return self._settle(None)

    def _settle(self, successor_names: str | None) -> list[Break]:
        """Decide a pending suspicion: if the successor disowns the suspect too, it lies, else the one before."""
        if not self._suspect:
            return []
        self._suspect = False
        seq = self._seq
        if successor_names is not None and successor_names == self._hash and seq > 1:
            detail = f"entry {seq - 1} was rewritten with its hash; entry {seq} still names the original"
            return [Break(seq - 1, seq - 1, BreakKind.EDITED, detail)]
        if successor_names is None and seq > 1:
            detail = f"entry {seq} does not follow from entry {seq - 1}; one of the two was rewritten with its hash"
            return [Break(seq - 1, seq, BreakKind.EDITED, detail)]
        if successor_names is not None and successor_names != self._hash:
            self._intact = False  # explains the successor's mismatch as well
        return [Break(seq, seq, BreakKind.EDITED, f"entry {seq} was rewritten with its hash")]


def verify(
    entries: Iterable[Sealed],
    *,
    after_seq: int = 0,
    after_hash: str = GENESIS,
    head: tuple[int, str] | None = None,
) -> list[Break]:
    """All breaks of a chain. `head` is the stored sequence number and hash of its end, None for a part of a chain."""
    walk = Walk(after_seq, after_hash)
    found: list[Break] = []
    for entry in entries:
        found += walk.feed(entry)
    return found + (walk.stop() if head is None else walk.finish(*head))


def _explain(entry: Sealed, follows: bool) -> Break:
    """Why an entry does not match its own hash: a genuine one under another number was moved, any other edited."""
    seq = entry.seq
    before, marker, after = entry.body.rpartition(b'"seq":%d,' % seq)
    if not follows and marker:
        for other in range(max(1, seq - REORDER_WINDOW), seq + REORDER_WINDOW + 1):
            if other != seq and link(entry.previous_hash, before + b'"seq":%d,' % other + after) == entry.event_hash:
                detail = f"entry {other} stands at the place of entry {seq}"
                return Break(seq, seq, BreakKind.REORDERED, detail)
    return Break(seq, seq, BreakKind.EDITED, f"entry {seq} does not match its hash")
