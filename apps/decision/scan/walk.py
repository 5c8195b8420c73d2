"""A JSON value as one buffer of text, and back: which place of the value a stretch of the buffer stands for."""

import re
from bisect import bisect_right
from dataclasses import dataclass

import orjson

from apps.decision.types import JSON

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}\Z")
_LONGEST_NUMBER = 512  # bits; a longer integer is no card, no id and no secret


@dataclass(frozen=True, slots=True)
class Leaf:
    """A string, number or key. `holder` is its container's index; `step` its place there (None: the root itself)."""

    start: int
    end: int
    text: str
    holder: int
    step: str | int | None
    member: int  # which member of the object, for keys and what stands under them
    is_key: bool


@dataclass(frozen=True, slots=True)
class Container:
    holder: int
    step: str | int | None
    member: int


class Flat:
    """The value's strings, keys and numbers in order, written the way JSON has them but unescaped.

    A name thus stands before its value as it does in JSON text, and the same patterns read both. Iterative: depth is
    no concern.
    """

    def __init__(self, value: JSON) -> None:
        self._leaves: list[Leaf] = []
        self._containers: list[Container] = []
        self._parts: list[bytes] = []
        self._size = 0
        self._walk(value)
        self.buffer = b"".join(self._parts)
        self._starts = [leaf.start for leaf in self._leaves]

    def _walk(self, value: JSON) -> None:
        stack: list[tuple[JSON, int, str | int | None, int]] = [(value, -1, None, -1)]
        while stack:
            item, holder, step, member = stack.pop()
            if isinstance(item, str):
                self._leaf(b'"', item, b'",', holder, step, member)
            elif item is None or isinstance(item, bool):
                self._gap(b"null,")
            elif isinstance(item, int | float):
                if isinstance(item, float) or item.bit_length() <= _LONGEST_NUMBER:
                    self._leaf(b"", str(item), b",", holder, step, member)
            elif isinstance(item, _Key):
                self._leaf(b'"', item.text, b'":', holder, item.text, member, is_key=True)
            elif isinstance(item, dict):
                self._containers.append(Container(holder, step, member))
                here = len(self._containers) - 1
                self._gap(b"{")
                children: list[tuple[JSON, int, str | int | None, int]] = []
                for index, (key, child) in enumerate(item.items()):
                    name = key if isinstance(key, str) else str(key)
                    children.append((_Key(name), here, name, index))
                    children.append((child, here, key, index))
                stack.extend(reversed(children))
            elif isinstance(item, list | tuple):
                self._containers.append(Container(holder, step, member))
                here = len(self._containers) - 1
                self._gap(b"[")
                stack.extend((item[index], here, index, -1) for index in range(len(item) - 1, -1, -1))
            else:
                raise TypeError(f"not a JSON value: {type(item).__name__}")

    def _gap(self, text: bytes) -> None:
        self._parts.append(text)
        self._size += len(text)

    def _leaf(
        self,
        before: bytes,
        text: str,
        after: bytes,
        holder: int,
        step: str | int | None,
        member: int,
        is_key: bool = False,
    ) -> None:
        raw = text.encode("utf-8", "replace")
        start = self._size + len(before)
        self._parts += (before, raw, after)
        self._size = start + len(raw) + len(after)
        self._leaves.append(Leaf(start, start + len(raw), text, holder, step, member, is_key))

    def leaves(self, start: int, end: int) -> list[tuple[Leaf, int, int]]:
        """The leaves under a stretch of the buffer, each with code point offsets within it."""
        found: list[tuple[Leaf, int, int]] = []
        index = max(0, bisect_right(self._starts, start) - 1)
        while index < len(self._leaves) and self._leaves[index].start < end:
            leaf = self._leaves[index]
            low, high = max(start, leaf.start), min(end, leaf.end)
            if low < high:
                first = code_points(self.buffer, leaf.start, low)
                found.append((leaf, first, first + code_points(self.buffer, low, high)))
            index += 1
        return found

    def path(self, leaf: Leaf, masked: frozenset[tuple[int, int]]) -> str:
        """`$.a["b c"][2]`. A key that holds a secret, or is very long, is named by its number: `$.a{0}`."""
        steps: list[str] = []
        holder, step, member = leaf.holder, leaf.step, leaf.member
        if leaf.is_key:
            steps.append(f"{{{member}}}")
            container = self._containers[holder]
            holder, step, member = container.holder, container.step, container.member
        while holder >= 0:
            steps.append(_step(step, member, (holder, member) in masked))
            container = self._containers[holder]
            holder, step, member = container.holder, container.step, container.member
        return "$" + "".join(reversed(steps))


@dataclass(frozen=True, slots=True)
class _Key:
    text: str


def _step(step: str | int | None, member: int, masked: bool) -> str:
    if member < 0:
        return f"[{step}]"
    name = str(step)
    if masked or len(name) > 64:
        return f"{{{member}}}"
    if _PLAIN_KEY.match(name):
        return f".{name}"
    return f"[{orjson.dumps(name.encode('utf-8', 'replace').decode()).decode()}]"


def code_points(buffer: bytes, start: int, end: int) -> int:
    piece = buffer[start:end]
    return len(piece) if piece.isascii() else len(piece.decode("utf-8", "ignore"))
