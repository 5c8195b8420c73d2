"""What a rule is, and the small language its expression is written in.

An expression is a row of elements with blanks between them; between two elements any gap of blanks and marks may stand.
`{name}` is one phrase of a concept, `~3` up to three words of any kind, `?{name}` an element that may be missing,
`(a|b c)` alternatives, `word*` a word with any ending, `^` a beginning (of a line, a sentence, a quotation …),
`/…/` a plain RE2 expression over the folded text, with no gap in front of it. Folded means lower case, without
diacritics on Latin letters.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from apps.decision.scan.injection import folding
from apps.decision.scan.injection.kinds import InjectionClass
from apps.decision.types import Severity

GAP = r"[\s!-\-/:-@\[-`{-~]+"  # blanks and marks, but no full stop
LOOSE = r"[\s!-\-/:-@\[-`{-~]*"
LETTERS = r"[a-z0-9'\x80-\xff]"
BEGINNING = r"(?:^|[\n.!?:;\"'`>\]\)}({\[|#*•,-])[\s\"'`*_>#-]*"
_TOKEN = re.compile(r"/(?:[^/\\]|\\.)+/|\?\([^()]*\)|\([^()]*\)|\?\{\w+\}|\{\w+\}|~\d|\^|\S+")

Concepts = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Place:
    """A match in its surroundings, for checks. Offsets are into `text`, which is folded."""

    text: str
    start: int
    end: int

    @property
    def matched(self) -> str:
        return self.text[self.start : self.end]

    def before(self, size: int) -> str:
        return self.text[max(0, self.start - size) : self.start]

    def after(self, size: int) -> str:
        return self.text[self.end : self.end + size]


# A check says how severe a match is in its surroundings; None: it is nothing.
Check = Callable[[Place, Severity], Severity | None]


def plainly(place: Place, severity: Severity) -> Severity | None:
    return severity


@dataclass(frozen=True, slots=True)
class Rule:
    """One way of saying it, with examples of what it finds and of what looks alike and is harmless."""

    name: str
    kind: InjectionClass
    severity: Severity
    regex: str  # RE2 over the folded text's UTF-8 bytes
    hits: tuple[str, ...]
    misses: tuple[str, ...]
    check: Check = plainly
    needs: tuple[str, ...] = ()  # what the automaton looks for, all of it, where `regex` itself is too large for it


def expression(written: str, concepts: Concepts) -> str:
    """The RE2 expression of a row of elements."""
    parts: list[str] = []
    joined = False  # whether a gap is due before the next element
    for element in _TOKEN.findall(written):
        if element == "^":
            parts.append(BEGINNING)
            joined = False
        elif element.startswith("~"):
            # The words before their gaps, so that none of them may be missing altogether.
            parts.append((GAP if joined else "") + rf"(?:{LETTERS}+{GAP}){{0,{element[1:]}}}")
            joined = False
        elif element.startswith("?"):
            inner = _element(element[1:], concepts)
            parts.append((GAP if joined else "") + f"(?:{inner}{GAP})?")
            joined = False
        else:
            bare = element.startswith("/")  # brings its own gap
            parts.append((GAP if joined and not bare else "") + _element(element, concepts))
            joined = True
    # Whole words at both ends where they are ASCII; elsewhere RE2 over bytes knows no boundaries.
    start = r"(?:\b|_)" if parts and not written.startswith(("/", "^")) and "\\x" not in parts[0] else ""
    end = r"(?:\b|_)" if parts and not written.endswith(("/", "~")) and "\\x" not in parts[-1] else ""
    return start + "".join(parts) + end


def needs(written: str, concepts: Concepts) -> tuple[str, ...]:
    """What a text must hold for the expression to match: its elements, without their order and distance."""
    return tuple(
        dict.fromkeys(_element(element, concepts) for element in _TOKEN.findall(written) if element[0] not in "^~?")
    )


def unspaced(written: str, concepts: Concepts) -> str:
    """The same for scripts that write no blanks: elements follow each other, `~9` is up to nine characters."""
    parts: list[str] = []
    for element in _TOKEN.findall(written):
        if element == "^":
            parts.append(BEGINNING)
        elif element.startswith("~"):
            parts.append(rf"(?:[\xc0-\xff][\x80-\xbf]+|[ -\-/-~]){{0,{element[1:]}}}?")
        elif element.startswith("?"):
            parts.append(f"(?:{_element(element[1:], concepts)})?{LOOSE}")
        else:
            parts.append(_element(element, concepts) + LOOSE)
    return "".join(parts)


def _element(token: str, concepts: Concepts) -> str:
    if token.startswith("/"):
        return as_bytes(token[1:-1])
    if token.startswith("{"):
        phrases: tuple[str, ...] = concepts[token[1:-1]]
    elif token.startswith("("):
        phrases = tuple(token[1:-1].split("|"))
    else:
        phrases = (token,)
    return "(?:" + "|".join(_phrase(phrase) for phrase in sorted(phrases, key=len, reverse=True)) + ")"


def _phrase(phrase: str) -> str:
    return GAP.join(_word(word) for word in phrase.split())


def _word(word: str) -> str:
    stem = word.rstrip("*:") or word
    ending = {"*": f"{LETTERS}*", ":": r"[\s\"'*]{0,4}:"}.get(word[len(stem) :], "")
    return as_bytes(re.escape(folding.fold(stem))) + ending


def as_bytes(regex: str) -> str:
    """Characters beyond ASCII as the bytes that they are in the buffer."""
    return "".join(
        char if char.isascii() else "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8")) for char in regex
    )
