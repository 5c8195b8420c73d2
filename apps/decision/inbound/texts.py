"""The text in what a server sends, as one text, and the way back to where each part of it stands.

What frames a message in MCP (`content`, `type`, `text` …) is left out, what a model reads stands line by line: texts as
they are, data as a client writes it for a model, with its keys. Whatever is not known to be something else is text.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

import orjson

from apps.decision.inbound import blobs
from apps.decision.scan.walk import Place, path_of
from apps.decision.types import JSON

TAIL = 4_000  # code points of a stream that are looked at again: longer than any rule reaches
BETWEEN = "\x1e"  # where messages join in what is remembered of a stream
# Members of MCP's own shapes, whose names no model reads.
FRAME = frozenset((
    "arguments", "code", "completion", "content", "contents", "description", "error", "icons",
    "inputRequests", "instructions", "isError", "items", "level", "logger", "message", "messages", "method",
    "mimeType", "model", "name", "params", "progress", "progressToken", "prompts", "protocolVersion", "reason",
    "resource",
    "resourceTemplates", "resources", "result", "resultType", "role", "roots", "serverInfo", "size", "src",
    "statusMessage", "stopReason", "supportedVersions", "systemPrompt", "task", "text", "title", "tools",
    "total", "ttlMs", "type", "uri", "uriTemplate", "values", "version", "websiteUrl",
))  # fmt: skip
# Members whose own name is MCP's, and what is in them the server's.
CARRIES = frozenset((
    "_meta", "annotations", "capabilities", "data", "experimental", "inputSchema", "outputSchema",
    "requestedSchema", "structuredContent",
))  # fmt: skip
_TOKENS = frozenset(
    ("type", "level", "role", "mimeType", "resultType", "protocolVersion", "method", "version", "stopReason")
)
_TOKEN = re.compile(
    r"[A-Za-z0-9.+_-]{0,16}(?:/(?:vnd\.[a-z.-]{1,64}|[A-Za-z0-9.+_-]{1,24}))?(?:;\s?charset=[a-zA-Z0-9-]{1,12})?"
)
_MOST_WORDS = 4  # application/vnd.ms-excel; a token of more says something
_WORD = re.compile(r"[A-Za-z0-9]+")
_SHOWN = frozenset(("data", "message", "statusMessage", "text"))  # one after the other, on a page or a stream
_ROLES = ("user", "assistant")
# What a client hands back unread. Only what looks it: no blanks, no words between them.
OPAQUE = frozenset(("requestState", "nextCursor", "taskId"))
_OPAQUE = re.compile(r"[A-Za-z0-9._~+/=:|-]*")


class Spot(NamedTuple):
    """Where a part stands. `encoded`: the length of the base64 string that opens to it; 0 when it stands plainly."""

    place: Place
    is_key: bool
    encoded: int = 0


class Piece(NamedTuple):
    """A stretch of one part."""

    part: int
    start: int
    end: int


def is_opaque(key: str, text: JSON) -> bool:
    return key in OPAQUE and isinstance(text, str) and _OPAQUE.fullmatch(text) is not None


def is_token(key: str, text: str) -> bool:
    """Whether it is one of MCP's own words and not one of the server's."""
    if key not in _TOKENS:
        return False
    if key == "role":
        return text in _ROLES
    return _TOKEN.fullmatch(text) is not None and len(_WORD.findall(text.partition(";")[0])) <= _MOST_WORDS


class Texts:
    """`parts` in order make `text`. Where they stand is worked out when it is first asked: mostly nobody does.

    A structured result that says what the text beside it says is left out (`partial`), unless `whole`.
    """

    __slots__ = (
        "_containers",
        "_starts",
        "_value",
        "blocks",
        "doubtful",
        "encoded",
        "partial",
        "parts",
        "spots",
        "text",
    )

    def __init__(self, value: JSON, *, whole: bool = False, places: bool = False) -> None:
        self._value = value
        self.parts: list[str] = []
        self.blocks: list[int] = []  # parts that a client shows one after the other
        self.encoded: list[int] = []  # parts that stand in base64
        self.doubtful: set[int] = set()  # those of them that may be meant as they stand, which are parts, too
        self.partial = not whole and _said_in_text(value)
        self.spots: dict[int, Spot] | None = {} if places else None
        self._containers: list[Place] = []
        self._starts: list[int] | None = None
        self._walk(value)
        self.text = "".join(self.parts)

    def located(self, *, whole: bool = False) -> "Texts":
        """The same with its places; with `whole` also what is said twice."""
        if self.spots is not None and not (whole and self.partial):
            return self
        return Texts(self._value, whole=whole or not self.partial, places=True)

    def spot(self, part: int) -> Spot:
        return (self.spots or {})[part]

    def path(self, spot: Spot, hide_keys: bool = False) -> str:
        return path_of(spot.place, spot.is_key, self._containers, _ALL if hide_keys else _NONE)

    def pieces(self, start: int, end: int) -> Iterator[Piece]:
        """The parts with a place under a stretch of the text."""
        if self._starts is None:
            self._starts = list(accumulate(map(len, self.parts), initial=0))
        starts, spots = self._starts, self.spots or {}
        part = max(0, bisect_right(starts, max(0, start)) - 1)
        while part < len(self.parts) and starts[part] < end:
            first, last = max(start, starts[part]), min(end, starts[part + 1])
            if first < last and part in spots:
                yield Piece(part, first - starts[part], last - starts[part])
            part += 1

    def _walk(self, value: JSON) -> None:
        """Nothing here recurses, so depth is no concern."""
        parts, spots, containers = self.parts, self.spots, self._containers
        stack: list[tuple[int, int, bool, JSON, Iterator[tuple[str | int, JSON]]]] = []
        here, member, framed = -1, -1, True
        holder: JSON = None
        children: Iterator[tuple[str | int, JSON]] = iter(((0, value),))
        while True:
            for key, child in children:
                if not framed and isinstance(child, str) and not isinstance(key, int):
                    member += 1  # what most of a large result is made of, in as few steps as can be
                    if spots is not None:
                        spots[len(parts) + 1] = Spot(Place(here, key, member), True)
                        spots[len(parts) + 4] = Spot(Place(here, key, member), False)
                    parts += ('"', key, '": ', '"', child, '",\n')
                    continue
                plain = inner = framed  # plain: it stands for itself; else it is data, with its key and in quotes
                encoded = 0
                text = child
                if type(key) is not int:
                    member += 1
                    if framed:
                        inner = key in FRAME
                        plain = inner or key in CARRIES
                        if isinstance(child, str):
                            outermost = len(stack) == 1
                            if is_token(str(key), child):
                                continue
                            if outermost and is_opaque(str(key), child):
                                continue
                            if key == "blob" or (key == "data" and "mimeType" in holder):
                                if blobs.is_media(child, blobs.declared(holder, str(key))):
                                    continue
                                plain = True
                                read, sure = blobs.read(child)
                                if not sure:  # it may be read as it stands, and by who decodes it all the same
                                    if spots is not None:
                                        spots[len(parts)] = Spot(Place(here, key, member), False)
                                    parts += (child, "\n")
                                    if not read:
                                        continue
                                    self.doubtful.add(len(parts))
                                text, encoded = read, len(child)
                                self.encoded.append(len(parts))
                            elif key in _SHOWN and child:
                                self.blocks.append(len(parts))
                        elif key == "structuredContent" and self.partial and len(stack) == 1:
                            continue
                    if not plain:
                        if spots is not None:
                            spots[len(parts) + 1] = Spot(Place(here, key, member), True)
                        parts += ('"', str(key), '": ')
                if isinstance(text, str):
                    if not plain:
                        parts.append('"')
                    if spots is not None:
                        spots[len(parts)] = Spot(Place(here, key, member), False, encoded)
                    parts += (text, "\n" if plain else '",\n')
                elif isinstance(child, dict | list | tuple):
                    stack.append((here, member, framed, holder, children))
                    if spots is not None:
                        containers.append(Place(here, key, member))
                    here, member, framed, holder = len(containers) - 1, -1, inner, child
                    children = iter(child.items()) if isinstance(child, dict) else iter(enumerate(child))
                    break
            else:
                if not stack:
                    return
                here, member, framed, holder, children = stack.pop()


def _said_in_text(value: JSON) -> bool:
    """Whether the structured result is nothing but the JSON that its only text is, too."""
    if not isinstance(value, dict) or "structuredContent" not in value:
        return False
    content = value.get("content")
    if not isinstance(content, list) or len(content) != 1 or not isinstance(content[0], dict):
        return False
    text = content[0].get("text")
    if not isinstance(text, str) or text[:1] not in ("{", "["):
        return False
    try:
        return bool(orjson.loads(text) == value["structuredContent"])
    except (orjson.JSONDecodeError, RecursionError):
        return False


def opened_blobs(value: JSON) -> list[str]:
    """What the base64 members of a message open to, where that is text."""
    texts = Texts(value)
    return [texts.parts[part] for part in texts.encoded]


def remembered(before: str, value: JSON) -> str:
    """What to keep of a stream, this message included, for the screen of the next one."""
    text = Texts(value).text.rstrip("\n")
    return (before + text + BETWEEN)[-TAIL:] if text else before


class _Every:
    """Every key is hidden."""

    def __contains__(self, key: object) -> bool:
        return True


_ALL = _Every()
_NONE: frozenset[tuple[int, int]] = frozenset()
