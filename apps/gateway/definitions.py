"""What a tool was when a person approved its use: the digest of its definition, as its server gives it.

Learned from every `tools/list` that passes and shared by all processes. Where nothing recent is known the server is
asked, and where it does not answer the call does not go on: an approval must not outlive the tool it was given for.
"""

import asyncio
import logging
import time
from hashlib import sha256
from typing import Final

import orjson

from apps.decision.errors import Unavailable
from apps.decision.types import JSON
from apps.gateway.io import Io
from apps.gateway.param_headers import MAX_TOOLS, ListTools, listed

logger = logging.getLogger(__name__)
RECENT_SECONDS: Final = 60
UNLISTED: Final = "unlisted"  # the server was asked and does not list it


class Definitions:
    """Belongs to one event loop."""

    def __init__(self, io: Io) -> None:
        self._io = io
        self._telling: set[asyncio.Task[None]] = set()

    def learn(self, schema: str, server: str, result: JSON) -> None:
        """From a `tools/list` that passed, before anything is left out of it. Nobody waits for it."""
        tools = result.get("tools") if isinstance(result, dict) else None
        if isinstance(tools, list) and tools:
            task = asyncio.create_task(self._tell(schema, server, digests_of(tools)), name="gateway-definitions")
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def digest(self, schema: str, server: str, tool: str, list_tools: ListTools) -> str:
        """Raises what asking the server raises."""
        known = await self._io.tool_definition(schema, server, tool)
        if known is not None and known[1] > time.time() - RECENT_SECONDS:
            return known[0]
        digests = digests_of(await listed(list_tools))
        await self._tell(schema, server, digests)
        return digests.get(tool, UNLISTED)

    async def close(self) -> None:
        if self._telling:
            await asyncio.wait(self._telling)

    async def _tell(self, schema: str, server: str, digests: dict[str, str]) -> None:
        try:
            await self._io.keep_tool_definitions(schema, server, digests)
        except Unavailable:  # whoever needs one asks the server
            logger.warning("tool definitions not kept", extra={"schema": schema, "server": server})


def digests_of(tools: list[JSON]) -> dict[str, str]:
    """By name; of all that a definition says, but `_meta`, which servers use for what changes from call to call."""
    return {
        tool["name"]: sha256(
            orjson.dumps({key: value for key, value in tool.items() if key != "_meta"}, option=orjson.OPT_SORT_KEYS)
        ).hexdigest()
        for tool in tools[:MAX_TOOLS]
        if isinstance(tool, dict) and isinstance(tool.get("name"), str)
    }
