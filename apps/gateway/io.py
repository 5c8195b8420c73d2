"""Where the call path meets Redis and the database, and nowhere else.

Redis: one round trip per call, one script. The database: the log's appender; rulebooks and host names are loaded in
a thread of their own, each load naming its schema, when a version moved. Whatever is missing raises Unavailable.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha1
from typing import Final, TypeVar

import psycopg
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connections

from apps.audit import services as audit
from apps.audit.appender import Appender
from apps.audit.services import Position
from apps.decision.errors import Unavailable
from apps.decision.events import Entry
from apps.decision.types import Rulebook
from apps.exceptions.services.snapshot import human
from apps.gateway.limits import Limits
from apps.gateway.redis_line import RedisError, RedisLine, RedisValue, encoded, unavailable
from apps.policies import rulebook as rulebooks
from apps.tenants import services as tenants
from apps.tenants.context import in_tenant, tenant_key

logger = logging.getLogger(__name__)
T = TypeVar("T")

# KEYS: rulebook version, the agent's minute, the session's calls, an MCP session.
# ARGV: whether someone calls (else only the version is asked for), how long an idle MCP session is kept.
GATHER: Final = """
local minute, calls, mcp = 0, 0, false
if ARGV[1] == '1' then
  minute = redis.call('INCR', KEYS[2])
  if minute == 1 then redis.call('EXPIRE', KEYS[2], 120) end
  calls = redis.call('INCR', KEYS[3])
  if calls == 1 then redis.call('EXPIRE', KEYS[3], 86400) end
  if KEYS[4] then
    mcp = redis.call('HMGET', KEYS[4], 'agent', 'server', 'upstream', 'version')
    if mcp[1] then redis.call('EXPIRE', KEYS[4], ARGV[2]) end
  end
end
return {redis.call('GET', KEYS[1]), minute, calls, mcp}
"""
_GATHER_SHA: Final = sha1(GATHER.encode(), usedforsecurity=False).hexdigest()
RAISE_VERSION: Final = """
if tonumber(ARGV[1]) > tonumber(redis.call('GET', KEYS[1]) or '0') or redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('SET', KEYS[1], ARGV[1])
end
return 1
"""


@dataclass(frozen=True, slots=True)
class McpSession:
    """A session between a client and the gateway, bound to one agent and one server."""

    id: str
    agent_id: str
    server: str
    upstream: str  # the upstream's own session id; "" for stdio and for upstreams without sessions
    version: str


@dataclass(frozen=True, slots=True)
class Gathered:
    book: Rulebook
    calls_in_window: int
    calls_in_session: int
    mcp_session: McpSession | None


class Io:
    """Belongs to one event loop; opened and closed with the gateway."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._idle = str(limits.session_idle_seconds)
        self._redis = RedisLine(settings.REDIS_URL)
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="gateway-io")
        self._appender = Appender(settings.DATABASE_URL, nudge=self._nudge)
        self._books: OrderedDict[str, Rulebook] = OrderedDict()
        self._checked_on: dict[str, int] = {}  # the Redis connection on which a tenant's rulebook was compared
        self._loading: dict[str, asyncio.Task[Rulebook]] = {}
        self._hosts: OrderedDict[str, tuple[float, str | None]] = OrderedDict()
        self._resolving: dict[str, asyncio.Task[str | None]] = {}

    async def close(self) -> None:
        """The log first: what was queued must be written."""
        await self._appender.close()
        await self._redis.close()
        self._threads.shutdown(wait=True)

    # --- facts ------------------------------------------------------------------------------------------------------

    async def gather(self, schema: str, agent_id: str, session_id: str, mcp_session: str) -> Gathered:
        """The counters, the MCP session, and a rulebook that is not older than Redis says."""
        keys = [
            tenant_key(schema, "rulebook_version"),
            tenant_key(schema, "calls", agent_id, str(int(time.time()) // 60)),
            tenant_key(schema, "session_calls", session_id),
        ]
        if mcp_session:
            keys.append(tenant_key(schema, "mcp_session", mcp_session))
        arguments = [str(len(keys)), *keys, "1" if agent_id else "0", self._idle]
        answer = await self._redis.command(encoded("EVALSHA", _GATHER_SHA, *arguments))
        if isinstance(answer, RedisError) and str(answer).startswith("NOSCRIPT"):
            answer = await self._redis.command(encoded("EVAL", GATHER, *arguments))
        if not isinstance(answer, list) or len(answer) != 4:
            raise unavailable()
        version, minute, calls, found = answer
        book = self._books.get(schema)
        announced = int(version) if isinstance(version, bytes) else None
        # A change committed while Redis was away may never have been announced: after a break the database is asked.
        if book is None or announced != book.version or self._checked_on.get(schema) != self._redis.connections:
            connection = self._redis.connections
            book = await self._current_book(schema, announced)
            self._checked_on[schema] = connection
        return Gathered(
            book=book,
            calls_in_window=minute if isinstance(minute, int) else 0,
            calls_in_session=calls if isinstance(calls, int) else 0,
            mcp_session=_session(mcp_session, found) if mcp_session else None,
        )

    async def book(self, schema: str) -> Rulebook:
        """The rulebook as last loaded, to read a token with; `gather` says whether it still holds."""
        book = self._books.get(schema)
        return book if book is not None else await self._load(schema)

    async def distrust(self, schema: str) -> None:
        """Ask the database, whatever Redis says: the log has refused an entry because its rulebook was outdated."""
        book = self._books.get(schema)
        if book is None or await self.in_thread(lambda: _version_of(schema)) != book.version:
            await self._current_book(schema, None)

    def registered(self, schema: str, server: str) -> str:
        """The server's name if the tenant has it, else "": what a stranger puts into a path is not for the log."""
        book = self._books.get(schema)
        return server if book is not None and server in book.servers else ""

    async def _current_book(self, schema: str, announced: int | None) -> Rulebook:
        """Load what was announced. Where Redis knows less than the database, it is told; it never lowers anything."""
        book = await self._load(schema)
        if announced is not None and book.version < announced:
            book = await self._load(schema)  # joined a load that had begun before the change
        if announced is None or book.version != announced:
            if announced is not None and book.version < announced:
                raise Unavailable("The rulebook is behind its version", code="rulebook_behind", retry_after=1)
            await self._redis.command(
                encoded("EVAL", RAISE_VERSION, 1, tenant_key(schema, "rulebook_version"), book.version)
            )
        return book

    async def _load(self, schema: str) -> Rulebook:
        """One load at a time per tenant; whoever comes while it runs waits for the same one."""
        task = self._loading.get(schema)
        if task is None:
            task = self._loading[schema] = asyncio.create_task(self._load_once(schema), name="gateway-rulebook")
            task.add_done_callback(lambda done: self._loading.pop(schema, None))
        return await asyncio.shield(task)

    async def _load_once(self, schema: str) -> Rulebook:
        book = await self.in_thread(lambda: rulebooks.load(schema, human=human))
        self._books[schema] = book
        self._books.move_to_end(schema)
        while len(self._books) > self._limits.rulebooks:
            self._books.popitem(last=False)
        return book

    async def schema_of_host(self, host: str) -> str | None:
        """Remembered for a few seconds, unknown hosts too."""
        known = self._hosts.get(host)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        task = self._resolving.get(host)
        if task is None:
            task = self._resolving[host] = asyncio.create_task(self._resolve(host), name="gateway-host")
            task.add_done_callback(lambda done: self._resolving.pop(host, None))
        return await asyncio.shield(task)

    async def _resolve(self, host: str) -> str | None:
        schema = await self.in_thread(lambda: tenants.schema_of_host(host))
        self._hosts[host] = (time.monotonic() + self._limits.host_seconds, schema)
        self._hosts.move_to_end(host)
        while len(self._hosts) > 10_000:
            self._hosts.popitem(last=False)
        return schema

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Rare synchronous work with the database. It names its schema itself."""

        def done() -> T:
            try:
                return work()
            finally:
                connections.close_all()  # loads are rare, and a thread that ends would leave its connection open

        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, done)
        except (DatabaseError, psycopg.Error, OSError):
            raise Unavailable("The database is not available", code="database_unavailable", retry_after=1) from None

    # --- MCP sessions -----------------------------------------------------------------------------------------------

    async def save_session(self, schema: str, session: McpSession) -> None:
        key = tenant_key(schema, "mcp_session", session.id)
        fields = ("agent", session.agent_id, "server", session.server)
        more = ("upstream", session.upstream, "version", session.version)
        await self._sure(encoded("HSET", key, *fields, *more))
        await self._sure(encoded("EXPIRE", key, self._limits.session_idle_seconds))

    async def forget_session(self, schema: str, session_id: str) -> None:
        await self._sure(encoded("DEL", tenant_key(schema, "mcp_session", session_id)))

    async def _sure(self, request: bytes) -> None:
        if isinstance(await self._redis.command(request), RedisError):
            raise unavailable()

    # --- the log ----------------------------------------------------------------------------------------------------

    async def record(self, schema: str, entry: Entry, document: bytes | None = None, *, acts: bool = False) -> Position:
        """Durable when it returns: only then may anything be forwarded.

        `acts` says that something will be forwarded on the strength of this entry; it raises Outdated when the log
        knows a newer rulebook than the entry was made under.
        """
        return await self._appender.append(schema, entry, document, acts=acts)

    def record_soon(self, schema: str, entry: Entry) -> "asyncio.Future[Position] | None":
        """Queued; a failure is reported, since the call it belongs to has happened already."""
        try:
            future = self._appender.enqueue(schema, entry)
        except Unavailable as error:
            logger.error("log entry lost", extra={"schema": schema, "kind": entry.kind.label, "error": error.code})
            return None
        future.add_done_callback(_report)
        return future

    async def _nudge(self, schema: str, seq: int, rulebook_version: int) -> None:
        if rulebook_version:
            key = tenant_key(schema, "rulebook_version")
            await self._redis.command(encoded("EVAL", RAISE_VERSION, 1, key, rulebook_version))
        await self._redis.command(encoded("PUBLISH", tenant_key(schema, "log"), seq))


def _version_of(schema: str) -> int:
    with in_tenant(schema):
        return audit.head(schema).rulebook_version


def _report(future: "asyncio.Future[Position]") -> None:
    if not future.cancelled() and (error := future.exception()) is not None:
        logger.error("log entry lost", extra={"error": type(error).__name__})


def _session(id: str, found: RedisValue) -> McpSession | None:
    if not isinstance(found, list) or len(found) != 4 or not all(isinstance(value, bytes) for value in found):
        return None
    agent, server, upstream, version = (value.decode() for value in found if isinstance(value, bytes))
    return McpSession(id, agent, server, upstream, version)
