"""How much runs at once in this process, and the line above which new work is turned away."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from apps.decision.errors import RateLimited
from apps.gateway.limits import Limits

Owner = tuple[str, str]  # schema and agent
_OWNERS: Final = 10_000


class Load:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.calls = 0
        self.streams = 0
        self._streams_of: dict[Owner, int] = {}
        self._visits_of: dict[Owner, tuple[float, float]] = {}  # how many are left, and when that was so
        self.shed = 0

    def enter(self) -> None:
        if self.calls >= self._limits.in_flight:
            self.shed += 1
            raise RateLimited("The gateway is at its limit", code="overloaded", retry_after=1)
        self.calls += 1

    def leave(self) -> None:
        self.calls -= 1

    def visit(self, owner: Owner) -> None:
        """A GET or DELETE: each is told to the upstream and leaves entries, so there are only so many."""
        now, most = time.monotonic(), float(self._limits.visits_at_once)
        left, at = self._visits_of.get(owner, (most, now))
        left = min(most, left + (now - at) * self._limits.visits_per_second)
        if left < 1:
            raise RateLimited("This agent opens and ends more streams than it may", code="rate_limited", retry_after=1)
        if len(self._visits_of) >= _OWNERS:
            self._visits_of.clear()
        self._visits_of[owner] = (left - 1, now)

    @contextmanager
    def as_stream(self, owner: Owner) -> Iterator[None]:
        """A call that turned out to be a stream gives its place back to the calls while it lasts, which may be hours;
        streams have limits of their own, over all and for each agent."""
        mine = self._streams_of.get(owner, 0)
        if self.streams >= self._limits.streams or mine >= self._limits.streams_per_agent:
            raise RateLimited("Too many streams are open", code="overloaded", retry_after=5)
        self.streams += 1
        self._streams_of[owner] = mine + 1
        self.leave()
        try:
            yield
        finally:
            self.calls += 1
            self.streams -= 1
            self._streams_of[owner] -= 1
            if not self._streams_of[owner]:
                del self._streams_of[owner]
