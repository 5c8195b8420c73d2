"""A text that comes in pieces, scanned so that no order slips through between two of them."""

from collections.abc import Callable

from apps.decision.scan.injection.kinds import Report

CARRY = 4_000  # characters that are looked at again with the next piece: longer than any rule reaches
ENOUGH = 16_000  # characters that are collected before they are scanned


class StreamScanner:
    """Holds back what may still be the beginning of something. One stream, one scanner; not for several threads.

    `feed` returns text that is cleared, with the report of what it was cleared by: findings count code points from the
    beginning of the scanned window, which begins at `window` in the stream. A caller that meets a finding decides what
    to do with the window before it passes the text on. `close` clears the rest.
    """

    def __init__(self, scan: Callable[[str], Report], *, carry: int = CARRY, enough: int = ENOUGH) -> None:
        self._scan = scan
        self._carry, self._enough = carry, enough
        self._held: list[str] = []
        self._size = 0
        self._seen = ""  # passed on already, looked at again
        self.window = 0  # where the window of the last report begins
        self._next = 0

    def feed(self, piece: str) -> tuple[str, Report]:
        self._held.append(piece)
        self._size += len(piece)
        if self._size < self._carry + self._enough:
            return "", Report()
        return self._clear(self._size - self._carry)

    def close(self) -> tuple[str, Report]:
        return self._clear(self._size)

    def _clear(self, count: int) -> tuple[str, Report]:
        held = "".join(self._held)
        report = self._scan(self._seen + held)
        cleared, rest = held[:count], held[count:]
        before = self._seen + cleared
        self._seen = before[-self._carry :]
        self._held, self._size = [rest], len(rest)
        self.window, self._next = self._next, self._next + len(before) - len(self._seen)
        return cleared, report
