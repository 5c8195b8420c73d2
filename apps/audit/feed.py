"""The live feed's hub: one per event loop, shared by all subscribers of all tenants.

A subscriber is a position in a tenant's log. While nothing happens it holds neither thread nor connection; when Redis
nudges (or, without Redis, a poll finds news) one query per tenant fetches the new entries for everybody. Whoever has
fallen further behind than the shared tail reads the database for itself. The log itself is the buffer, so there is
nothing to overflow, no gap and no duplicate.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import redis
from django.db import close_old_connections, connection

from apps.audit import documents, services
from apps.audit.models import AuditEntry
from apps.tenants.context import in_tenant, tenant_key
from apps.tenants.redis import async_redis

logger = logging.getLogger(__name__)

T = TypeVar("T")
TAIL = 1000
CHUNK = 500
POLL_SECONDS = 1.0  # without Redis
SAFETY_POLL_SECONDS = 5.0  # with Redis, in case a nudge was lost


@dataclass(frozen=True, slots=True)
class Item:
    """An entry, ready to be sent."""

    seq: int
    type: str
    data: bytes


class _Room:
    """What the subscribers of one tenant share."""

    def __init__(self) -> None:
        self.subscribers = 0
        self.tail: deque[Item] = deque(maxlen=TAIL)
        self.seq = -1  # the tail's end; -1 before the first look
        self.nudged = asyncio.Event()
        self.news = asyncio.Event()
        self.task: asyncio.Task[None] | None = None


class Hub:
    """Use `hub()`. One thread, with one connection that closes with the last subscriber, touches the database."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="feed")
        self._rooms: dict[str, _Room] = {}
        self._listener: asyncio.Task[None] | None = None
        self._redis_ok = False

    async def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run a synchronous function that names its schema on the feed's thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, partial(_tidily, bool(self._rooms), function, *arguments))

    async def head(self, schema: str) -> int:
        return await self.call(_head, schema)

    @contextlib.asynccontextmanager
    async def subscribed(self, schema: str) -> "Any":
        """Keep a tenant's tail alive for the length of the block."""
        room = self._rooms.setdefault(schema, _Room())
        room.subscribers += 1
        if room.task is None:
            room.task = asyncio.create_task(self._follow(schema, room))
        if self._listener is None or self._listener.done():
            self._listener = asyncio.create_task(self._listen())
        try:
            yield
        finally:
            room.subscribers -= 1
            if not room.subscribers:
                self._rooms.pop(schema, None)
                room.task.cancel()
            if not self._rooms and self._listener is not None:
                self._listener.cancel()
                self._listener = None
                self._pool.submit(lambda: connection.close())  # looked up there: it belongs to that thread

    async def after(self, schema: str, seq: int, timeout: float) -> list[Item]:
        """The entries after `seq`, waiting up to `timeout` seconds for the first; empty when there was none."""
        room = self._rooms[schema]
        if room.seq <= seq:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    while room.seq <= seq:
                        await room.news.wait()
        if room.seq <= seq:
            return []
        if room.tail and room.tail[0].seq <= seq + 1:
            return [item for item in room.tail if item.seq > seq][:CHUNK]
        return await self.call(_read, schema, seq, CHUNK)

    async def _follow(self, schema: str, room: _Room) -> None:
        while True:
            room.nudged.clear()
            try:
                if room.seq < 0:
                    room.seq = await self.head(schema)
                    _wake(room)
                while items := await self.call(_read, schema, room.seq, CHUNK):
                    room.tail.extend(items)
                    room.seq = items[-1].seq
                    _wake(room)
            except Exception as error:  # the database is away: subscribers keep waiting, the next poll tries again
                logger.warning("feed cannot read", extra={"schema": schema, "error": type(error).__name__})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SAFETY_POLL_SECONDS if self._redis_ok else POLL_SECONDS):
                    await room.nudged.wait()

    async def _listen(self) -> None:
        """Turn Redis messages into nudges. One pattern subscription serves all tenants of this process."""
        while True:
            client = async_redis(max_connections=2)
            try:
                async with client.pubsub() as pubsub:
                    await pubsub.psubscribe(tenant_key("t_*", "log"))
                    self._redis_ok = True
                    for room in self._rooms.values():
                        room.nudged.set()
                    while True:
                        message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=30)
                        if message is not None:
                            schema = message["channel"].decode().partition(":")[0]
                            if schema in self._rooms:
                                self._rooms[schema].nudged.set()
            except (redis.RedisError, OSError):
                self._redis_ok = False
            finally:
                self._redis_ok = False
                with contextlib.suppress(redis.RedisError, OSError):
                    await client.aclose()
            await asyncio.sleep(POLL_SECONDS)


_hubs: "WeakKeyDictionary[asyncio.AbstractEventLoop, Hub]" = WeakKeyDictionary()


def hub() -> Hub:
    """The running loop's hub. Holds a cache of the log and nothing that another process must see."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
    return _hubs[loop]


def _wake(room: _Room) -> None:
    room.news.set()
    room.news = asyncio.Event()


def _read(schema: str, seq: int, limit: int) -> list[Item]:
    with in_tenant(schema):
        entries = AuditEntry.objects.filter(seq__gt=seq).order_by("seq")[:limit]
        return [Item(entry.seq, documents.event_type(entry), documents.json_line(entry).rstrip()) for entry in entries]


def _head(schema: str) -> int:
    with in_tenant(schema):
        return services.head(schema).seq


def _tidily(keep: bool, function: Callable[..., T], *arguments: Any) -> T:
    """Like a request: broken or expired connections are closed before; after, all of them unless subscribers stay."""
    close_old_connections()
    try:
        return function(*arguments)
    finally:
        if not keep:
            connection.close()
