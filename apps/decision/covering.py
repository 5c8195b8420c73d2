"""Whether patterns cover all that a call reaches: what is covered is taken out, and what is left must reach nothing.

Nothing is guessed in favour of the call: what cannot be read in one way, or not at all, is not covered.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from apps.decision import globs
from apps.decision.globs import Sort
from apps.decision.packs import PACKS, Part, below, pack_of, part_of
from apps.decision.reach import DEEPEST, LONGEST, reach_of
from apps.decision.spelling import UnreadableError, readings
from apps.decision.types import JSON, Call

# How much is looked at, on the gateway's event loop. A call with more texts than that is covered by `**` alone.
MOST_TEXTS: Final = 500
MOST_CHARACTERS: Final = 1 << 16
_WINDOWS: Final = re.compile(r"[A-Za-z]:\\|\\\\[^\\]")
_NAMING: Final = frozenset({Part.PATH, Part.RECIPIENT, Part.COMMAND})
_FREE: Final = frozenset({Part.PROSE, Part.ROW, Part.DETAIL})  # data and descriptions may speak of anything
# A path, an address or a person in an argument that nobody knows.
_PLACE: Final = re.compile(r"^[/~\\]|://|\.\.|^\S*[/\\@]\S*$|%(?:2[ef]|5c)", re.IGNORECASE)
_EXPANDED: Final = frozenset("*?[]{}$%`")  # what a server or a shell may make something else of


def covered(lines: Sequence[str], call: Call) -> bool:
    if any((glob := globs.compiled(line)) is not None and glob.anything for line in lines):
        return True
    seen = _Seen(lines, call)
    try:
        if not all(seen.covers(thing, inside="") for thing in _things(call, seen.whole)):
            return False
        rest = reach_of(call.resource_kind, _without(call.arguments, seen, DEEPEST))
    except _UncoveredError:
        return False
    return not (rest.paths or rest.recipients or rest.unread or call.reach.unread)


class _UncoveredError(Exception):
    """There is something that no pattern covers."""


class _Seen:
    """The patterns, and how this call's texts are to be read. `whole` is what its paths are below (a repository)."""

    __slots__ = ("addresses", "guess", "kind", "known", "lines", "naming", "paths", "room", "shell", "whole")

    def __init__(self, lines: Sequence[str], call: Call) -> None:
        pack = pack_of(call.resource_kind)
        self.lines = lines
        self.kind = call.resource_kind
        self.addresses, self.guess = pack.addresses, pack.guess
        self.shell = pack is PACKS["shell"]  # who runs commands may run anything that it is given
        self.paths = frozenset(call.reach.paths)
        self.whole = below(call.resource_kind, call.arguments)
        # The two halves of a repository's name are looked at as one, and only where they are what the call names.
        self.naming = frozenset(pack.resource) - frozenset(pack.base if self.whole == call.resource else ())
        self.known: dict[tuple[str, str], bool] = {}
        self.room = MOST_CHARACTERS

    def covers(self, text: str, *, inside: str) -> bool:
        key = (text, inside)
        if len(text) > LONGEST:
            return False
        if key not in self.known:
            self.room -= len(text)
            if self.room < 0 or len(self.known) == MOST_TEXTS:
                raise _UncoveredError
            self.known[key] = self._covers(text, f"{inside}/{text}" if inside else text)
        return self.known[key]

    def _covers(self, text: str, full: str) -> bool:
        if not text or len(full) > LONGEST:
            return False
        try:
            read = list(readings(full, addresses=self.addresses))
        except UnreadableError:
            read = []
        if self.paths.isdisjoint(read):
            return any(globs.covers(line, text, Sort.TEXT) for line in self.lines)
        if any((glob := globs.compiled(line)) is not None and glob.literal == full for line in self.lines):
            return True
        path = _tidied(full)
        if read != [path.lower()] or not _EXPANDED.isdisjoint(path):
            return False
        return any(globs.covers(line, path, Sort.PATH) for line in self.lines)


def _tidied(path: str) -> str:
    """Without what changes nothing for anybody: Windows' own slashes, `file://` and `./` before it, a slash behind."""
    if _WINDOWS.match(path):
        path = path.replace("\\", "/")
    if path.startswith("file:///"):
        path = path[7:]
    elif path.startswith("./"):
        path = path[2:]
    return path[:-1] if len(path) > 1 and path.endswith("/") else path


def _things(call: Call, whole: str) -> frozenset[str]:
    """What the call names, and whatever stands beside that in a list or deeper under the same key."""
    named = call.resource
    if named == whole and call.reach.paths:
        return frozenset()  # each of the paths has it at its beginning
    if not named:
        return frozenset() if call.reach.paths or call.reach.recipients else frozenset({""})
    things = {named}
    if isinstance(call.arguments, dict):
        keys = {key for key, value in call.arguments.items() if value == named}
        things.update(_under(keys, call.arguments))
        for value in call.arguments.values():
            if isinstance(value, list) and named in value:
                things.update(item if isinstance(item, str) else "" for item in value)
    return frozenset(things)


def _under(keys: set[str], value: JSON) -> Iterator[str]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield from (item for key, item in one.items() if key in keys and isinstance(item, str))
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


def _without(value: JSON, seen: _Seen, room: int, part: Part | None = None, naming: bool = False) -> JSON:
    """The value with covered texts emptied. Raises for a text that is not covered and names something, or may do so.

    Names of fields stay: one that is a path is covered by `**` alone.
    """
    if isinstance(value, str):
        if part is Part.PROSE or (part in _FREE and not seen.guess):
            return value
        if not value or seen.covers(value, inside=seen.whole):
            return ""
        if part in _NAMING or naming or (part not in _FREE and _PLACE.search(value)):
            raise _UncoveredError
        return value
    if room and isinstance(value, dict):
        if part not in _FREE and any(map(_PLACE.search, value)):
            raise _UncoveredError
        return {
            key: _without(one, seen, room - 1, part_of(seen.kind, key) or part, key in seen.naming or seen.shell)
            for key, one in value.items()
        }
    if room and isinstance(value, list):
        return [_without(one, seen, room - 1, part, naming) for one in value]
    return value
