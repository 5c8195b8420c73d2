"""Callers that wait for a person. One question to the database for all that wait in this process, twice a second.

The answer may come to any process, and this one may end: the escalation is a row, and who waits here only looks at it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from django.db import Error as DatabaseError

from apps.decision.errors import Unavailable
from apps.exceptions.services import escalations
from apps.exceptions.services.escalations import Held
from apps.gateway.io import Io
from apps.gateway.limits import Limits
from apps.tenants.context import in_tenant

logger = logging.getLogger(__name__)
Waiting = dict[str, dict[str, set["asyncio.Future[Held | None]"]]]  # schema → escalation → who waits


class Holds:
    """Belongs to one event loop; closed with the gateway, which lets everybody go."""

    def __init__(self, io: Io, limits: Limits) -> None:
        self._io = io
        self._limits = limits
        self._waiting: Waiting = {}
        self._poller: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def count(self) -> int:
        return sum(len(futures) for ids in self._waiting.values() for futures in ids.values())

    async def wait(
        self, schema: str, escalation: str, until: float, pulse: Callable[[], Awaitable[None]]
    ) -> Held | None:
        """Where the escalation stands once it is settled; None when it still waits at `until` (the loop's clock)."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Held | None] = loop.create_future()
        self._waiting.setdefault(schema, {}).setdefault(escalation, set()).add(future)
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll(), name="gateway-holds")
        try:
            while not self._closed and (left := until - loop.time()) > 0:
                await asyncio.wait({future}, timeout=min(left, self._limits.hold_pulse_seconds))
                if future.done():
                    return future.result()
                await pulse()
            return None
        finally:
            self._forget(schema, escalation, future)

    async def close(self) -> None:
        self._closed = True
        for ids in self._waiting.values():
            for futures in ids.values():
                _settle(futures, None)
        if self._poller is not None:
            await self._poller

    def _forget(self, schema: str, escalation: str, future: "asyncio.Future[Held | None]") -> None:
        ids = self._waiting[schema]
        ids[escalation].discard(future)
        if not ids[escalation]:
            del ids[escalation]
        if not ids:
            del self._waiting[schema]

    async def _poll(self) -> None:
        while self._waiting and not self._closed:
            await asyncio.sleep(self._limits.hold_poll_seconds)
            asked = [(schema, list(ids)) for schema, ids in self._waiting.items()]
            if not asked:
                return
            try:
                found = await self._io.in_thread(partial(_states, asked))
            except Unavailable:
                continue  # the database may be back before the callers' time is up
            for schema, states in found.items():
                for id, held in states.items():
                    if held.status != "pending":
                        _settle(self._waiting.get(schema, {}).get(id, set()), held)


def _settle(futures: "set[asyncio.Future[Held | None]]", held: Held | None) -> None:
    for future in futures:
        if not future.done():
            future.set_result(held)


def _states(asked: list[tuple[str, list[str]]]) -> dict[str, dict[str, Held]]:
    found = {}
    for schema, ids in asked:
        try:
            with in_tenant(schema):
                found[schema] = escalations.states(ids)
        except DatabaseError as error:  # one tenant's trouble is not the others'
            logger.warning("held calls not looked up", extra={"schema": schema, "error": type(error).__name__})
    return found
