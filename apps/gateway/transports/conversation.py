"""A conversation with one child: requests get ids of their own, answers and progress find their way back.

Several clients' requests may share a child, and clients choose ids and progress tokens as they like. So both are
replaced on the way in and restored on the way out.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Final

from apps.decision.errors import Outdated, UpstreamFailed
from apps.decision.types import JSON, Server
from apps.gateway.envelope import SUBSCRIPTION_KEY
from apps.gateway.errors import UpstreamSlow
from apps.gateway.limits import Limits
from apps.gateway.messages import METHOD_NOT_FOUND, Message, body_of, dumps, error_body
from apps.gateway.transports.base import Incoming, Reply, Sure
from apps.gateway.transports.child import Child
from apps.gateway.transports.inbox import Inbox

RESUME_SECONDS: Final = 60.0  # how long a broken stream may be resumed
RESUMABLE_SINCE: Final = "2025-11-25"
MAX_STREAMS_KEPT: Final = 50
_UNRELATED: Final = frozenset(
    {
        "notifications/tools/list_changed",
        "notifications/prompts/list_changed",
        "notifications/resources/list_changed",
        "notifications/resources/updated",
    }
)


class Conversation:
    """`shared`: several requests of one agent in the stateless era; else one session of the stateful era."""

    def __init__(self, server: Server, limits: Limits, *, shared: bool) -> None:
        self.server = server
        self.shared = shared
        self.opening: Message | None = None  # the session's `initialize`, to be repeated for a new child
        self.begun = False  # whether the child may be told more than its opening
        self.used_at = 0.0
        self._limits = limits
        self._child: Child | None = None
        self._waiting: dict[int, Inbox] = {}
        self._next_id = 0
        self._standalone: Inbox | None = None
        self._resumable: dict[str, tuple[int, Inbox]] = {}
        self._unheard: deque[dict[str, JSON]] = deque(maxlen=100)
        self.failed = False
        self.answered = False
        self._closing = False

    @property
    def alive(self) -> bool:
        return self._child is not None and self._child.alive

    @property
    def busy(self) -> bool:
        return bool(self._waiting) or self._standalone is not None

    @property
    def pid(self) -> int:
        return self._child.pid if self._child is not None else 0

    async def start(self) -> None:
        self.failed = self.answered = False
        self._child = Child(self._limits, self._receive, self._ended)
        await self._child.start(self.server.command, self.server.environment)

    async def close(self) -> None:
        self._closing = True
        if self._child is not None:
            await self._child.close()

    async def ask(self, message: Message, params: dict[str, JSON], sure: Sure) -> Reply:
        child = self._living()
        self._next_id += 1
        number = self._next_id
        inbox = self._waiting[number] = Inbox(message)
        try:
            await child.send(dumps(self._renumbered(message, params, number, inbox)), sure)
            if message.method == "tools/call" and self._resumes():
                return self._resumable_reply(number, inbox)
            first = await asyncio.wait_for(inbox.queue.get(), self._limits.call_seconds)
            if first is None:
                raise UpstreamFailed("The backend's process ended before it answered", code="upstream_ended")
            if "method" not in first:
                self._waiting.pop(number, None)
                return Reply(message=first)
        except Outdated:  # never sent, so there is nothing to cancel
            self._waiting.pop(number, None)
            raise
        except BaseException as error:
            self._give_up(number)
            if isinstance(error, TimeoutError):
                raise UpstreamSlow("The backend did not answer in time") from None
            raise

        async def release() -> None:
            self._give_up(number)

        return Reply(stream=self._stream(number, inbox, first), release=release)

    def _resumes(self) -> bool:
        return self.opening is not None and self.opening.params.get("protocolVersion") == RESUMABLE_SINCE

    def _resumable_reply(self, number: int, inbox: Inbox) -> Reply:
        """The stream begins with an id at once. Once the client has it, its leaving does not end the call."""
        self._resumable[inbox.name] = (number, inbox)
        while len(self._resumable) > MAX_STREAMS_KEPT:
            del self._resumable[next(iter(self._resumable))]
        reply = Reply(stream=self._kept_stream(number, inbox, None))

        async def release() -> None:
            if number in self._waiting and not reply.keep:
                self._give_up(number)
            asyncio.get_running_loop().call_later(RESUME_SECONDS, self._forget, number, inbox.name)

        reply.release = release
        return reply

    def _forget(self, number: int, name: str) -> None:
        self._resumable.pop(name, None)
        self._give_up(number)

    async def _kept_stream(self, number: int, inbox: Inbox, after: str | None) -> AsyncIterator[Incoming]:
        if after is None:
            yield inbox.first()
        for incoming in inbox.after(after) if after is not None else ():
            yield incoming
            if incoming.message is not None and "method" not in incoming.message:
                return
        async for incoming in self._stream(number, inbox, None):
            if incoming.message is not None:
                yield inbox.keep(incoming.message)

    async def tell(self, message: Message, params: dict[str, JSON], sure: Sure) -> None:
        """A notification, or the client's answer to a request of the server."""
        child = self._living()
        if message.method == "notifications/cancelled":
            params = dict(params)
            wanted = params.get("requestId")
            numbers = [n for n, inbox in self._waiting.items() if inbox.request and inbox.request.id == wanted]
            if not numbers:
                return
            params["requestId"] = numbers[-1]
        await child.send(dumps(body_of(message, params)), sure)

    def listen(self, last_event_id: str) -> Reply | None:
        """The stream for what answers nothing, or the rest of a broken one; None when one is open already."""
        known = self._resumable.get(last_event_id.rpartition("-")[0])
        if known is not None:
            return Reply(stream=self._kept_stream(*known, last_event_id))
        if self._standalone is not None:
            return None
        inbox = self._standalone = Inbox(None)
        while self._unheard:
            inbox.put(self._unheard.popleft())

        async def release() -> None:
            self._standalone = None

        return Reply(stream=self._stream(0, inbox, None), release=release)

    async def _stream(self, number: int, inbox: Inbox, first: dict[str, JSON] | None) -> AsyncIterator[Incoming]:
        message = first
        patience = None if inbox.request is None or inbox.listens else self._limits.call_seconds
        while True:
            if message is not None:
                yield Incoming(message)
                if "method" not in message:
                    self._waiting.pop(number, None)
                    return
            try:
                message = await asyncio.wait_for(inbox.queue.get(), patience)
            except TimeoutError:
                raise UpstreamSlow("The backend fell silent") from None
            if message is None:
                raise UpstreamFailed("The backend's process has ended", code="upstream_ended")

    def _living(self) -> Child:
        if self._child is None or not self._child.alive:
            raise UpstreamFailed("The backend's process has ended", code="upstream_ended")
        return self._child

    def _renumbered(self, message: Message, params: dict[str, JSON], number: int, inbox: Inbox) -> dict[str, JSON]:
        meta = params.get("_meta")
        if isinstance(meta, dict) and "progressToken" in meta:
            inbox.token = meta["progressToken"]
            params = {**params, "_meta": {**meta, "progressToken": number}}
        body = body_of(message, params)
        body["id"] = number
        return body

    def _give_up(self, number: int) -> None:
        inbox = self._waiting.pop(number, None)
        if inbox is None or self._child is None or inbox.request is None or inbox.request.method == "initialize":
            return
        params = {"requestId": number, "reason": "The client no longer waits"}
        self._child.send_soon(dumps({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}))

    def _receive(self, message: dict[str, JSON]) -> None:
        if "method" not in message:
            self._answer(message)
            return
        if self.shared and "id" in message:  # the stateless era has no requests from servers
            if self._child is not None:
                self._child.send_soon(dumps(error_body(message["id"], METHOD_NOT_FOUND, "Method not found")))
            return
        inbox = self._related(message)
        if inbox is not None:
            inbox.put(message)
        elif not self.shared:
            self._unheard.append(message)

    def _answer(self, message: dict[str, JSON]) -> None:
        number = message.get("id")
        inbox = self._waiting.get(number) if isinstance(number, int) else None
        if inbox is None or inbox.request is None:
            return
        self.answered = True
        message["id"] = inbox.request.id
        result = message.get("result")
        if inbox.listens and isinstance(result, dict) and isinstance(result.get("_meta"), dict):
            result["_meta"][SUBSCRIPTION_KEY] = inbox.request.id
        inbox.put(message)

    def _related(self, message: dict[str, JSON]) -> Inbox | None:
        """Whose message this is: the protocol says so for progress and subscriptions; else the latest request's."""
        params = message.get("params")
        params = params if isinstance(params, dict) else {}
        if message["method"] == "notifications/progress":
            inbox = (
                self._waiting.get(params.get("progressToken", 0))
                if isinstance(params.get("progressToken"), int)
                else None
            )
            if inbox is not None:
                params["progressToken"] = inbox.token
            return inbox
        meta = params.get("_meta")
        subscription = meta.get(SUBSCRIPTION_KEY) if isinstance(meta, dict) else None
        if isinstance(meta, dict) and isinstance(subscription, int | str):
            listener = self._waiting.get(int(subscription)) if str(subscription).isdigit() else None
            if listener is not None and listener.request is not None:
                meta[SUBSCRIPTION_KEY] = listener.request.id
            return listener
        if self._standalone is not None and message["method"] in _UNRELATED:
            return self._standalone
        for inbox in reversed(self._waiting.values()):
            if not inbox.listens:
                return inbox
        return self._standalone

    def _ended(self) -> None:
        self.failed = not self._closing
        for inbox in self._waiting.values():
            inbox.put(None)
        if self._standalone is not None:
            self._standalone.put(None)
