"""The fixture's event store: what lets a client pick up a broken stream with Last-Event-ID."""

from mcp.server.streamable_http import EventCallback, EventId, EventMessage, EventStore, StreamId
from mcp_types import JSONRPCMessage

KEPT = 1_000


class MemoryEventStore(EventStore):
    """The last `KEPT` events of this process. Stream ids repeat between sessions, so it serves one client at a time."""

    def __init__(self) -> None:
        self._events: list[tuple[int, StreamId, JSONRPCMessage | None]] = []
        self._last = 0

    async def store_event(self, stream_id: StreamId, message: JSONRPCMessage | None) -> EventId:
        self._last += 1
        self._events.append((self._last, stream_id, message))
        del self._events[:-KEPT]
        return str(self._last)

    async def replay_events_after(self, last_event_id: EventId, send_callback: EventCallback) -> StreamId | None:
        seen = int(last_event_id) if last_event_id.isdecimal() else -1
        stream = next((stream for number, stream, _ in self._events if number == seen), None)
        if stream is None:
            return None
        for number, owner, message in list(self._events):
            if number > seen and owner == stream and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream
