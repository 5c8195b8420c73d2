"""A value in which nothing is left to read: the shape stays, every text gives way to a notice."""

import re
from typing import Final

from apps.decision.inbound import blobs
from apps.decision.inbound.texts import CARRIES, FRAME, is_opaque, is_token
from apps.decision.types import JSON

_PLAIN_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,23}")
_MOST = 10**9


def emptied(value: JSON, notice: str) -> JSON:
    """Pictures and recordings stay, and what MCP frames a message with; names that are no plain words are numbered."""
    root: list[JSON] = [None]
    stack: list[tuple[JSON, str | int, JSON, JSON, bool]] = [(root, 0, "", value, True)]
    while stack:
        target, place, key, item, framed = stack.pop()
        new: JSON = item
        if isinstance(item, dict):
            new = {}
            for number, (name, child) in enumerate(item.items()):
                told = name if name in FRAME or name in CARRIES or _PLAIN_NAME.fullmatch(name) else f"[{number}]"
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
    if is_token(name, text) or (outermost and is_opaque(name, text)):
        return text
    if name in ("blob", "data") and "mimeType" in holder:
        if blobs.is_media(text, blobs.declared(holder, name)):
            return text
        return blobs.written(notice)
    return blobs.written(notice) if name == "blob" else notice
