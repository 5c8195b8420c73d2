"""One PostgreSQL connection as the group commit needs it: plain statements and COPYs, each a single exchange.

Speaks libpq's asynchronous interface directly, because a batch must move the head, copy its rows and commit in two
round trips, and every microsecond here is paid twice per governed call.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import pq

CONNECT_OPTIONS = "-c synchronous_commit=on -c lock_timeout=5s -c statement_timeout=10s -c timezone=UTC"
_FAILED = frozenset({pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE, pq.ExecStatus.NONFATAL_ERROR})


class WireError(Exception):
    """The server refused a statement or is gone. `sqlstate` is empty when the connection itself failed."""

    def __init__(self, sqlstate: str, message: str) -> None:
        super().__init__(f"{sqlstate or 'connection'}: {message}")
        self.sqlstate = sqlstate


class Wire:
    """Not for concurrent use: one exchange at a time. After an error of the connection it must be closed."""

    __slots__ = ("_connection", "_loop", "_pg")

    def __init__(self, connection: "psycopg.AsyncConnection[Any]") -> None:
        self._connection = connection
        self._pg = connection.pgconn
        self._loop = asyncio.get_running_loop()

    @classmethod
    async def open(cls, dsn: str) -> "Wire":
        try:
            connection = await psycopg.AsyncConnection.connect(
                dsn, autocommit=True, options=CONNECT_OPTIONS, connect_timeout=5, application_name="behavry log"
            )
        except (psycopg.Error, OSError) as error:
            raise WireError("", f"cannot connect ({type(error).__name__})") from error
        return cls(connection)

    async def close(self) -> None:
        await self._connection.close()

    async def fetch(self, statement: bytes) -> list[tuple[str, ...]]:
        """Run statements in one exchange; the rows of the last one that gave any, as text."""
        await self._send(statement)
        rows: list[tuple[str, ...]] = []
        failure: WireError | None = None
        while (result := await self._result()) is not None:
            if result.status in _FAILED:
                failure = failure or _error(result)
            elif result.status == pq.ExecStatus.TUPLES_OK:
                rows = [
                    tuple((result.get_value(row, column) or b"").decode() for column in range(result.nfields))
                    for row in range(result.ntuples)
                ]
        if failure:
            raise failure
        return rows

    async def move_and_copy(self, statement: bytes, data: Sequence[bytes]) -> bool:
        """An UPDATE and as many COPY FROM STDIN as there are `data`, sent as one implicit transaction. False, and
        nothing done, if the UPDATE found no row."""
        await self._send(statement)
        moved = False
        rest = iter(data)
        failure: WireError | None = None
        while (result := await self._result()) is not None:
            if result.status == pq.ExecStatus.COPY_IN:
                if moved:
                    await self._put(next(rest))
                    self._pg.put_copy_end()
                else:
                    self._pg.put_copy_end(b"the head has moved")  # which ends the whole transaction
                await self._flush()
            elif result.status in _FAILED:
                failure = failure or _error(result)
            else:
                moved = moved or result.command_tuples == 1
        if moved and failure:
            raise failure
        if failure and failure.sqlstate != "57014":  # what CopyFail is reported as
            raise failure
        return moved

    async def _send(self, statement: bytes) -> None:
        try:
            self._pg.send_query(statement)
        except psycopg.OperationalError as error:
            raise WireError("", str(error)) from error
        await self._flush()

    async def _put(self, data: bytes) -> None:
        view = memoryview(data)
        for start in range(0, len(data), 65536):
            self._pg.put_copy_data(view[start : start + 65536])
            if len(data) > 65536:
                await self._flush()

    async def _flush(self) -> None:
        try:
            while self._pg.flush():
                await self._ready(writing=True)
        except psycopg.OperationalError as error:
            raise WireError("", str(error)) from error

    async def _result(self) -> "pq.abc.PGresult | None":
        try:
            while self._pg.is_busy():
                await self._ready(writing=False)
                self._pg.consume_input()
            return self._pg.get_result()
        except psycopg.OperationalError as error:
            raise WireError("", str(error)) from error

    async def _ready(self, *, writing: bool) -> None:
        """Wait for the socket. Reading is always watched, since a server that complains may stop reading itself."""
        future: asyncio.Future[None] = self._loop.create_future()
        fd = self._pg.socket

        def ready() -> None:
            if not future.done():
                future.set_result(None)

        self._loop.add_reader(fd, ready)
        if writing:
            self._loop.add_writer(fd, ready)
        try:
            await future
        finally:
            self._loop.remove_reader(fd)
            if writing:
                self._loop.remove_writer(fd)
        if writing:
            self._pg.consume_input()


def _error(result: "pq.abc.PGresult") -> WireError:
    sqlstate = (result.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode()
    message = (result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b"the connection was lost").decode(
        "utf-8", "replace"
    )
    return WireError(sqlstate, message)
