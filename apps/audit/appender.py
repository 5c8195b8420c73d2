"""Group commit: many callers, one writer task per tenant, one durable transaction per batch.

A batch stands or falls as a whole and its callers with it: nobody is told of success before the commit, and a failed
batch is never retried, since its callers have been refused. Several processes may append to one tenant: the head row
decides the order, and a batch that was linked to an outdated head is linked anew under the head's lock.
"""

import asyncio
import contextlib
import logging
import re
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import redis.asyncio

from apps.audit.rows import COLUMN_LIST, INPUT_COLUMN_LIST, End, copy_line, input_line, later
from apps.audit.services import MONTHS_AHEAD, RAISE_VERSION, Position
from apps.audit.wire import Wire, WireError
from apps.decision.chain import text_of_time
from apps.decision.errors import AppError, BadInput, Outdated, Unavailable
from apps.decision.events import Entry
from apps.tenants.context import tenant_key

logger = logging.getLogger(__name__)

# What is to be written, who waits for it, the input document kept beside it, and whether something is done on it.
Waiting: TypeAlias = "tuple[Entry, asyncio.Future[Position], bytes | None, bool]"
Outcome: TypeAlias = "Position | AppError"
Nudge: TypeAlias = Callable[[str, int, int], Awaitable[None]]
BATCH_SECONDS = 15.0  # after which a batch is given up, connection and all
IDLE_SECONDS = 30.0  # after which a tenant's connection is closed
NUDGE_SECONDS = 0.05
LOCKED_BATCHES = 50  # how long to take the lock first, after another process was met
_SCHEMA = re.compile(r"t_[a-z0-9_]{1,60}\Z")


def redis_nudge(client: "redis.asyncio.Redis") -> Nudge:
    """Tells of commits over Redis: the feed's channel, and the rulebook version where it changed."""

    async def nudge(schema: str, seq: int, version: int) -> None:
        key, channel = tenant_key(schema, "rulebook_version"), tenant_key(schema, "log")
        if version:
            await client.eval(RAISE_VERSION, 2, key, channel, str(version))
        await client.publish(channel, seq)

    return nudge


class Appender:
    """Belongs to one event loop. `nudge(schema, seq, rulebook_version)` is called after commits, best effort."""

    def __init__(self, dsn: str, *, max_batch: int = 512, max_queue: int = 20_000, nudge: Nudge | None = None) -> None:
        self._dsn = dsn
        self._max_batch = max_batch
        self._max_queue = max_queue
        self._nudge = nudge
        self._writers: dict[str, _Writer] = {}
        self._closed = False

    async def append(self, schema: str, entry: Entry, document: bytes | None = None, *, acts: bool = False) -> Position:
        """Durable when it returns. A cancelled caller stops waiting; its entry is written all the same.

        `document` is the masked input of the decision, kept for replay. `acts` says that something will be done on the
        strength of the entry: it is refused with Outdated, alone, if its rulebook is no longer the log's.
        """
        return await self.enqueue(schema, entry, document, acts=acts)

    def enqueue(
        self, schema: str, entry: Entry, document: bytes | None = None, *, acts: bool = False
    ) -> "asyncio.Future[Position]":
        """Queue an entry; the future is done when it is durable. Raises Unavailable when the queue is full."""
        writer = self._writers.get(schema)
        if writer is None:
            if not _SCHEMA.match(schema):
                raise BadInput(f"{schema!r} is not a tenant's schema")
            writer = self._writers[schema] = _Writer(self._dsn, schema, self._max_batch, self._nudge)
        if self._closed:
            raise Unavailable("The log is closing", code="log_unavailable")
        if len(writer.queue) >= self._max_queue:
            raise Unavailable("The log cannot keep up", code="log_full", retry_after=1)
        return writer.enqueue(entry, document, acts)

    @property
    def idle(self) -> bool:
        """Whether nothing is queued or being written, so that no head is locked."""
        return all(writer.idle for writer in self._writers.values())

    async def close(self) -> None:
        """Write what is queued, then let go of the database."""
        self._closed = True
        await asyncio.gather(*(writer.close() for writer in self._writers.values()))


class _Writer:
    """The queue, the connection and the known end of one tenant's chain."""

    def __init__(self, dsn: str, schema: str, max_batch: int, nudge: Nudge | None) -> None:
        self.queue: deque[Waiting] = deque()
        self._dsn, self._schema, self._max_batch, self._nudge = dsn, schema, max_batch, nudge
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        self._wake: asyncio.Future[None] | None = None
        self._closing = False
        self._wire: Wire | None = None
        self._end: End | None = None
        self._partitions_until = datetime.min.replace(tzinfo=UTC)
        self._locked_batches = 0
        self._nudger: asyncio.Task[None] | None = None
        self._last = self._told = (0, 0)  # sequence number and rulebook version, to tell of and told of
        self._copy = f'COPY "{schema}".audit_entry ({COLUMN_LIST}) FROM STDIN'
        self._copy_inputs = f'; COPY "{schema}".audit_input ({INPUT_COLUMN_LIST}) FROM STDIN'
        self._columns = 'seq, event_hash, rulebook_version, to_char(recorded_at, \'YYYY-MM-DD"T"HH24:MI:SS.US"Z"\'),'
        self._columns += ' to_char(partitions_until, \'YYYY-MM-DD"T"HH24:MI:SS.US"Z"\')'
        self._read_head = f'SELECT {self._columns} FROM "{schema}".audit_head WHERE id = 1'.encode()  # noqa: S608

    def enqueue(self, entry: Entry, document: bytes | None, acts: bool) -> "asyncio.Future[Position]":
        future: asyncio.Future[Position] = self._loop.create_future()
        self.queue.append((entry, future, document, acts))
        if self._wake is not None:
            if not self._wake.done():
                self._wake.set_result(None)
        elif self._task is None or self._task.done():
            self._task = self._loop.create_task(self._run())
        return future

    @property
    def idle(self) -> bool:
        return not self.queue and (self._wake is not None or self._task is None or self._task.done())

    async def close(self) -> None:
        self._closing = True
        if self._wake is not None and not self._wake.done():
            self._wake.cancel()
        if self._task is not None:
            await self._task
        if self._nudger is not None:
            await self._nudger

    async def _run(self) -> None:
        try:
            while self.queue or await self._more():
                batch = [self.queue.popleft() for _ in range(min(len(self.queue), self._max_batch))]
                await self._answer(batch)
        finally:
            await self._disconnect()

    async def _more(self) -> bool:
        """Wait for work; False after a long silence or when closing."""
        if self._closing:
            return False
        self._wake = self._loop.create_future()
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                await self._wake
        except (TimeoutError, asyncio.CancelledError):
            return bool(self.queue)
        finally:
            self._wake = None
        return True

    async def _answer(self, batch: list[Waiting]) -> None:
        try:
            async with asyncio.timeout(BATCH_SECONDS):
                outcomes = await self._write(batch)
        except asyncio.CancelledError:
            for _, future, _, _ in batch:
                future.cancel()
            raise
        except Exception as error:  # whatever it was, nobody may be left waiting and nothing may be forwarded
            logger.error("log batch failed", extra={"schema": self._schema, "entries": len(batch), "error": str(error)})
            await self._disconnect()
            for _, future, _, _ in batch:
                if not future.done():
                    failure = Unavailable("The log cannot be written", code="log_unavailable", retry_after=1)
                    future.set_exception(failure)
            return
        version = 0
        for (entry, future, _, _), outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, AppError):
                if not future.done():
                    future.set_exception(outcome)
                continue
            if not future.done():
                future.set_result(outcome)
            if entry.kind.changes_rulebook:
                version = outcome.seq
        if self._nudge and self._end:
            self._tell(self._end.seq, version)

    async def _write(self, batch: list[Waiting]) -> list[Outcome]:
        if self._wire is None:
            self._wire = await Wire.open(self._dsn)
        wire = self._wire
        if self._end is None:
            self._end = await self._known_end(wire, self._read_head)
        if not self._locked_batches:
            done = await self._try(wire, batch, self._end)
            if done is not None:
                return done
            self._locked_batches = LOCKED_BATCHES
        self._locked_batches -= 1
        end = await self._known_end(wire, b"BEGIN; " + self._read_head + b" FOR UPDATE")
        done = await self._try(wire, batch, end)
        if done is None:
            raise WireError("", "the head moved under its own lock, or this machine's clock is far ahead")
        await wire.fetch(b"COMMIT")
        return done

    async def _known_end(self, wire: Wire, statement: bytes) -> End:
        rows = await wire.fetch(statement)
        if len(rows) != 1:
            raise WireError("", "this tenant's log has no head")
        seq, event_hash, version, recorded_at, until = rows[0]
        self._partitions_until = datetime.fromisoformat(until)
        return End(int(seq), event_hash, datetime.fromisoformat(recorded_at), int(version))

    async def _try(self, wire: Wire, batch: list[Waiting], end: End) -> list[Outcome] | None:
        """Link the batch to `end` and write it; None, and nothing written, if the head has moved on."""
        recorded_at = later(datetime.now(UTC), end)
        if recorded_at >= self._partitions_until:
            prepare = f"SELECT public.behavry_audit_prepare('{self._schema}', {MONTHS_AHEAD})"
            await wire.fetch(prepare.encode())
            self._partitions_until = recorded_at + timedelta(days=1)  # asked again tomorrow, which costs nothing
        text = text_of_time(recorded_at)
        seq, event_hash, version = end.seq, end.event_hash, end.rulebook_version
        lines: list[str] = []
        inputs: list[bytes] = []
        outcomes: list[Outcome] = []
        for entry, _, document, acts in batch:
            if acts and entry.rulebook_version < version:
                outcomes.append(Outdated("The rules have changed since the decision", retry_after=1))
                continue
            try:
                line, linked = copy_line(entry, self._schema, seq + 1, text, event_hash)
                if document is not None:
                    inputs.append(input_line(entry, seq + 1, text, document))
            except Exception as error:  # refused alone: what cannot be logged must not stop the others
                outcomes.append(BadInput(f"This cannot be logged: {error}", code="not_loggable"))
                continue
            seq, event_hash = seq + 1, linked
            lines.append(line)
            outcomes.append(Position(seq, event_hash))
            if entry.kind.changes_rulebook:
                version = seq
        if not lines:
            return outcomes
        lines.append("")
        moved = f", rulebook_version = {version}" if version != end.rulebook_version else ""
        statement = (
            f"UPDATE \"{self._schema}\".audit_head SET seq = {seq}, event_hash = '{event_hash}', recorded_at = '{text}'"  # noqa: S608
            f"{moved} WHERE id = 1 AND seq = {end.seq} AND event_hash = '{end.event_hash}'"
            f" AND '{text}' < clock_timestamp() + interval '1 hour'; {self._copy}{self._copy_inputs if inputs else ''}"
        )
        data = ["\n".join(lines).encode(), b"".join(inputs)] if inputs else ["\n".join(lines).encode()]
        if not await wire.move_and_copy(statement.encode(), data):
            return None
        self._end = End(seq, event_hash, recorded_at, version)
        return outcomes

    async def _disconnect(self) -> None:
        wire, self._wire, self._end = self._wire, None, None
        if wire is not None:
            with contextlib.suppress(Exception):
                await wire.close()

    def _tell(self, seq: int, version: int) -> None:
        self._last = (seq, max(version, self._last[1]))
        if self._nudger is None or self._nudger.done():
            self._nudger = self._loop.create_task(self._tell_soon())

    async def _tell_soon(self) -> None:
        """One message for all commits of a moment; at once when the rulebook changed."""
        assert self._nudge is not None
        while self._told != self._last:
            if self._told[1] == self._last[1]:
                await asyncio.sleep(NUDGE_SECONDS)
            seq, version = self._last
            try:
                await self._nudge(self._schema, seq, version if version != self._told[1] else 0)
            except Exception as error:  # told again with the next commit, and by `announce_rulebook`
                logger.warning("log nudge not sent", extra={"schema": self._schema, "error": type(error).__name__})
                return
            self._told = (seq, version)
