"""What comes back from an upstream passes here: recorded or counted, filtered, and told apart from what is hidden.

`passed` is the one place for messages towards the client; scanning of results belongs into it.
"""

import re
from typing import Final

from apps.decision.types import JSON
from apps.gateway import answers, entries, methods
from apps.gateway.context import Request
from apps.gateway.envelope import Era
from apps.gateway.io import Io
from apps.gateway.messages import INVALID_PARAMS
from apps.gateway.methods import Care
from apps.gateway.pipeline import Judged
from apps.gateway.visibility import filtered

MAX_LIST_TTL_MS: Final = 60_000
_NOT_THERE = re.compile(r"\b(unknown|not found|no such|does not exist|doesn't exist|not exist)\b", re.IGNORECASE)
MAX_NOT_THERE_TEXT: Final = 300


async def passed(io: Io, request: Request, judged: Judged | None, message: dict[str, JSON]) -> dict[str, JSON]:
    """The message as the client gets it. `judged` is the request whose stream it is on; None on a GET stream."""
    method = message.get("method")
    if isinstance(method, str):
        if methods.from_server(method).care is Care.COUNT:
            request.counts[method] = request.counts.get(method, 0) + 1
        else:
            io.record_soon(request.schema, entries.message_entry(request, method))
        return message
    if judged is None:
        io.record_soon(request.schema, entries.message_entry(request, "response"))
        return await _by_shape(request, message)
    return await _answered(request, judged, message)


async def _answered(request: Request, judged: Judged, message: dict[str, JSON]) -> dict[str, JSON]:
    asked = judged.message
    message = {key: message[key] for key in ("jsonrpc", "id", "result", "error") if key in message}
    message["id"] = asked.id
    if asked.method == "tools/call" and _says_not_there(message, judged.entry.tool_name):
        return answers.unknown(asked, judged.entry.tool_name)
    result, listing = message.get("result"), judged.method.listing
    if listing is not None and isinstance(result, dict):
        result = message["result"] = await filtered(request.facts, listing, result)
        if request.era is Era.STATELESS:
            ttl = result.get("ttlMs")
            result["cacheScope"] = "private"
            result["ttlMs"] = min(ttl, MAX_LIST_TTL_MS) if isinstance(ttl, int) else 0
    return message


async def _by_shape(request: Request, message: dict[str, JSON]) -> dict[str, JSON]:
    """A resumed stream may bring the answer to any request: what looks like a list is treated as one."""
    result = message.get("result")
    if isinstance(result, dict):
        for listing in methods.LISTINGS:
            if isinstance(result.get(listing.items), list):
                result = await filtered(request.facts, listing, result)
        return {**message, "result": result}
    return message


def _says_not_there(message: dict[str, JSON], tool: str) -> bool:
    """Servers say "no such tool" in several ways; all of them become the same answer that a hidden tool gets."""
    error, result = message.get("error"), message.get("result")
    if isinstance(error, dict):
        if error.get("code") not in (INVALID_PARAMS, -32601):
            return False
        text = error.get("message")
    elif isinstance(result, dict) and result.get("isError") is True:
        content = result.get("content")
        only = content[0] if isinstance(content, list) and len(content) == 1 else None
        text = only.get("text") if isinstance(only, dict) else None
    else:
        return False
    if not isinstance(text, str) or len(text) > len(tool) + MAX_NOT_THERE_TEXT:
        return False
    rest = text.replace(tool, "", 1)
    return tool in text and "tool" in rest.lower() and _NOT_THERE.search(rest) is not None
