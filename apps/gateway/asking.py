"""The gateway's own question to a server: what does it list? In the log like any other message, and bounded in time."""

import asyncio
from typing import Final

from apps.decision.errors import UpstreamFailed
from apps.decision.types import JSON
from apps.gateway import entries
from apps.gateway.context import Request
from apps.gateway.envelope import Era
from apps.gateway.io import Io
from apps.gateway.messages import Message
from apps.gateway.upstreams import Upstreams

MAX_PAGES: Final = 20
ASK_SECONDS: Final = 10.0
ID: Final = "behavry-catalog"


class Asking:
    """Belongs to one event loop. Asks in the envelope of a request that is at hand, of an agent that may ask."""

    def __init__(self, io: Io, upstreams: Upstreams) -> None:
        self._io = io
        self._upstreams = upstreams

    async def all(self, request: Request, meta: JSON, method: str, field: str) -> tuple[list[JSON], bool]:
        """What all pages list, and whether the last one was reached. Raises what a call to the server raises."""
        items: list[JSON] = []
        cursor = ""
        try:
            async with asyncio.timeout(ASK_SECONDS):
                for _ in range(MAX_PAGES):
                    result = await self.page(request, meta, method, cursor)
                    page = result.get(field)
                    if not isinstance(page, list):
                        return items, False
                    items += page
                    following = result.get("nextCursor")
                    if not isinstance(following, str) or not following:
                        return items, True
                    if following == cursor:
                        break
                    cursor = following
        except TimeoutError:
            raise UpstreamFailed("The backend did not say in time what it lists", code="upstream_timeout") from None
        return items, False

    async def page(self, request: Request, meta: JSON, method: str, cursor: str) -> dict[str, JSON]:
        """One page; empty where the server answers with an error."""
        params: dict[str, JSON] = {"cursor": cursor} if cursor else {}
        if request.era is Era.STATELESS and isinstance(meta, dict):
            params["_meta"] = {key: value for key, value in meta.items() if key != "progressToken"}
        asking = Message(ID, method, params)
        await self._io.record(request.schema, entries.message_entry(request, method, direction="to_server"), acts=True)
        reply = await self._upstreams.ask(request, asking, params, {})
        try:
            final = reply.message
            if reply.stream is not None:
                async for incoming in reply.stream:
                    if incoming.message is not None and "method" not in incoming.message:
                        final = incoming.message
                        break
        finally:
            await reply.close()
        result = final.get("result") if final is not None else None
        return result if isinstance(result, dict) else {}
