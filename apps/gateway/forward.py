"""What is allowed goes to the upstream, and what comes back is handed to the client.

The outcome of every forwarded call is queued for the log before its answer leaves, however the call ended.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import aclosing, contextmanager, suppress

from apps.decision.errors import AppError, Outdated, Unavailable, UpstreamFailed
from apps.decision.types import JSON, Screened
from apps.gateway import answers, entries, envelope, param_headers, request_state, wire
from apps.gateway.context import Request
from apps.gateway.door import Door
from apps.gateway.envelope import Era
from apps.gateway.errors import CallerGone, SessionGone
from apps.gateway.held_results import HeldResults
from apps.gateway.inbound import Inbound
from apps.gateway.io import Io
from apps.gateway.limits import Limits
from apps.gateway.load import Load
from apps.gateway.messages import Message, ProtocolError, dumps, error_body
from apps.gateway.methods import Care
from apps.gateway.pinning import Pins
from apps.gateway.pipeline import Judged
from apps.gateway.relay import Relay
from apps.gateway.transports.base import Reply
from apps.gateway.upstreams import Upstreams

CLIENT_GONE = 499
CANCEL_GRACE = 2.0
Key = tuple[str, str, str, JSON]  # nobody cancels another agent's request


class Forwarding:
    """Belongs to one event loop. Holds nothing of a call but what is needed to cancel it."""

    def __init__(
        self,
        io: Io,
        door: Door,
        upstreams: Upstreams,
        limits: Limits,
        load: Load,
        inbound: Inbound,
        pins: Pins,
    ) -> None:
        self._io = io
        self._door = door
        self._upstreams = upstreams
        self._limits = limits
        self._load = load
        self._inbound = inbound
        self._held = HeldResults(io)
        self._catalog = pins.catalog
        self._asking = pins.asking
        self._running: dict[Key, wire.Watch] = {}

    async def run(self, request: Request, judged: Judged, relay: Relay) -> None:
        """An allowed request, from here to the last byte of its answer. Raises Outdated when nothing was sent."""
        began = time.perf_counter()
        key = _key(request, judged.message.id)
        try:
            with wire.Watch(request.receive, self._limits.call_seconds) as watch:
                self._running[key] = watch
                reply = await self._act(request, judged)
                try:
                    await self._hand_over(request, judged, reply, relay, watch, began)
                finally:
                    await reply.close()
        except CallerGone:
            self.outcome(request, judged, began, CLIENT_GONE, error="caller_gone")
        except ProtocolError as error:
            self.outcome(request, judged, began, error.status, error="protocol_error")
            await relay.answer(error_body(judged.message.id, error.code, error.message, error.data), error.status)
        except Outdated as error:
            self.outcome(request, judged, began, error.status, error=error.code)
            if judged.message.method == "initialize":
                request.session_id = ""  # the next attempt gets a session of its own
            raise
        except AppError as error:
            await self._failed(request, judged, began, relay, error)
        except asyncio.CancelledError:
            self.outcome(request, judged, began, CLIENT_GONE, error="gateway_stopped")
            raise
        finally:
            self._running.pop(key, None)

    async def tell(self, request: Request, judged: Judged) -> None:
        """A notification, or an answer to the server's request."""
        message, began = judged.message, time.perf_counter()
        try:
            with wire.Watch(request.receive, self._limits.call_seconds):
                await self._upstreams.tell(request, message, judged.params)
        except AppError as error:
            self.outcome(request, judged, began, error.status, error=error.code)
            raise
        if message.method == "notifications/cancelled":
            watch = self._running.get(_key(request, message.params.get("requestId")))
            if watch is not None:
                watch.hurry(CANCEL_GRACE)
        if judged.method.care is Care.DECIDE:
            self.outcome(request, judged, began, 202)

    @contextmanager
    def cancellable(self, request: Request, message: Message, seconds: float) -> Iterator[None]:
        """A wait that ends when the client leaves (CallerGone) or cancels the request, or time is up (UpstreamSlow)."""
        key = _key(request, message.id)
        with wire.Watch(request.receive, seconds) as watch:
            self._running[key] = watch
            try:
                yield
            finally:
                self._running.pop(key, None)

    async def _act(self, request: Request, judged: Judged) -> Reply:
        message = judged.message
        if message.method == "initialize" and request.era is Era.STATEFUL:
            return await self._upstreams.initialize(request, message, judged.params)
        extra: dict[str, str] = {}
        if request.era is Era.STATELESS and message.method == "tools/call":
            extra = await self._param_headers(request, judged)
        return await self._upstreams.ask(request, message, judged.params, extra)

    async def _param_headers(self, request: Request, judged: Judged) -> dict[str, str]:
        message, server = judged.message, request.facts.server
        if not message.params.get("arguments") and not any(
            name.startswith(envelope.PARAM_PREFIX) for name in request.headers
        ):
            return {}

        async def list_tools(cursor: str) -> dict[str, JSON]:
            return await self._asking.page(request, message.params.get("_meta"), "tools/list", cursor)

        mirrors = await self._catalog.mirrors(request.schema, server.name, judged.entry.tool_name, list_tools)
        return param_headers.checked(mirrors, message, request.headers) if mirrors is not None else {}

    async def _hand_over(
        self, request: Request, judged: Judged, reply: Reply, relay: Relay, watch: wire.Watch, began: float
    ) -> None:
        message = judged.message
        if message.method == "initialize" and request.session_id:
            final = await _final_of(reply)
            if final is None:
                raise UpstreamFailed("The backend did not answer the request", code="upstream_no_answer")
            await self._opened(request, reply, final)
            await self._finish(request, judged, final, reply, relay, began)
            return
        if reply.message is not None:
            await self._finish(request, judged, reply.message, reply, relay, began)
            return
        if reply.stream is None:
            raise UpstreamFailed("The backend did not answer the request", code="upstream_no_answer")
        known = self._catalog.knows(request.schema, request.facts.server.name, judged.entry.tool_name)
        relay.prompt = known or message.method != "tools/call"
        if message.method == "subscriptions/listen":
            with self._load.as_stream(request.owner):
                request.release()
                await self._pass_on(request, judged, reply, relay, watch, began)
        else:
            await self._pass_on(request, judged, reply, relay, watch, began)

    async def _pass_on(
        self, request: Request, judged: Judged, reply: Reply, relay: Relay, watch: wire.Watch, began: float
    ) -> None:
        assert reply.stream is not None
        listening = judged.message.method == "subscriptions/listen"
        begun = False  # the backend has; the stream to the client may be older
        async with aclosing(relay.pulses(reply.stream)) as pulses:
            async for incoming in pulses:
                if begun:
                    watch.allow(self._limits.stream_seconds)
                if listening and not await self._door.still_open(request):
                    break
                if incoming is None:
                    await relay.ping()
                elif incoming.message is None:
                    await relay.mark(incoming)
                elif "method" in incoming.message:
                    watch.allow(self._limits.stream_seconds)
                    passing = await self._inbound.message(request, judged, incoming.message, relay.trail)
                    await (relay.mark(incoming) if passing is None else relay.event(passing, incoming))
                else:
                    await self._finish(request, judged, incoming.message, reply, relay, began, incoming.event_id)
                    return
                begun = begun or (incoming is not None and relay.started)
                reply.keep = begun
        self.outcome(request, judged, began, 200, error="stream_ended")
        await relay.end()

    async def _finish(
        self,
        request: Request,
        judged: Judged,
        message: dict[str, JSON],
        reply: Reply,
        relay: Relay,
        began: float,
        event_id: str | None = None,
    ) -> None:
        came = await self._inbound.answer(request, judged, message, relay.trail, reply.size)
        body = came.body
        if request.era is Era.STATELESS and came.held is None:
            body = request_state.wrapped(request, judged.message, body)
        status = answers.status_of(body) if request.era is Era.STATELESS else reply.status
        if request.era is Era.STATEFUL and status != 200 and answers.is_unknown_tool(judged.message, body):
            status = 200  # whatever this backend says: a hidden tool is answered for with 200
        content = dumps(body)
        error, result = body.get("error"), body.get("result")
        is_error = error is not None or (isinstance(result, dict) and result.get("isError") is True)
        text = f"rpc_error {error.get('code')}" if isinstance(error, dict) else ""
        await self._outcome_before_answer(
            request, judged, began, status, size=len(content), is_error=is_error, error=text, screened=came.screened
        )
        if came.held is not None and came.screened is not None:
            body = await self._held.settle(request, judged, body, came.screened)  # returns where nobody can be asked
            content, status = dumps(body), answers.status_of(body) if request.era is Era.STATELESS else 200
        await relay.final(content, status, event_id)

    async def _opened(self, request: Request, reply: Reply, final: dict[str, JSON]) -> None:
        """A session exists once the upstream has said yes and Redis knows of it."""
        result = final.get("result")
        if not isinstance(result, dict):
            await self._abandon(request)
            return
        version = result.get("protocolVersion")
        try:
            await self._upstreams.remember(request, reply.session, version if isinstance(version, str) else "")
        except BaseException:
            await self._abandon(request)
            raise

    async def _abandon(self, request: Request) -> None:
        if request.facts.server.transport == "stdio":
            await self._upstreams.stdio.end(request.place())
        request.session_id = ""

    async def _failed(self, request: Request, judged: Judged, began: float, relay: Relay, error: AppError) -> None:
        message = judged.message
        self.outcome(request, judged, began, error.status, error=error.code)
        if isinstance(error, SessionGone) and request.session_id and message.method != "initialize":
            with suppress(Unavailable):  # it expires by itself
                await self._io.forget_session(request.schema, request.session_id)
        if message.method == "server/discover" and not relay.started:
            await relay.answer(answers.no_discovery(message), 404)
            return
        await relay.fail(message.id, error)

    def outcome(
        self, request: Request, judged: Judged, began: float, code: int, *, error: str = ""
    ) -> "asyncio.Future[object] | None":
        if judged.method.care is not Care.DECIDE and not error:
            return None
        entry = entries.outcome_entry(
            request, judged.entry, began=began, code=code, size=0, is_error=bool(error), error=error
        )
        return self._io.record_soon(request.schema, entry)  # type: ignore[return-value]

    async def _outcome_before_answer(
        self,
        request: Request,
        judged: Judged,
        began: float,
        code: int,
        *,
        size: int,
        is_error: bool,
        error: str,
        screened: Screened | None,
    ) -> None:
        if judged.method.care is not Care.DECIDE and screened is None:
            return
        entry = entries.outcome_entry(
            request,
            judged.entry,
            began=began,
            code=code,
            size=size,
            is_error=is_error,
            error=error,
            screened=screened,
        )
        future = self._io.record_soon(request.schema, entry)
        if self._limits.wait_for_outcome and future is not None:
            await future


def _key(request: Request, id: JSON) -> Key:
    known = id if isinstance(id, int | str) else None
    return (request.schema, request.facts.caller.agent.id, request.session_id, known)


async def _final_of(reply: Reply) -> dict[str, JSON] | None:
    """The answer itself; what an upstream says before it has a session goes nowhere."""
    if reply.stream is not None:
        async for incoming in reply.stream:
            if incoming.message is not None and "method" not in incoming.message:
                return incoming.message
    return reply.message
