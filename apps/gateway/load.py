"""How much runs at once in this process, and the line above which new work is turned away."""

from collections.abc import Iterator
from contextlib import contextmanager

from apps.decision.errors import RateLimited
from apps.gateway.limits import Limits

Owner = tuple[str, str]  # schema and agent


class Load:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.calls = 0
        self.streams = 0
        self._streams_of: dict[Owner, int] = {}
        self.shed = 0

    def enter(self) -> None:
        if self.calls >= self._limits.in_flight:
            self.shed += 1
            raise RateLimited("The gateway is at its limit", code="overloaded", retry_after=1)
        self.calls += 1

    def leave(self) -> None:
        self.calls -= 1

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
