"""A value in which nothing is left to read: the shape stays, every text gives way to a notice."""

import re
from typing import Final

from apps.decision.inbound import blobs
from apps.decision.inbound.texts import CARRIES, FRAME, OPAQUE, is_opaque, is_token
from apps.decision.types import JSON

# Names of MCP and JSON Schema that a shape is known by; any other name may be what somebody wants to say.
_NAMES: Final = (
    FRAME
    | CARRIES
    | OPAQUE
    | frozenset(
        (
            "action", "additionalProperties", "annotations", "audience", "blob", "createdAt", "cursor", "default",
            "enum", "format", "hasMore", "id", "jsonrpc", "lastModified", "lastUpdatedAt", "maxTokens", "mode",
            "pollInterval", "priority", "properties", "requestId", "required", "status", "tasks", "ttl", "url", "value",
        )
    )
)  # fmt: skip
# Of MCP's own words those that cannot be anybody's: small letters, few of them.
_HARMLESS: Final = re.compile(
    r"[a-z]{1,12}(?:[A-Z_][a-z]{0,12}){0,2}|\d{4}-\d\d-\d\d"
    r"|(?:text|image|audio|video|application)/[a-z0-9]{1,12}(?:[.+-][a-z0-9]{1,12}){0,2}(?:;\s?charset=[a-zA-Z0-9-]{1,12})?"
    r"|[a-z]{1,16}/[a-z]{1,16}"
)
_MOST = 10**9


def emptied(value: JSON, notice: str) -> JSON:
    """Pictures and recordings stay, and what MCP frames a message with; names that are not MCP's are numbered."""
    root: list[JSON] = [None]
    stack: list[tuple[JSON, str | int, JSON, JSON, bool]] = [(root, 0, "", value, True)]
    while stack:
        target, place, key, item, framed = stack.pop()
        new: JSON = item
        if isinstance(item, dict):
            new = {}
            for number, (name, child) in enumerate(item.items()):
                told = name if name in _NAMES else f"[{number}]"
                new[told] = None
                stack.append((new, told, (name, item), child, framed and name in FRAME))
        elif isinstance(item, list | tuple):
            new = [None] * len(item)
            stack.extend((new, number, key, child, framed) for number, child in enumerate(item))
        elif isinstance(item, str):
            new = _text(item, key, notice, outermost=bool(key) and key[1] is value)
        elif item is not None and item is not True and item is not False and not -_MOST < item < _MOST:
            new = 0
        target[place] = new
    return root[0]


def _text(text: str, key: JSON, notice: str, *, outermost: bool) -> str:
    if not key:
        return notice
    name, holder = key
    if (is_token(name, text) and _HARMLESS.fullmatch(text)) or (outermost and is_opaque(name, text)):
        return text
    if name in ("blob", "data") and "mimeType" in holder:
        if blobs.is_media(text, blobs.declared(holder, name)):
            return text
        return blobs.written(notice)
    return blobs.written(notice) if name == "blob" else notice
