"""The live feed over a WebSocket: the same entries as the event stream, one JSON message each."""

import asyncio
import contextlib
import time
from typing import Any
from urllib.parse import parse_qs

import orjson
from channels.generic.websocket import AsyncWebsocketConsumer

from apps.audit.feed import Item, hub
from apps.audit.stream import CHECK_SECONDS, start
from apps.audit.visitors import BEARER, Visitor, admit
from apps.decision.errors import AppError

HEARTBEAT_SECONDS = 15.0
# Private close codes: 4000 + the HTTP status that says the same.
REFUSED = 4000


class AuditFeed(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels ships no types
    """`?after=<seq>` resumes. Messages: {"id", "type", "entry"}; a heartbeat is {"type": "keep-alive"}."""

    channel_layer_alias = ""  # the hub replaces channel groups, so no layer is needed

    async def connect(self) -> None:
        self._task: asyncio.Task[None] | None = None
        try:
            visitor = await hub().call(admit, self.scope)
            wanted = parse_qs(self.scope.get("query_string", b"").decode("latin-1")).get("after", [""])[0]
            position = await start(hub(), visitor, wanted)
        except AppError as error:
            await self.accept(subprotocol=self._protocol())
            await self.close(code=REFUSED + error.status)
            return
        await self.accept(subprotocol=self._protocol())
        self._task = asyncio.create_task(self._feed(visitor, position))

    async def disconnect(self, code: int) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._task

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Subscribers have nothing to say."""

    def _protocol(self) -> str | None:
        """Answer with one of the offered subprotocols, but never with the one that carries a token."""
        offered: list[str] = self.scope.get("subprotocols", [])
        return next((name for name in offered if not name.startswith(BEARER)), None)

    async def _feed(self, visitor: Visitor, position: int) -> None:
        shared, checked = hub(), time.monotonic()
        async with shared.subscribed(visitor.schema):
            while True:
                items = await shared.after(visitor.schema, position, HEARTBEAT_SECONDS)
                if time.monotonic() - checked > CHECK_SECONDS:
                    checked = time.monotonic()
                    try:
                        await shared.call(admit, self.scope)
                    except AppError as error:
                        await self.close(code=REFUSED + error.status)
                        return
                for item in items:
                    await self.send(text_data=_message(item))
                    position = item.seq
                if not items:
                    await self.send(text_data='{"type":"keep-alive"}')


def _message(item: Item) -> str:
    document: dict[str, Any] = {"id": item.seq, "type": item.type, "entry": orjson.Fragment(item.data)}
    return orjson.dumps(document).decode()
