"""A credential that leaves in pieces: what of a call may be one, and whether the last calls' pieces make one together.

Only secrets that are known by how they begin take part, and planted values. Nothing is remembered of an agent until it
sends such a beginning; a whole credential counts only where it ends in the present call.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from types import MappingProxyType
from typing import Any, Final

import orjson

from apps.decision.pieces import letters, piece, read
from apps.decision.scan.canary import CANARY, literal
from apps.decision.scan.checks import wordy
from apps.decision.scan.linear import compile_re2
from apps.decision.scan.occurring import Occurring
from apps.decision.scan.pattern import LEFT, Hit, Pattern
from apps.decision.scan.patterns import BUILTIN_PATTERNS
from apps.decision.scan.scanner import DEFAULT_ACTIONS, PatternSetting
from apps.decision.types import JSON, Completed, DlpAction, Piece, Pieces, Severity

MAX_CALLS: Final = 32  # how many calls, bytes and seconds are remembered of an agent
MAX_BYTES: Final = 8192
SECONDS: Final = 600
_STARTS: Final = 16  # beginnings that are followed up
_ENDS: Final = 8  # values of the present call that may be the last piece
_TAKING: Final = frozenset({Severity.CRITICAL, Severity.HIGH})
_SHORTEST: Final = 3  # a shorter beginning is a country's code, unless something of the secret follows it
_SAID: Final = 4  # longer beginnings are no part of a word: sk-learn begins nothing
_ALIKE: Final = 4  # shorter pieces may well be alike
_EDGE: Final = r"(?:^|(?<=[^0-9A-Za-z]))"
_WORD: Final = re.compile(r"[a-z]{5,}(?:[-_.][a-z]+)*")
_KEEPING: Final = frozenset({DlpAction.DENY, DlpAction.REDACT})


def takes_part(pattern: Pattern) -> bool:
    """Its secrets are dangerous and known by how they begin: no numbers of people, nothing known by its field alone."""
    return bool(pattern.begins) and pattern.severity in _TAKING


@dataclass(frozen=True, slots=True)
class _Known:
    """A pattern that takes part."""

    pattern: Pattern
    reader: Any  # RE2 has no types
    begun: re.Pattern[str]  # a beginning, whole or in part, as a piece has it
    spaced: bool  # white space is a part of it


class Fragments:
    """Of one rulebook. Immutable, shared by threads."""

    __slots__ = ("_any", "_begun", "_canaries", "_known", "_on", "_planted")

    def __init__(self, on: Collection[str], canaries: Mapping[str, str]) -> None:
        self._on = frozenset(on)
        self._known, self._any, self._begun = _prepared()
        self._canaries = tuple((name, letters(value)) for name, value in sorted(canaries.items()))
        self._planted = Occurring([(_planted(value), False) for value in canaries.values()]) if canaries else None

    def begun(self, value: JSON) -> bool:
        """Whether a look at the pieces is worth while. Cheap, and right about nearly every call that it is not."""
        try:
            written = orjson.dumps(value)
        except TypeError:  # what orjson cannot write is looked at
            return True
        if self._begun(written):
            return True
        return self._planted is not None and bool(self._planted(written))

    def pieces(self, value: JSON) -> Pieces:
        return tuple(self._piece(name, text) for name, text in read(value))

    def opens(self, pieces: Pieces) -> bool:
        """Whether a credential begins in these pieces: from here on pieces are remembered."""
        if any(one.starts for one in pieces):
            return True
        return any(_opens(one.letters, value) for one in pieces for _, value in self._canaries)

    def completed(self, earlier: Sequence[Pieces], present: Pieces) -> tuple[Completed, ...]:
        """What the present call makes whole; where it is a canary, that alone."""
        if not present:
            return ()
        pieces = [one for call in earlier for one in call]
        new = len(pieces)
        pieces += present
        names = self._sighted(pieces, new) if self._canaries else []
        if not names:
            names = self._whole(pieces, new)
        return tuple(Completed(name, len(earlier) + 1, sum(len(one.tight) for one in pieces)) for name in names)

    def _piece(self, name: str, text: str) -> Piece:
        one = piece(name, text)
        if not self._any.search(one.spaced) and not self._any.search(one.tight):
            return one
        starts = []
        for known in self._known.values():
            whole = one.spaced if known.spaced else one.tight
            for found in known.begun.finditer(whole):
                said = len(found[0]) <= _SAID and _WORD.fullmatch(whole, found.end())
                if known.pattern.name in self._on and not said:
                    starts.append((known.pattern.name, found.start()))
        return piece(name, text, tuple(starts)) if starts else one

    def _whole(self, pieces: list[Piece], new: int) -> list[str]:
        starts = [(index, name, at) for index, one in enumerate(pieces) for name, at in one.starts]
        found: list[str] = []
        for index, name, at in starts[-_STARTS:]:
            if name not in found and name in self._on and _completes(self._known[name], pieces, index, at, new):
                found.append(name)
        return found

    def _sighted(self, pieces: list[Piece], new: int) -> list[str]:
        fields = list(dict.fromkeys(one.name for one in pieces[new:]))[:_ENDS]
        every = _further(pieces, 0)
        chains = [every, [index for index in every if pieces[index].odd]]
        chains += [[index for index in every if pieces[index].name == field] for field in fields]
        found: set[str] = set()
        for chain in chains:
            texts = [pieces[index].letters for index in chain]
            joined, ends = "".join(texts), list(accumulate(map(len, texts)))
            for name, value in self._canaries:
                at = joined.find(value)
                while at >= 0:
                    last = at + len(value)
                    place = next(number for number, end in enumerate(ends) if end >= last)
                    if chain[place] >= new and at < ends[place] - len(texts[place]):
                        found.add(f"{CANARY}{name}")
                    at = joined.find(value, at + 1)
        return sorted(found)


def build_fragments(
    settings: Mapping[str, PatternSetting] = MappingProxyType({}), canaries: Mapping[str, str] = MappingProxyType({})
) -> Fragments:
    """Of the built-in patterns those that are on and whose findings the tenant keeps from leaving."""
    on = []
    for pattern in BUILTIN_PATTERNS:
        setting = settings.get(pattern.name, PatternSetting())
        enabled = pattern.enabled if setting.enabled is None else setting.enabled
        if takes_part(pattern) and enabled and (setting.action or DEFAULT_ACTIONS[pattern.severity]) in _KEEPING:
            on.append(pattern.name)
    return Fragments(on, canaries)


def _completes(known: _Known, pieces: list[Piece], start: int, at: int, new: int) -> bool:
    """Whether what begins in one piece is whole with a piece of the present call, and only with it."""
    tried: set[str] = set()
    for chain in _chains(pieces, start):
        texts = [pieces[index].spaced if known.spaced else pieces[index].tight for index in chain]
        texts[0] = texts[0][at:]
        joined, ends = "".join(texts), list(accumulate(map(len, texts)))
        for number in [number for number, index in enumerate(chain) if index >= new and number][:_ENDS]:
            stream = joined[: ends[number]]
            before = ends[number - 1]
            if stream not in tried and _is_secret(known, stream, before):
                return not _is_secret(known, stream[:before], 0)  # else it was whole before, and this is no part of it
            tried.add(stream)
    return False


def _chains(pieces: list[Piece], start: int) -> tuple[list[int], ...]:
    """What may continue a beginning: the same field's pieces; all; those that look like nothing ordinary; both."""
    first, later = pieces[start], _further(pieces, start)[1:]
    constant = {(one.name, one.tight) for one in pieces[:start]}
    same = [index for index in later if pieces[index].name == first.name]
    odd = [i for i in later if pieces[i].odd and (pieces[i].name, pieces[i].tight) not in constant]
    return [start, *same], [start, *later], [start, *odd], [start, *(index for index in same if pieces[index].odd)]


def _further(pieces: list[Piece], start: int) -> list[int]:
    """This piece and those behind it; what a field says again, and whole sentences, are none."""
    first = pieces[start]
    said = {first.name: first.tight}
    further = [start]
    for index in range(start + 1, len(pieces)):
        one = pieces[index]
        if not one.prose and (len(one.tight) < _ALIKE or said.get(one.name) != one.tight):
            further.append(index)
        said[one.name] = one.tight
    return further


def _is_secret(known: _Known, stream: str, before: int) -> bool:
    """Whether the stream is one from its beginning, and reaches past what was there `before`."""
    text = stream.encode("utf-8", "replace")
    match = known.reader.match(text)
    if match is None:
        return False
    group = next((number for number in range(1, known.reader.groups + 1) if match.start(number) >= 0), 0)
    hit = known.pattern.check(Hit(text, match.start(group), match.end(group)))
    if hit is None or hit.end <= len(stream[:before].encode("utf-8", "replace")):
        return False
    body = hit.secret[4:]  # words may stand behind a beginning that somebody writes about
    return known.spaced or body.isupper() or not wordy(body)


def _opens(text: str, canary: str) -> bool:
    return canary[:4] in text or text.endswith((canary[:3], canary[:2]))


@lru_cache(maxsize=1)
def _prepared() -> tuple[dict[str, _Known], re.Pattern[str], Occurring]:
    patterns = [pattern for pattern in BUILTIN_PATTERNS if takes_part(pattern)]
    known = {
        pattern.name: _Known(
            pattern,
            compile_re2(pattern.regex, pattern.unicode),
            re.compile("|".join(_beginning(begin) for begin in pattern.begins)),
            any(" " in begin for begin in pattern.begins),
        )
        for pattern in patterns
    }
    begins = sorted({begin for pattern in patterns for begin in pattern.begins})
    expressions = sorted({(expression, False) for begin in begins for expression in _in_json(begin)})
    some = re.compile("|".join(_beginning(begin) for begin in begins))
    return known, some, Occurring(expressions)


def _parts(begin: str) -> list[str]:
    """Enough of a beginning, at the end of a value, for what follows to be looked at."""
    return [begin[:size] for size in range(len(begin) - 1, 1, -1)]


def _whole_begin(begin: str, quote: str) -> str:
    return quote + ("[0-9a-f]" if len(begin) < _SHORTEST else "")


def _beginning(begin: str) -> str:
    """A value that is one letter may be the first one of a beginning."""
    edge = "" if begin.startswith("-") else _EDGE
    parts = "|".join(re.escape(part) for part in _parts(begin))
    ends = f"|{edge}(?:{parts})$" if parts else ""
    return f"{edge}{_whole_begin(begin, re.escape(begin))}{ends}|^{re.escape(begin[0])}$"


def _in_json(begin: str) -> list[str]:
    """The same in the text of a JSON value, where a string ends with a quotation mark. One expression each: so they are
    literals to Hyperscan, which costs a tenth."""
    edge = "" if begin.startswith("-") else LEFT
    end = r'[^0-9A-Za-z]{0,8}"'
    parts = [f"[^0-9A-Za-z]{literal(part)}{end}" for part in _parts(begin)]
    alone = [f'["\\s:=]{literal(begin[0])}{quote}"' for quote in ("", r"\\")]
    return [edge + _whole_begin(begin, literal(begin)), *parts, *alone]


def _planted(value: str) -> str:
    start, end = value[:4], r'[^0-9A-Za-z]{0,8}"'
    return rf"(?i)(?:^|[^0-9A-Za-z])(?:{literal(start)}|{literal(start[:2])}(?:{literal(start[2:3])})?{end})"
