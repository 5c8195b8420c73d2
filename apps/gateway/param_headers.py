"""`Mcp-Param-*` headers: a tool's schema says which arguments they mirror, and they must then say the same.

A header that cannot be checked, because the tool's schema is not known, is not forwarded.
"""

import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from apps.decision.errors import AppError
from apps.decision.types import JSON
from apps.gateway import envelope
from apps.gateway.messages import HEADER_MISMATCH, Message, ProtocolError

KEPT_SECONDS: Final = 60.0
MAX_PAGES: Final = 20
MAX_SERVERS: Final = 1000
MAX_TOOLS: Final = 5000
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_DECIMAL = re.compile(r"(-?[0-9]+)(?:\.0+)?")
_TYPES: Final = frozenset({"string", "integer", "boolean"})

Mirror = tuple[tuple[str, ...], str, str]  # path of the argument, header token, JSON type
ListTools = Callable[[str], Awaitable[dict[str, JSON]]]


@dataclass(slots=True)
class _Known:
    until: float = 0.0
    tools: dict[str, tuple[Mirror, ...]] = field(default_factory=dict)


class Catalog:
    """The tools of each server as its own `tools/list` shows them, and which of their arguments have headers."""

    def __init__(self) -> None:
        self._servers: dict[tuple[str, str], _Known] = {}

    def knows(self, schema: str, server: str, tool: str) -> bool:
        known = self._servers.get((schema, server))
        return known is not None and tool in known.tools

    def learn(self, schema: str, server: str, result: JSON) -> None:
        """From a `tools/list` that passed; it may be one page of several."""
        tools = result.get("tools") if isinstance(result, dict) else None
        if isinstance(tools, list):
            known = self._of(schema, server)
            if len(known.tools) > MAX_TOOLS:
                known.tools.clear()
            known.tools.update(_mirrors_of(tools))

    def known(self, schema: str, server: str, tools: list[JSON]) -> None:
        """The whole list, a moment ago."""
        known = self._of(schema, server)
        known.tools, known.until = _mirrors_of(tools), time.monotonic() + KEPT_SECONDS

    async def mirrors(self, schema: str, server: str, tool: str, list_tools: ListTools) -> tuple[Mirror, ...] | None:
        """None when the server does not list the tool or cannot be asked."""
        known = self._of(schema, server)
        if known.until < time.monotonic():
            known.until = time.monotonic() + KEPT_SECONDS  # first, so that others do not ask at the same time
            try:
                known.tools = _mirrors_of(await listed(list_tools))
            except (AppError, ProtocolError):
                known.until = 0.0
        return known.tools.get(tool)

    def _of(self, schema: str, server: str) -> _Known:
        if len(self._servers) > MAX_SERVERS:
            self._servers.clear()
        return self._servers.setdefault((schema, server), _Known())


async def listed(list_tools: ListTools) -> list[JSON]:
    """All pages of a server's tools."""
    tools: list[JSON] = []
    cursor = ""
    for _ in range(MAX_PAGES):
        result = await list_tools(cursor)
        page = result.get("tools")
        tools += page if isinstance(page, list) else []
        following = result.get("nextCursor")
        if not isinstance(following, str) or not following or following == cursor:
            break
        cursor = following
    return tools


def _mirrors_of(tools: list[JSON]) -> dict[str, tuple[Mirror, ...]]:
    return {
        tool["name"]: mirrors_in(tool.get("inputSchema"))
        for tool in tools
        if isinstance(tool, dict) and isinstance(tool.get("name"), str)
    }


def mirrors_in(schema: JSON) -> tuple[Mirror, ...]:
    """The annotated arguments of a schema; none at all if one annotation is not valid, as clients do."""
    found: list[Mirror] = []
    stack: list[tuple[tuple[str, ...], JSON]] = [((), schema)]
    while stack:
        path, node = stack.pop()
        if not isinstance(node, dict):
            continue
        if "x-mcp-header" in node:
            token, kind = node["x-mcp-header"], node.get("type")
            if not path or not isinstance(token, str) or not _TOKEN.fullmatch(token) or kind not in _TYPES:
                return ()
            found.append((path, token, kind))
        properties = node.get("properties")
        if isinstance(properties, dict):
            stack.extend(((*path, name), child) for name, child in properties.items())
    tokens = {token.lower() for _, token, _ in found}
    return tuple(found) if len(tokens) == len(found) else ()


def checked(mirrors: tuple[Mirror, ...], message: Message, headers: dict[bytes, bytes]) -> dict[str, str]:
    """The headers to forward, equal to the body. Raises ProtocolError where they are not."""
    forwarded: dict[str, str] = {}
    for path, token, kind in mirrors:
        sent = headers.get(envelope.PARAM_PREFIX + token.lower().encode())
        value = _value_at(message.params.get("arguments"), path)
        text = _text_of(value)
        if text is None:
            if sent is not None:
                raise _mismatch(message, token, path)
            continue
        decoded = envelope.decode(sent)
        if decoded is None or not _equal(kind, value, text, decoded):
            raise _mismatch(message, token, path)
        forwarded[f"Mcp-Param-{token}"] = envelope.encode(text)
    return forwarded


def _equal(kind: str, value: JSON, text: str, decoded: str) -> bool:
    if decoded == text:
        return True
    if kind != "integer" or isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        return False
    number = _DECIMAL.fullmatch(decoded)
    return number is not None and len(decoded) < 400 and int(number[1]) == int(value)


def _value_at(value: JSON, path: tuple[str, ...]) -> JSON:
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _text_of(value: JSON) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


def _mismatch(message: Message, token: str, path: tuple[str, ...]) -> ProtocolError:
    where = ".".join(path)
    return ProtocolError(
        HEADER_MISMATCH, f"The header Mcp-Param-{token} is not the same as the argument {where}", id=message.id
    )
