"""How much runs at once in this process, and the line above which new work is turned away."""

from collections.abc import Iterator
from contextlib import contextmanager

from apps.decision.errors import RateLimited
from apps.gateway.limits import Limits


class Load:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.calls = 0
        self.streams = 0
        self.shed = 0

    def enter(self) -> None:
        if self.calls >= self._limits.in_flight:
            self.shed += 1
            raise RateLimited("The gateway is at its limit", code="overloaded", retry_after=1)
        self.calls += 1

    def leave(self) -> None:
        self.calls -= 1

    def enter_stream(self) -> None:
        """A stream may last for hours; it has a limit of its own."""
        if self.streams >= self._limits.streams:
            raise RateLimited("Too many streams are open", code="overloaded", retry_after=5)
        self.streams += 1

    def leave_stream(self) -> None:
        self.streams -= 1

    @contextmanager
    def as_stream(self) -> Iterator[None]:
        """A call that turned out to be a stream gives its place back to the calls while it lasts."""
        self.enter_stream()
        self.leave()
        try:
            yield
        finally:
            self.leave_stream()
            self.calls += 1
