"""Patterns that a person writes for an exception, and what each covers. Linear in the text: RE2, no backtracking.

A pattern is exact unless it has a wildcard: `?` is one character and `*` any number of them, within one segment (never
"/"); `**` crosses segments. A backslash takes a character as it is. Letters keep their case, and nothing is decoded.
A wildcard never stands for text that somebody may read in two ways (see `plain`); such text is covered by the very same
text, or by a pattern of `**` alone.
"""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

import re2

_OPTIONS: Final = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.max_mem = 4 << 20

_SPECIAL: Final = frozenset("*?\\")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_DRIVE: Final = re.compile(r"[A-Za-z]:")
_ENCODED: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_WORD: Final = frozenset("._-:@#+/~=!")  # besides letters and digits, what the name of a table or a channel may hold
_MEANT: Final = frozenset("./\\%:~?#@*")  # characters that separate; others must not turn into them
_IN_HOST: Final = "[A-Za-z0-9._-]"  # no user name, no port, nothing that a browser takes for a slash


class Sort(StrEnum):
    """What a text is, and so what reading it in two ways would mean."""

    TOOL = "tool"
    PATH = "path"  # in one spelling, as `reach.py` makes it
    TEXT = "text"  # a table, a channel, a repository, a URL


@dataclass(frozen=True, slots=True)
class Glob:
    """`literal` is the text that an exact pattern stands for; `head` what stands before the first wildcard."""

    literal: str | None
    head: str
    anything: bool  # `**` alone
    vague: bool  # no letter or digit says what is meant
    expression: Any


@lru_cache(maxsize=2048)
def compiled(pattern: str) -> Glob | None:
    """None for what is no pattern: it covers nothing."""
    tokens = _tokens(pattern)
    if not tokens:
        return None
    wild = [token for token in tokens if token[0]]
    first = next((at for at, token in enumerate(tokens) if token[0]), len(tokens))
    head = "".join(character for _, character in tokens[:first])
    try:
        expression = re2.compile(_expression(tokens, head), _OPTIONS) if wild else None
    except (re2.error, UnicodeError):
        return None
    return Glob(
        literal=None if wild else head,
        head=head,
        anything=all(wildcard == "**" for wildcard, _ in tokens),
        vague=not any(character.isalnum() for _, character in tokens),
        expression=expression,
    )


def covers(pattern: str, text: str, sort: Sort) -> bool:
    glob = compiled(pattern)
    if glob is None:
        return False
    if glob.anything:
        return True
    if glob.literal is not None:
        return glob.literal == text
    return plain(text, sort) and _rooted(glob, text, sort) and glob.expression.fullmatch(text) is not None


def escape(text: str) -> str:
    """The pattern that covers this text and nothing else."""
    return "".join(f"\\{character}" if character in _SPECIAL else character for character in text)


def plain(text: str, sort: Sort) -> bool:
    """Whether everybody reads this text in the same way: nothing hidden, climbing, encoded, or waiting to be run."""
    if not text or not text.isprintable() or "\\" in text or _ENCODED.search(text):
        return False
    for segment in text.split("/"):  # "..", ".", and what is read so: ".. ", "..;x"
        if segment and not segment.partition(";")[0].strip(". "):
            return False
    if not text.isascii() and any(_poses(character) for character in text):
        return False
    if sort is Sort.TEXT:
        if _SCHEME.match(text):
            return not any(character in ' "<>`{}|^' for character in text)
        return text.count("@") < 2 and all(character.isalnum() or character in _WORD for character in text)
    return True


def _poses(character: str) -> bool:
    """Whether a reader that folds characters would take this one for a separator, such as a full-width slash."""
    return character > "\x7f" and not _MEANT.isdisjoint(unicodedata.normalize("NFKC", character))


def _rooted(glob: Glob, text: str, sort: Sort) -> bool:
    """A wildcard stands for no home directory, no drive, no network share and no host of another scheme."""
    if sort is Sort.TOOL:
        return True
    if scheme := _SCHEME.match(text):
        return glob.head.startswith(scheme[0])
    if sort is Sort.PATH:
        root = "~" if text.startswith("~") else "//" if text.startswith("//") else ""
        if drive := _DRIVE.match(text):
            root = drive[0]
        return glob.head.startswith(root)
    return True


def _tokens(pattern: str) -> list[tuple[str, str]]:
    """(wildcard, character) pairs, one of the two empty; none for a pattern whose last backslash takes nothing."""
    tokens: list[tuple[str, str]] = []
    at = 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character == "\\":
            if at == len(pattern):
                return []
            tokens.append(("", pattern[at]))
            at += 1
        elif character == "*":
            stars = 1
            while at < len(pattern) and pattern[at] == "*":
                stars, at = stars + 1, at + 1
            tokens.append(("*" if stars == 1 else "**", ""))
        elif character == "?":
            tokens.append(("?", ""))
        else:
            tokens.append(("", character))
    return tokens


def _expression(tokens: list[tuple[str, str]], head: str) -> str:
    scheme = _SCHEME.match(head)
    host = range(0)
    if scheme is not None:
        begin = len(scheme[0])
        host = range(begin, next((at for at in range(begin, len(tokens)) if tokens[at] == ("", "/")), len(tokens)))
    parts = []
    for at, (wildcard, character) in enumerate(tokens):
        one = _IN_HOST if at in host else "[^/]"
        match wildcard:
            case "":
                parts.append(re2.escape(character))
            case "?":
                parts.append(one)
            case "*":
                parts.append(f"{one}*")
            case _:
                parts.append(f"{one}*" if at in host else "(?s:.*)")
    return "".join(parts)
