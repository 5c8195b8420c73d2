"""A reading of Rego source that knows just enough to say where a policy reaches: its tokens and their places.

The compiler tells whether a policy is right; this tells whether it is a tenant's to write. It refuses what
it cannot read.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from apps.decision.rego import Problem

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
      | (?P<comment>\#[^\n]*)
      | (?P<string>"(?:[^"\\\n]|\\.)*")
      | (?P<raw>`[^`]*`)
      | (?P<template>\$["`])
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<number>[0-9][0-9A-Za-z_.+]*)
      | (?P<mark>:=|==|!=|<=|>=|[-+*/%&|=<>.,;:(){}\[\]!])""",
    re.VERBOSE,
)

_BROKEN = re.compile("[\x00\ud800-\udfff]")  # NUL and half characters


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of source. Lines and columns count from 1; `spaced` is whether white space or a comment stands before."""

    kind: str
    text: str
    line: int
    column: int
    spaced: bool


@dataclass(frozen=True, slots=True)
class Reference:
    """A path beginning at a name: `data.a["b"].c` has the steps data, a, b, c, up to the first that is not constant."""

    steps: tuple[str, ...]
    line: int
    column: int
    whole: bool  # every step is constant


class UnreadableError(Exception):
    """The source has something at `line`, `column` that is not Rego, or is Rego that policies may not use."""

    def __init__(self, line: int, column: int, message: str) -> None:
        super().__init__(message)
        self.problem = Problem("", line, column, "rego_parse_error", message)


def tokens(source: str) -> list[Token]:
    """Everything but space and comments. Raises UnreadableError."""
    found: list[Token] = []
    position, line, start, spaced = 0, 1, 0, True
    if broken := _BROKEN.search(source):
        line = source.count("\n", 0, broken.start()) + 1
        raise UnreadableError(line, broken.start() - source.rfind("\n", 0, broken.start()), "not a character of a text")
    while position < len(source):
        match = _TOKEN.match(source, position)
        column = position - start + 1
        if match is None:
            raise UnreadableError(line, column, f"unexpected character {source[position]!r}")
        kind, text = match.lastgroup or "", match.group()
        if kind == "template":
            raise UnreadableError(line, column, "template strings are not available in policies; use sprintf")
        if kind not in {"space", "comment"}:
            found.append(Token(kind, text, line, column, spaced))
        spaced = kind in {"space", "comment"}
        if newlines := text.count("\n"):
            line += newlines
            start = position + text.rfind("\n") + 1
        position = match.end()
    return found


def package(source: Sequence[Token]) -> Reference | None:
    """What the source declares to be its package."""
    if len(source) < 2 or source[0].text != "package":
        return None
    return _reference(source, 1)


def imports(source: Sequence[Token]) -> Iterator[Reference]:
    for index, token in enumerate(source[:-1]):
        if token.text == "import" and token.kind == "name" and _starts_statement(source, index):
            yield _reference(source, index + 1)


def references(source: Sequence[Token], root: str) -> Iterator[Reference]:
    """Every use of the name `root` that is not a step of another path."""
    for index, token in enumerate(source):
        if token.kind != "name" or token.text != root:
            continue
        before = source[index - 1] if index else None
        if before is None or before.text != "." or before.line != token.line:
            yield _reference(source, index)


def replaced(source: Sequence[Token]) -> Iterator[tuple[Token, Reference]]:
    """What `with` replaces, with the place of the word."""
    for index, token in enumerate(source[:-1]):
        if token.kind == "name" and token.text == "with" and source[index + 1].kind == "name":
            yield token, _reference(source, index + 1)


def _starts_statement(source: Sequence[Token], index: int) -> bool:
    return index == 0 or source[index - 1].line < source[index].line or source[index - 1].text == ";"


def _reference(source: Sequence[Token], index: int) -> Reference:
    first = source[index]
    steps = [first.text]
    index += 1
    while index + 1 < len(source):
        mark, step = source[index], source[index + 1]
        if mark.text == "." and step.kind == "name":
            steps.append(step.text)
            index += 2
        elif mark.text == "[" and not mark.spaced:
            closed = index + 2 < len(source) and source[index + 2].text == "]"
            if step.kind not in {"string", "raw"} or not closed or "\\" in step.text:
                return Reference(tuple(steps), first.line, first.column, False)
            steps.append(step.text[1:-1])
            index += 3
        else:
            break
    return Reference(tuple(steps), first.line, first.column, True)
