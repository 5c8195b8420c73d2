"""Where the call path meets Redis and the database, and nowhere else.

Redis: one round trip per call, one script. The database: the log's appender; rulebooks and host names are loaded in
a thread of their own, each load naming its schema, when a version moved. Whatever is missing raises Unavailable.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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
from apps.decision.facts import Rulebook
from apps.decision.rates import allowance
from apps.decision.types import Agent
from apps.exceptions.services.snapshot import human
from apps.gateway.carried import Carried
from apps.gateway.counters import LOAD as LOAD_GATHER
from apps.gateway.counters import NOTHING, Counted, changing_part, mcp_session_key, read, standing_part, version_key
from apps.gateway.leases import Flights, Lease
from apps.gateway.limits import Limits
from apps.gateway.redis_line import RedisError, RedisLine, RedisValue, encoded, unavailable
from apps.policies import rulebook as rulebooks
from apps.tenants import services as tenants
from apps.tenants.context import in_tenant, tenant_key

logger = logging.getLogger(__name__)
T = TypeVar("T")
BESIDE_SECONDS: Final = 2.0
TRIES: Final = 4  # how often a rulebook may move under one request

RAISE_VERSION: Final = """
if tonumber(ARGV[1]) > tonumber(redis.call('GET', KEYS[1]) or '0') or redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('SET', KEYS[1], ARGV[1])
end
return 1
"""
COUNT: Final = """
local count = redis.call('INCR', KEYS[1])
redis.call('EXPIRE', KEYS[1], ARGV[1])
return count
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
class Visit:
    """Who comes, and what it costs: a POST is one call, a batch as many as it has messages, other verbs none."""

    agent: Agent
    session_id: str
    mcp_session: str = ""
    requester: str = ""  # hashed
    cost: int = 1


@dataclass(frozen=True, slots=True)
class Gathered:
    """`settled`: Redis says that the rulebook asked with is the current one. Else nothing counts; ask with `book`."""

    book: Rulebook
    settled: bool
    counted: Counted = NOTHING
    mcp_session: McpSession | None = None
    lease: Lease | None = None


class Io:
    """Belongs to one event loop; opened and closed with the gateway."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._idle = str(limits.session_idle_seconds)
        self._redis = RedisLine(settings.REDIS_URL)
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="gateway-io")
        self._appender = Appender(settings.DATABASE_URL, nudge=self._nudge)
        self._flights = Flights(self._redis, limits.lease_seconds)
        self.carried = Carried(self._redis)
        self._beside: set[asyncio.Task[None]] = set()
        self._standing_parts: dict[str, tuple[int, dict[tuple[str, str, str], bytes]]] = {}
        self._books: OrderedDict[str, Rulebook] = OrderedDict()
        self._checked_on: dict[str, int] = {}  # the Redis connection on which a tenant's rulebook was compared
        self._loading: dict[str, asyncio.Task[Rulebook]] = {}
        self._hosts: OrderedDict[str, tuple[float, str | None]] = OrderedDict()
        self._resolving: dict[str, asyncio.Task[str | None]] = {}

    def open(self) -> None:
        self._flights.open()

    async def close(self) -> None:
        """The log first: what was queued must be written."""
        if self._beside:
            await asyncio.wait(self._beside, timeout=BESIDE_SECONDS)
        await self._appender.close()
        await self._flights.close()
        await self._redis.close()
        self._threads.shutdown(wait=True)

    # --- facts ------------------------------------------------------------------------------------------------------

    async def gather(self, schema: str, book: Rulebook, visit: Visit | None, held: Lease | None = None) -> Gathered:
        """Whether `book` is what holds, and if so what is counted of the visitor, in one round trip.

        A visit that costs something takes a place among the agent's calls; `held` is the place of a request that has
        one and is charged for more.
        """
        lease = held
        if visit is not None and visit.cost and held is None:
            lease = self._flights.lease(schema, visit.agent.id, book.rate_limit.concurrent)
        try:
            gathered = await self._gather(schema, book, visit, lease, more=held is not None)
        except BaseException:
            if lease is not None:
                lease.release()
            raise
        if lease is not None and held is None and (not gathered.settled or gathered.counted.wait_us):
            lease.release()
        return gathered

    async def _gather(
        self, schema: str, book: Rulebook, visit: Visit | None, lease: Lease | None, *, more: bool
    ) -> Gathered:
        if visit is None:
            answer = await self._redis.command(encoded("GET", version_key(schema)))
            answer = [answer] if answer is None or isinstance(answer, bytes) else answer
        else:
            in_flight = self._flights.told(schema, visit.agent.id) if lease is not None else 0
            command = self._standing(schema, book, visit)
            command += changing_part(visit.cost, in_flight, visit.requester, more)
            answer = await self._redis.command(command)
            if isinstance(answer, RedisError) and str(answer).startswith("NOSCRIPT"):
                await self._redis.command(LOAD_GATHER)
                answer = await self._redis.command(command)
        if not isinstance(answer, list) or not answer:
            raise unavailable()
        announced = int(answer[0]) if isinstance(answer[0], bytes) else None
        latest = self._books.get(schema)
        # A change committed while Redis was away may never have been announced: after a break the database is asked.
        connection = self._redis.connections
        if latest is None or announced != latest.version or self._checked_on.get(schema) != connection:
            latest = await self._current_book(schema, announced)
            self._checked_on[schema] = connection
        if not announced == latest.version == book.version:
            return Gathered(latest, settled=False)
        if visit is None or len(answer) == 1:
            return Gathered(book, settled=visit is None)
        counted = read(answer)
        session = _session(visit.mcp_session, counted.mcp) if visit.mcp_session else None
        return Gathered(book, True, counted, session, lease)

    def _standing(self, schema: str, book: Rulebook, visit: Visit) -> bytes:
        """What is the same for all calls of a session under one rulebook, made once."""
        version, known = self._standing_parts.get(schema, (-1, {}))
        if version != book.version or len(known) > self._limits.tokens:
            known = {}
            self._standing_parts[schema] = (book.version, known)
        key = (visit.agent.id, visit.session_id, visit.mcp_session)
        part = known.get(key)
        if part is None:
            allowed = allowance(book.rate_limit, visit.agent.risk_tier)
            more = (self._flights.process, self._flights.tenths, self._idle)
            part = known[key] = standing_part(schema, *key, book.version, allowed, more)
        return part

    async def current_book(self, schema: str) -> Rulebook:
        """The rulebook that Redis says is the current one."""
        book = await self.book(schema)
        for _ in range(TRIES):
            gathered = await self.gather(schema, book, None)
            if gathered.settled:
                return gathered.book
            book = gathered.book
        raise rulebook_moving()

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
            await self._redis.command(encoded("EVAL", RAISE_VERSION, 1, version_key(schema), book.version))
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
        key = mcp_session_key(schema, session.id)
        fields = ("agent", session.agent_id, "server", session.server)
        more = ("upstream", session.upstream, "version", session.version)
        await self._sure(encoded("HSET", key, *fields, *more))
        await self._sure(encoded("EXPIRE", key, self._limits.session_idle_seconds))

    async def forget_session(self, schema: str, session_id: str) -> None:
        await self._sure(encoded("DEL", mcp_session_key(schema, session_id)))

    def soon(self, work: Coroutine[None, None, None]) -> None:
        """Something beside a call that nobody waits for. Where Redis or the log is away it is left undone."""
        task = asyncio.create_task(work, name="gateway-beside")
        self._beside.add(task)
        task.add_done_callback(self._done_beside)

    def _done_beside(self, task: asyncio.Task[None]) -> None:
        self._beside.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("work beside a call failed", extra={"error": type(error).__name__})

    # --- flags and counts -------------------------------------------------------------------------------------------

    async def once(self, schema: str, *parts: str, seconds: int) -> bool:
        """True for the first who asks within so many seconds, over all processes."""
        answer = await self._redis.command(encoded("SET", tenant_key(schema, *parts), 1, "NX", "EX", seconds))
        if isinstance(answer, RedisError):
            raise unavailable()
        return answer is not None

    async def script(self, script: str, schema: str, *parts: str, arguments: Sequence[str]) -> RedisValue:
        """A script over one key of the tenant."""
        answer = await self._redis.command(encoded("EVAL", script, 1, tenant_key(schema, *parts), *arguments))
        if isinstance(answer, RedisError):
            raise unavailable()
        return answer

    async def count(self, schema: str, *parts: str, seconds: int) -> int:
        """How often this was asked, this time included, until nobody asked for so many seconds."""
        answer = await self._redis.command(encoded("EVAL", COUNT, 1, tenant_key(schema, *parts), seconds))
        if not isinstance(answer, int):
            raise unavailable()
        return answer

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

    @property
    def quiet(self) -> bool:
        """Whether the log holds all that it was given."""
        return self._appender.idle

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
            key = version_key(schema)
            await self._redis.command(encoded("EVAL", RAISE_VERSION, 1, key, rulebook_version))
        await self._redis.command(encoded("PUBLISH", tenant_key(schema, "log"), seq))


def _version_of(schema: str) -> int:
    with in_tenant(schema):
        return audit.head(schema).rulebook_version


def rulebook_moving() -> Unavailable:
    return Unavailable("The rulebook changes faster than it can be read", code="rulebook_moving", retry_after=1)


def _report(future: "asyncio.Future[Position]") -> None:
    if not future.cancelled() and (error := future.exception()) is not None:
        logger.error("log entry lost", extra={"error": type(error).__name__})


def _session(id: str, found: RedisValue) -> McpSession | None:
    if not isinstance(found, list) or len(found) != 4 or not all(isinstance(value, bytes) for value in found):
        return None
    agent, server, upstream, version = (value.decode() for value in found if isinstance(value, bytes))
    return McpSession(id, agent, server, upstream, version)
