"""Batches of 2025-03-26: every message is judged and sent on by itself, the answers come back together.

Upstreams get single messages, since later revisions know no others.
"""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from apps.decision.errors import AppError, RateLimited
from apps.decision.types import JSON
from apps.gateway import envelope, wire
from apps.gateway.context import Request
from apps.gateway.errors import rpc_code
from apps.gateway.exchange import Exchanges
from apps.gateway.limits import Limits
from apps.gateway.load import Load
from apps.gateway.messages import INVALID_REQUEST, Message, ProtocolError, dumps, error_body
from apps.gateway.relay import Relay
from apps.gateway.transports.base import Incoming
from apps.gateway.transports.events import written


class Batches:
    def __init__(self, exchanges: Exchanges, limits: Limits, load: Load) -> None:
        self._exchanges = exchanges
        self._limits = limits
        self._load = load

    async def handle(self, request: Request, messages: list[Message]) -> None:
        self._check(request, messages)
        requests = [message for message in messages if message.is_request]
        collector = _Collector(request, self._load)
        refused = False
        for message in messages:
            if not message.is_request and (refusal := await self._exchanges.one_way(request, message)) is not None:
                refused = True
                await collector.add(dumps(refusal))
        if not requests and not refused:
            await wire.answer(request.send, 202)
            return
        collector.busy = len(requests)
        async with asyncio.TaskGroup() as group:
            for message in requests:
                group.create_task(self._run(request, message, collector), name="gateway-batch")
        await collector.finish()

    async def _run(self, request: Request, message: Message, collector: "_Collector") -> None:
        try:
            await self._exchanges.judge_and_run(request, message, _Part(request, self._load, collector))
        finally:
            collector.rest()

    def _check(self, request: Request, messages: list[Message]) -> None:
        version = request.session.version if request.session is not None else ""
        version = version or request.headers.get(envelope.VERSION_HEADER, b"").decode("latin-1")
        if version and version not in envelope.BATCH_VERSIONS:
            raise ProtocolError(INVALID_REQUEST, f"Batches are not part of {version}")
        if len(messages) > self._limits.batch_messages:
            raise ProtocolError(INVALID_REQUEST, f"A batch holds at most {self._limits.batch_messages} messages")
        ids = [message.id for message in messages if message.is_request]
        if len(set(ids)) != len(ids) or any(message.method == "initialize" for message in messages):
            raise ProtocolError(INVALID_REQUEST, "A batch holds no initialize and no id twice")


class _Collector:
    """Answers in one array; in one stream, as soon as there is more than answers, or a wait for a person."""

    def __init__(self, request: Request, load: Load) -> None:
        self._relay = Relay(request, load)
        self._request = request
        self._answers: list[bytes] = []
        self.busy = 0  # messages that neither wait for a person nor are done
        self._waiting = 0
        self._place = ExitStack()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """The batch has one place among the calls, and gives it back when all that is left of it waits."""
        self._waiting += 1
        self.rest()
        try:
            yield
        finally:
            self._waiting -= 1
            self.busy += 1
            self._place.close()

    def rest(self) -> None:
        self.busy -= 1
        if self.busy == 0 and self._waiting:
            with suppress(RateLimited):  # then it keeps its place
                self._place.enter_context(self._relay.waiting())

    async def begin(self) -> None:
        if not self._relay.started:
            await self._relay.begin()
            for content in self._answers:
                await wire.stream(self._request.send, written(content))
            self._answers.clear()

    async def add(self, content: bytes) -> None:
        if self._relay.started:
            await wire.stream(self._request.send, written(content))
        else:
            self._answers.append(content)

    async def event(self, message: dict[str, JSON], incoming: Incoming) -> None:
        await self.begin()
        await self._relay.event(message, incoming)

    async def ping(self) -> None:
        await self._relay.ping()

    async def finish(self) -> None:
        if self._relay.started:
            await wire.end_stream(self._request.send)
        else:
            await wire.answer(self._request.send, 200, b"[" + b",".join(self._answers) + b"]")


class _Part(Relay):
    """One request's share of the batch's answer."""

    __slots__ = ("_collector",)

    def __init__(self, request: Request, load: Load, collector: _Collector) -> None:
        super().__init__(request, load)
        self._collector = collector

    @property
    def alone(self) -> bool:
        return False

    @contextmanager
    def waiting(self) -> Iterator[None]:
        with self._collector.waiting():
            yield

    async def begin(self) -> None:
        self.started = True
        await self._collector.begin()

    async def final(self, content: bytes, status: int, event_id: str | None) -> None:
        await self._collector.add(content)

    async def fail(self, id: int | str | None, error: AppError) -> None:
        await self._collector.add(dumps(error_body(id, rpc_code(error), error.detail, {"code": error.code})))

    async def event(self, message: dict[str, JSON], incoming: Incoming) -> None:
        self.started = True
        await self._collector.event(message, Incoming(None))

    async def mark(self, incoming: Incoming) -> None:
        await self._collector.ping()

    async def ping(self) -> None:
        await self._collector.ping()

    async def end(self) -> None:
        """The upstream never answered; the others of the batch have their answers all the same."""
