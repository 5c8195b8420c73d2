"""How many calls of an agent run at once, over all processes.

Every process keeps the count of its own in Redis, under a lease: what a process that died had in flight is forgotten
with the lease. The count goes out with the next call's round trip, and by itself at the end of the loop's turn where
there is none; nobody waits for it.
"""

import asyncio
import secrets
from contextlib import suppress
from typing import Final

from apps.gateway import counters
from apps.gateway.redis_line import RedisLine, encoded

LATER_SECONDS: Final = 0.01
Key = tuple[str, str]  # schema and agent


class Lease:
    """The place that one request takes among its agent's calls; a batch takes several."""

    __slots__ = ("_cap", "_flights", "_key", "_places")

    def __init__(self, flights: "Flights", key: Key, cap: int) -> None:
        self._flights = flights
        self._key = key
        self._cap = cap
        self._places = 0
        self.take(1)

    def take(self, places: int) -> None:
        self._places += places
        self._flights.add(self._key, places)

    def retake(self) -> None:
        """After `release`: the call goes on, without being asked whether there is room."""
        if not self._places:
            self.take(1)
            self._flights.tell(self._key, in_time=True)

    def release(self) -> None:
        """Give the place back: at the end, and while a call waits for a person or serves a long stream."""
        if self._places:
            before = self._flights.add(self._key, -self._places)
            self._places = 0
            self._flights.tell(self._key, in_time=2 * before >= self._cap)


class Flights:
    """Belongs to one event loop."""

    def __init__(self, line: RedisLine, lease_seconds: float) -> None:
        self._line = line
        self._seconds = lease_seconds
        self.process = secrets.token_hex(4)
        self.tenths = str(round(lease_seconds * 10))
        self._counts: dict[Key, int] = {}
        self._untold: set[Key] = set()
        self._soon = False
        self._later: asyncio.TimerHandle | None = None
        self._beat: asyncio.Task[None] | None = None

    def open(self) -> None:
        self._beat = asyncio.create_task(self._keep_alive(), name="gateway-leases")

    def lease(self, schema: str, agent_id: str, cap: int = 0) -> Lease:
        """A place for one more; whether there is room is for Redis to say. `cap` is how many may run at once."""
        return Lease(self, (schema, agent_id), cap)

    def add(self, key: Key, places: int) -> int:
        """Change the count; what it was before."""
        before = self._counts.get(key, 0)
        count = before + places
        if count > 0:
            self._counts[key] = count
        else:
            self._counts.pop(key, None)
        return before

    def told(self, schema: str, agent_id: str) -> int:
        """The count that a command now takes along."""
        key = (schema, agent_id)
        self._untold.discard(key)
        return self._counts.get(key, 0)

    def tell(self, key: Key, *, in_time: bool) -> None:
        """By itself, unless a call of the agent does it on its way: at the end of the loop's turn where places are
        scarce, else a moment later, when under load most have been told already."""
        self._untold.add(key)
        loop = asyncio.get_running_loop()
        if in_time and not self._soon:
            self._soon = True
            loop.call_soon(self._tell_untold)
        elif not in_time and self._later is None:
            self._later = loop.call_later(LATER_SECONDS, self._tell_untold)

    async def close(self) -> None:
        if self._beat is not None:
            self._beat.cancel()
            with suppress(asyncio.CancelledError):
                await self._beat
        if self._later is not None:
            self._later.cancel()
        self._send(dict.fromkeys([*self._counts, *self._untold], 0))

    def _tell_untold(self) -> None:
        self._soon = False
        if self._later is not None:
            self._later.cancel()
            self._later = None
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
