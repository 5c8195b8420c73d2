"""Server-sent events, read and written; bounded, and indifferent to how the bytes were cut."""

import re
from dataclasses import dataclass
from typing import Final

from apps.decision.errors import UpstreamFailed

PING = b": ping\n\n"
_ID: Final = re.compile(rb"[\x21-\x7e]{0,256}")


@dataclass(frozen=True, slots=True)
class Event:
    """One event. Data of None means that only `id` or `retry` was said, or a comment kept the line alive."""

    data: bytes | None
    id: str | None = None
    retry: int | None = None


_ALIVE: Final = Event(None)


class EventParser:
    """Feed it chunks; it gives events. Fails when one line or one event grows past `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._begun: list[bytes] = []  # of a line whose end is to come; joined once, however many they are
        self._length = 0  # of those
        self._held = b""
        self._data: list[bytes] = []
        self._size = 0
        self._id: str | None = None
        self._retry: int | None = None
        self._started = False
        self._type = b"message"

    def feed(self, chunk: bytes) -> list[Event]:
        chunk = self._held + chunk
        # A chunk that ends in CR may be half of CRLF: it waits for the next one.
        self._held = b"\r" if chunk.endswith(b"\r") else b""
        lines = chunk[: len(chunk) - len(self._held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        if len(lines) > 1:
            lines[0] = b"".join((*self._begun, lines[0]))
            if not self._started:
                lines[0] = lines[0].removeprefix(b"\xef\xbb\xbf")
                self._started = True
            self._begun.clear()
            self._length = 0
        rest = lines.pop()
        if rest:
            self._begun.append(rest)
            self._length += len(rest)
        if self._length + self._size > self._limit:
            raise _too_large()
        events: list[Event] = []
        for line in lines:
            event = self._line(line)
            # Of many signs of life that came at once one is enough.
            if event is not None and not (events and event == events[-1] == _ALIVE):
                events.append(event)
        return events

    def _line(self, line: bytes) -> Event | None:
        if not line:
            return self._dispatch()
        if line.startswith(b":"):
            return _ALIVE
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._size += len(line) + 1  # the whole line: many empty ones are no small event
            if self._size > self._limit:
                raise _too_large()
            self._data.append(value)
        elif name == b"id":
            # Clients keep it and send it back; nobody looks for a text there, so there must be none.
            self._id = value.decode() if _ID.fullmatch(value) else None
        elif name == b"retry" and value.isdigit() and len(value) < 10:
            self._retry = int(value)
        elif name == b"event":
            self._type = value or b"message"
        return None

    def _dispatch(self) -> Event | None:
        data = b"\n".join(self._data) if self._data else None
        id, retry, kind = self._id, self._retry, self._type
        self._data, self._size, self._id, self._retry, self._type = [], 0, None, None, b"message"
        if kind != b"message" or (data is None and id is None and retry is None):
            return None
        return Event(data or None, id, retry)


def _too_large() -> UpstreamFailed:
    return UpstreamFailed("The backend sent an event that is too large", code="upstream_too_large")


def written(data: bytes | None, id: str | None = None, retry: int | None = None) -> bytes:
    """One event as bytes. JSON holds no bare line break, so the data is one line."""
    parts = []
    if id is not None:
        parts.append(b"id: " + id.replace("\n", "").replace("\r", "").encode() + b"\n")
    if retry is not None:
        parts.append(b"retry: %d\n" % retry)
    if data is not None:
        parts.append(b"event: message\ndata: " + data + b"\n")
    elif id is not None:
        parts.append(b"data: \n")
    return b"".join(parts) + b"\n"
