"""A JSON value as one buffer of text, and back: which place of the value a stretch of the buffer stands for.

The value's keys, strings and numbers stand in order, written the way JSON has them but unescaped, so that a name is
before its value and the same patterns read both. Depth is no concern: nothing here recurses.
"""

import re
from bisect import bisect_right
from collections.abc import Container, Iterator, Sequence
from typing import NamedTuple

import orjson

from apps.decision.types import JSON

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}\Z")
_LONGEST_NUMBER = 512  # bits; a longer integer is no card, no id and no secret
_LARGEST_FLOAT = 1e19  # of whole numbers that are read like integers; no card is longer
_LONGEST_KEY = 64


class Place(NamedTuple):
    """A position in the value: the step from its holder (an index of the containers; -1: it is the root)."""

    holder: int
    step: str | int
    member: int  # which member of an object; -1 in a list


class Leaf(NamedTuple):
    start: int
    end: int
    text: str
    place: Place
    is_key: bool


def _children(container: JSON) -> Iterator[tuple[str | int, JSON]]:
    """Members under their keys, elements under their indexes."""
    if isinstance(container, dict):
        return iter(container.items())
    return iter(enumerate(container))


def digits_of(value: JSON) -> str | None:
    """A number's digits; None for what is nothing to look at. Whatever is no JSON is refused.

    A whole number reads the same however it is written: 4e15, 4000000000000000.0 or 4000000000000000.
    """
    if value is None or value is True or value is False:
        return None
    if isinstance(value, int):
        return str(value) if value.bit_length() <= _LONGEST_NUMBER else None
    if isinstance(value, float):
        return str(int(value)) if abs(value) < _LARGEST_FLOAT and value.is_integer() else repr(value)
    raise TypeError(f"not a JSON value: {type(value).__name__}")


class Flat:
    """The buffer and the way back."""

    def __init__(self, value: JSON) -> None:
        self._leaves: list[Leaf] = []
        self._containers: list[Place] = []
        self._parts: list[bytes] = []
        self._size = 0
        self._walk(value)
        self.buffer = b"".join(self._parts)
        self._starts = [leaf.start for leaf in self._leaves]
        self._counted = (-1, 0, 0)  # a leaf's start, a place in it, and the code points before that

    def _walk(self, value: JSON) -> None:
        stack: list[tuple[int, int, Iterator[tuple[str | int, JSON]]]] = []
        here, member = -1, -1
        children: Iterator[tuple[str | int, JSON]] = iter(((0, value),))
        while True:
            for key, child in children:
                if type(key) is not int:
                    member += 1
                    self._leaf('"', str(key), '":', Place(here, key, member), True)
                place = Place(here, key, member)
                if isinstance(child, str):
                    self._leaf('"', child, '",', place, False)
                elif isinstance(child, dict | list | tuple):
                    stack.append((here, member, children))
                    self._containers.append(place)
                    here, member, children = len(self._containers) - 1, -1, _children(child)
                    break
                elif (digits := digits_of(child)) is not None:
                    self._leaf("", digits, ",", place, False)
            else:
                if not stack:
                    return
                here, member, children = stack.pop()

    def _leaf(self, before: str, text: str, after: str, place: Place, is_key: bool) -> None:
        raw = f"{before}{text}{after}".encode("utf-8", "replace")
        start = self._size + len(before)
        self._size += len(raw)
        self._parts.append(raw)
        self._leaves.append(Leaf(start, self._size - len(after), text, place, is_key))

    def leaves(self, start: int, end: int) -> list[tuple[Leaf, int, int]]:
        """The leaves under a stretch of the buffer, each with code point offsets within it."""
        found: list[tuple[Leaf, int, int]] = []
        index = max(0, bisect_right(self._starts, start) - 1)
        while index < len(self._leaves) and self._leaves[index].start < end:
            leaf = self._leaves[index]
            low, high = max(start, leaf.start), min(end, leaf.end)
            if low < high:
                first = self._points(leaf.start, low)
                found.append((leaf, first, first + code_points(self.buffer, low, high)))
            index += 1
        return found

    def _points(self, start: int, end: int) -> int:
        """Counted on from the last place asked for: matches come in order, and a long leaf can hold very many."""
        leaf, done, points = self._counted
        if leaf != start or done > end:
            done, points = start, 0
        points += code_points(self.buffer, done, end)
        while end > done and end < len(self.buffer) and self.buffer[end] & 0xC0 == 0x80:
            end -= 1  # a pattern of bytes may end within a character, which is counted whole the next time
        self._counted = (start, end, points)
        return points

    def path(self, leaf: Leaf, masked: frozenset[tuple[int, int]]) -> str:
        """`$.a["b c"][2]`. A key that holds a secret, or is very long, is named by its number: `$.a{0}`."""
        return path_of(leaf.place, leaf.is_key, self._containers, masked)


def path_of(place: Place, is_key: bool, containers: Sequence[Place], masked: Container[tuple[int, int]]) -> str:
    """`masked` are the keys, by their holder and number, that must not be read in a path."""
    steps: list[str] = []
    while place.holder >= 0:
        steps.append(_step(place, is_key or (place.holder, place.member) in masked))
        is_key = False
        place = containers[place.holder]
    return "$" + "".join(reversed(steps))


def _step(place: Place, hidden: bool) -> str:
    if place.member < 0:
        return f"[{place.step}]"
    name = str(place.step)
    if hidden or len(name) > _LONGEST_KEY:
        return f"{{{place.member}}}"
    if _PLAIN_KEY.match(name):
        return f".{name}"
    try:
        return f"[{orjson.dumps(name).decode()}]"
    except TypeError:  # half of a surrogate pair
        return f"{{{place.member}}}"


def code_points(buffer: bytes, start: int, end: int) -> int:
    piece = buffer[start:end]
    return len(piece) if piece.isascii() else len(piece.decode("utf-8", "ignore"))
