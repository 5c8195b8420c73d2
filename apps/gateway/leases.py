"""How many calls of an agent run at once, over all processes.

Every process keeps the count of its own in Redis, under a lease: what a process that died had in flight is forgotten
with the lease. The count goes out with the next call's round trip, and by itself at the end of the loop's turn where
there is none; nobody waits for it.
"""

import asyncio
import secrets
from contextlib import suppress

from apps.gateway import counters
from apps.gateway.redis_line import RedisLine, encoded

Key = tuple[str, str]  # schema and agent


class Lease:
    """The place that one request takes among its agent's calls; a batch takes several."""

    __slots__ = ("_flights", "_key", "_places")

    def __init__(self, flights: "Flights", key: Key) -> None:
        self._flights = flights
        self._key = key
        self._places = 0
        self.take(1)

    def take(self, places: int) -> None:
        self._places += places
        self._flights.add(self._key, places)

    def retake(self) -> None:
        """After `release`: the call goes on, without being asked whether there is room."""
        if not self._places:
            self.take(1)
            self._flights.tell(self._key)

    def release(self) -> None:
        """Give the place back: at the end, and while a call waits for a person or serves a long stream."""
        if self._places:
            self._flights.add(self._key, -self._places)
            self._places = 0
            self._flights.tell(self._key)


class Flights:
    """Belongs to one event loop."""

    def __init__(self, line: RedisLine, lease_seconds: float) -> None:
        self._line = line
        self._seconds = lease_seconds
        self.process = secrets.token_hex(4)
        self.tenths = str(round(lease_seconds * 10))
        self._counts: dict[Key, int] = {}
        self._untold: set[Key] = set()
        self._beat: asyncio.Task[None] | None = None

    def open(self) -> None:
        self._beat = asyncio.create_task(self._keep_alive(), name="gateway-leases")

    def lease(self, schema: str, agent_id: str) -> Lease:
        return Lease(self, (schema, agent_id))

    def add(self, key: Key, places: int) -> None:
        count = self._counts.get(key, 0) + places
        if count > 0:
            self._counts[key] = count
        else:
            self._counts.pop(key, None)

    def told(self, schema: str, agent_id: str) -> int:
        """The count that a command now takes along."""
        key = (schema, agent_id)
        self._untold.discard(key)
        return self._counts.get(key, 0)

    def tell(self, key: Key) -> None:
        """Soon, unless a call of the agent does it on its way."""
        if not self._untold:
            asyncio.get_running_loop().call_soon(self._tell_untold)
        self._untold.add(key)

    async def close(self) -> None:
        if self._beat is not None:
            self._beat.cancel()
            with suppress(asyncio.CancelledError):
                await self._beat
        self._send(dict.fromkeys(self._counts, 0))

    def _tell_untold(self) -> None:
        counts = {key: self._counts.get(key, 0) for key in self._untold}
        self._untold.clear()
        self._send(counts)

    def _send(self, counts: dict[Key, int]) -> None:
        """A count that does not arrive is corrected by the next call or by the lease's end."""
        if counts:
            keys = [counters.in_flight_key(*key) for key in counts]
            self._line.tell(
                encoded("EVAL", counters.TELL, len(keys), *keys, self.process, self.tenths, *counts.values())
            )

    async def _keep_alive(self) -> None:
        """Calls that run for long say nothing by themselves; and an emptied Redis learns again what runs."""
        while True:
            await asyncio.sleep(self._seconds / 3)
            self._send(dict(self._counts))
