"""Server-sent events, read and written; bounded, and indifferent to how the bytes were cut."""

from dataclasses import dataclass

from apps.decision.errors import UpstreamFailed

PING = b": ping\n\n"


@dataclass(frozen=True, slots=True)
class Event:
    """One event. Data of None means that only `id` or `retry` was said, or a comment kept the line alive."""

    data: bytes | None
    id: str | None = None
    retry: int | None = None


class EventParser:
    """Feed it chunks; it gives events. Fails when one event grows past `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = b""
        self._data: list[bytes] = []
        self._size = 0
        self._id: str | None = None
        self._retry: int | None = None
        self._started = False
        self._type = b"message"

    def feed(self, chunk: bytes) -> list[Event]:
        buffer = self._rest + chunk
        if not self._started and len(buffer) >= 3:
            buffer = buffer.removeprefix(b"\xef\xbb\xbf")
            self._started = True
        # A chunk that ends in CR may be half of CRLF: it waits for the next one.
        held = b"\r" if buffer.endswith(b"\r") else b""
        lines = buffer[: len(buffer) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop() + held
        if len(self._rest) + self._size > self._limit:
            raise UpstreamFailed("The backend sent an event that is too large", code="upstream_too_large")
        events: list[Event] = []
        for line in lines:
            event = self._line(line)
            if event is not None:
                events.append(event)
        return events

    def _line(self, line: bytes) -> Event | None:
        if not line:
            return self._dispatch()
        if line.startswith(b":"):
            return Event(None)
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._size += len(value) + 1
            if self._size > self._limit:
                raise UpstreamFailed("The backend sent an event that is too large", code="upstream_too_large")
            self._data.append(value)
        elif name == b"id" and b"\0" not in value:
            self._id = value.decode("utf-8", "replace")
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
