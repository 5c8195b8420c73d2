"""How far the arguments of a call reach: which paths they name, how many people and things. Pure, bounded, linear.

What is too deep, too long or too much to be read is said (`Reach.unread`), so that the limits can refuse it.
"""

import re
from typing import Final

import orjson

from apps.decision import commands, recipients
from apps.decision.packs import Pack, Part, below, pack_of, part_of
from apps.decision.spelling import UnreadableError, decoded, names_in, readings
from apps.decision.types import JSON, NO_REACH, Reach

DEEPEST: Final = 48
MOST_VALUES: Final = 20_000
MOST_PATHS: Final = 1_000
LONGEST: Final = 4_096
MOST_OF_LINES: Final = 16 * LONGEST  # characters of command lines, all together
EVERYTHING: Final = 1_000_000_000
_ABSOLUTE: Final = re.compile(r"[/~\\]|file:|[A-Za-z]:[/\\]|%2[fF]|\$\{?HOME|%USERPROFILE%", re.ASCII)
_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_DELETING: Final = frozenset(
    {
        "delete", "del", "remove", "rm", "rmdir", "rmtree", "unlink", "erase", "destroy", "purge", "wipe", "drop",
        "trash", "discard", "prune",
    }
)  # fmt: skip
_COUNTED: Final = frozenset({Part.COUNT, Part.TIMES, Part.LIMIT, Part.ALL})
_SENTENCE: Final = 32  # characters of a verb


def reach_of(kind: str, arguments: JSON, *, limits: bool = True) -> Reach:
    """`limits`: whether a limit among the arguments says how many things the call acts on, or only looks at."""
    if not arguments:
        return NO_REACH
    walk = _Walk(kind, limits, below(kind, arguments))
    try:
        items = walk.value(arguments, None, DEEPEST, False)
    except (UnreadableError, RecursionError):
        walk.unread, items = True, 1
    return walk.reach(items)


class _Walk:
    """One pass over the arguments."""

    __slots__ = (
        "deleted", "deletes", "kind", "limits", "lines", "names", "pack", "paths", "people", "raw", "room", "unread",
        "whole",
    )  # fmt: skip

    def __init__(self, kind: str, limits: bool, whole: str) -> None:
        self.kind, self.limits, self.whole = kind, limits, whole
        self.pack: Pack = pack_of(kind)
        self.paths: dict[str, None] = {}
        self.names: dict[str, None] = {}
        self.deletes: dict[str, None] = {}
        self.people: set[str] = set()
        self.raw: set[str] = set()
        self.deleted: set[str] = set()  # of the raw ones
        self.room = MOST_VALUES
        self.lines = MOST_OF_LINES
        self.unread = False

    def reach(self, items: int) -> Reach:
        return Reach(
            tuple(self.paths),
            tuple(self.names),
            len(self.people),
            min(max(items, len(self.raw), 1), EVERYTHING),
            tuple(self.deletes),
            self.unread,
        )

    def value(self, value: JSON, part: Part | None, room: int, deleting: bool) -> int:
        """Reads a value that stands for `part` and answers how many things it lists; 0 when it lists none."""
        self.room -= 1
        if room == 0 or self.room < 0:
            raise UnreadableError
        if isinstance(value, str):
            return self.text(value, part, room, deleting)
        if isinstance(value, dict):
            return self.object(value, part, room, deleting)
        if isinstance(value, list):
            return self.list(value, part, room, deleting)
        return 0

    def object(self, value: dict[str, JSON], part: Part | None, room: int, deleting: bool) -> int:
        parts = []
        known_ones = False
        for key, one in value.items():
            known = part_of(self.kind, key)
            if known is not None:
                known_ones = True
                if (known is Part.VERB or known is Part.COMMAND) and _deletes(one, known):
                    deleting = True
            parts.append((known, one))
        if "arguments" in value and _deletes(value.get("name"), Part.VERB):  # a call in a batch of calls
            deleting = True
        if part is Part.PATH and parts and not known_ones:
            return self.by_name(value, room, deleting)
        items = least = 0
        times = 1
        for known, one in parts:
            if known is Part.PATH and isinstance(one, str):
                items += self.text(one, known, room - 1, deleting)
                continue
            if known is None:
                known = part
            elif known in _COUNTED:
                least, times = self.number(known, one, least, times)
            elif known is Part.RECIPIENT:
                self.received(one, room)
                if not isinstance(one, (dict, list)):
                    continue
            items += self.value(one, known, room - 1, deleting)
        items = max(items, least)
        return items if times == 1 else max(1, items) * times

    def number(self, part: Part, value: JSON, least: int, times: int) -> tuple[int, int]:
        """At least how many things, and how many times all of it, once this argument is read as well."""
        if part is Part.TIMES:
            return least, min(times * max(1, _number(value)), EVERYTHING)
        if part is Part.COUNT or (part is Part.LIMIT and self.limits):
            return max(least, _number(value)), times
        return EVERYTHING if part is Part.ALL and self.limits and _true(value) else least, times

    def by_name(self, value: dict[str, JSON], room: int, deleting: bool) -> int:
        """Things by their names: `{"files": {"a.txt": …}}`."""
        for key, one in value.items():
            self.path(key, deleting)
            self.value(one, None if isinstance(one, (dict, list)) else Part.PROSE, room - 1, deleting)
        return len(value)

    def list(self, value: list[JSON], part: Part | None, room: int, deleting: bool) -> int:
        items = 0
        counted = part not in (Part.DETAIL, Part.PROSE, Part.RECIPIENT)
        if part is Part.COMMAND and all(isinstance(one, str) for one in value):
            self.command(" ".join(value))
            return 0
        for one in value:
            inner = self.value(one, part, room - 1, deleting)
            if part is Part.ROW and isinstance(one, list):
                inner = 1
            items += max(inner, 1 if counted and not isinstance(one, float) else 0)
        return items

    def text(self, text: str, part: Part | None, room: int, deleting: bool) -> int:
        if part is Part.PROSE:
            return 0
        if part is Part.COMMAND:
            self.command(text)
            return 0
        if (inside := _parsed(text)) is not None:
            return self.value(inside, part, room - 1, deleting)
        if part is Part.PATH or (self.pack.guess and _absolute(text)):
            self.path(text, deleting)
        return EVERYTHING if part is Part.ITEM and text.strip().lower() in ("*", "%", "all") else 0

    def path(self, text: str, deleting: bool) -> None:
        if not text or (text in self.raw and (not deleting or text in self.deleted)):
            return
        if len(text) > LONGEST or len(self.raw) >= MOST_PATHS:
            raise UnreadableError
        self.raw.add(text)
        if deleting:
            self.deleted.add(text)
        if self.whole:
            text = f"{self.whole}/{text}"
        found = list(readings(text, addresses=self.pack.addresses))
        for path in found:
            self.paths[path] = None
            if deleting:
                self.deletes[path] = None
            for name in names_in(path):
                self.names[name] = None
        if not found:
            self.address(text)

    def address(self, text: str) -> None:
        """The name at the end of what is an address and no path."""
        for plain in decoded(text.lower()):
            bare = plain.partition("#")[0].partition("?")[0]
            for name in names_in(bare.replace("\\", "/").rstrip("/. ")):
                self.names[name] = None

    def command(self, line: str) -> None:
        self.lines -= len(line)
        if self.lines < 0:
            raise UnreadableError
        said = commands.read(line)
        for path in said.paths:
            self.path(path, False)
        for path in said.deleted:
            self.path(path, True)

    def received(self, value: JSON, room: int) -> None:
        if not recipients.found_in(value, self.people, min(room, recipients.DEEPEST)):
            raise UnreadableError


def _deletes(value: JSON, part: Part) -> bool:
    """Whether a word for what is done speaks of deleting. A command line speaks for itself (`commands.py`)."""
    return (
        isinstance(value, str)
        and len(value) <= _SENTENCE
        and (part is Part.VERB or " " not in value)
        and any(word.lower() in _DELETING for word in _WORD.findall(value))
    )


def _number(value: JSON) -> int:
    if isinstance(value, str):
        try:
            value = float(value[:LONGEST])
        except ValueError:
            return 0
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0
    return int(min(max(value, 0), EVERYTHING)) if value == value else 0


def _true(value: JSON) -> bool:
    return value is True or value == 1 or (isinstance(value, str) and value.strip().lower() in ("true", "yes", "1"))


def _absolute(text: str) -> bool:
    """Whether a text begins as a path from a root does, whatever is not seen before that. Lines are no path."""
    start = text.lstrip()[:32]
    if not start.isascii():
        start = next(decoded(start)).lstrip()
    return _ABSOLUTE.match(start) is not None and "\n" not in text.strip()


def _parsed(text: str) -> JSON:
    """What a text holds that is a document itself; None when it is none."""
    if text.lstrip()[:1] not in ("[", "{"):
        return None
    try:
        return orjson.loads(text)
    except ValueError:
        return None
