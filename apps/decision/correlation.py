"""Whether one kind of secret turns up in many sessions of an agent, and how much it stands out from the rest.

The score is 1 - H / Hmax in percent. H is the Shannon entropy of the patterns of the last hour's sightings, Hmax that
of as many sightings of all different patterns (log2 of their number). Eight sightings of one pattern: H = 0, score 100.
Seven of one and one of another: H = 0.544, Hmax = 3, score 82. Four patterns twice each: H = 2, score 33. Eight
patterns: H = 3, score 0. So somebody who is after one thing ranks above a scanner that finds a bit of everything.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

RING: Final = 200  # sightings remembered of an agent
WINDOW_SECONDS: Final = 3600
SESSIONS: Final = 3
COOLDOWN_SECONDS: Final = 300


@dataclass(frozen=True, slots=True)
class Sighting:
    pattern: str
    session: str  # hashed
    at: float


@dataclass(frozen=True, slots=True)
class Correlation:
    """`patterns` are those seen in enough sessions, with how many; the most widespread first."""

    patterns: tuple[tuple[str, int], ...]
    sightings: int
    score: int


def correlate(ring: Iterable[Sighting], now: float, present: Iterable[str]) -> Correlation | None:
    """None unless a pattern of the `present` message was seen in enough sessions."""
    recent = [one for one in ring if now - one.at < WINDOW_SECONDS]
    sessions: dict[str, set[str]] = {}
    for one in recent:
        sessions.setdefault(one.pattern, set()).add(one.session)
    wide = [(name, len(sessions.get(name, ()))) for name in set(present)]
    wide = sorted(((name, count) for name, count in wide if count >= SESSIONS), key=lambda one: (-one[1], one[0]))
    if not wide:
        return None
    return Correlation(tuple(wide), len(recent), score(Counter(one.pattern for one in recent).values()))


def score(counts: Iterable[int]) -> int:
    """From 0, all different, to 100, all of one pattern."""
    counts = [count for count in counts if count > 0]
    total = sum(counts)
    if total < 2 or len(counts) < 2:
        return 100 if total else 0
    entropy = -sum(count / total * math.log2(count / total) for count in counts)
    return max(0, round(100 * (1 - entropy / math.log2(total))))
