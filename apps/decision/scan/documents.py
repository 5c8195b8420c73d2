"""JSON that is written in a string stays JSON when parts of it are replaced.

A replacement is fitted into the string literals and numbers it touches: quotation marks, brackets and commas stay, no
escape is cut, a number becomes a string. The same again for JSON inside of those literals.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Generic, NamedTuple, TypeVar

import orjson

T = TypeVar("T")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d[0-9.eE+-]*', re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", re.DOTALL)
_DEPTH = 4  # JSON in JSON in JSON …: deeper, and the innermost is replaced as the text it is


class Span(NamedTuple, Generic[T]):
    """A stretch of a text that gives way to something; `quote` is what must stand around that."""

    start: int
    end: int
    put: T
    quote: str = ""


def merged(spans: Iterable[Span[T]]) -> list[Span[T]]:
    """In order and apart: of overlapping spans one, which is the first one's."""
    out: list[Span[T]] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if out and span.start < out[-1].end:
            if span.end > out[-1].end:
                out[-1] = out[-1]._replace(end=span.end)
        else:
            out.append(span)
    return out


def fitted(text: str, spans: list[Span[T]], depth: int = 0) -> list[Span[T]]:
    """The spans (in order and apart) so cut that every JSON document in the text, all of it or a line, stays one."""
    out: list[Span[T]] = []
    rest = list(reversed(spans))
    for start, end in _documents(text, spans):
        while rest and rest[-1].start < end:
            span = rest.pop()
            if span.end <= start:
                out.append(span)
                continue
            if span.start < start - 1:
                out.append(span._replace(end=start - 1))  # the line before it ends where it ended
            within = [span._replace(start=max(start, span.start), end=min(span.end, end))]
            if span.end > end + 1:
                rest.append(span._replace(start=end + 1))
            while rest and rest[-1].end <= end:
                within.append(rest.pop())
            out.extend(_fitted(text, start, end, within, depth))
    out.extend(reversed(rest))
    return out


def _documents(text: str, spans: list[Span[T]]) -> Iterator[tuple[int, int]]:
    """The whole text, or the lines that spans touch, where they are JSON."""
    if _is_document(text):
        yield 0, len(text)
        return
    done = 0
    for span in spans:
        start = max(done, text.rfind("\n", done, span.start) + 1)
        while start < min(span.end, len(text)):
            end = text.find("\n", start)
            end = len(text) if end < 0 else end
            if _is_document(text[start:end]):
                yield start, end
            start = done = end + 1


def _is_document(text: str) -> bool:
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def _fitted(text: str, start: int, end: int, spans: list[Span[T]], depth: int) -> Iterator[Span[T]]:
    rest = list(reversed(spans))
    for token in _TOKEN.finditer(text, start, end):
        first, last = token.span()
        touching: list[Span[T]] = []
        while rest and rest[-1].start < last:
            span = rest.pop()
            if span.end > first:
                touching.append(span)
            if span.end > last:
                rest.append(span)
                break
        if not touching:
            if not rest:
                return
        elif text[first] == '"':
            yield from _in_literal(text[first + 1 : last - 1], first + 1, touching, depth)
        else:
            yield Span(first, last, touching[0].put, "\\" * (2**depth - 1) + '"')


def _in_literal(inner: str, offset: int, spans: list[Span[T]], depth: int) -> Iterator[Span[T]]:
    """Spans within the inside of a literal, which begins at `offset`; no escape is cut."""
    read = _Unescaped(inner)
    within: list[Span[T]] = []
    for span in spans:
        start, end = max(0, span.start - offset), min(len(inner), span.end - offset)
        if start < end:
            within.append(span._replace(start=read.inside(start), end=read.inside(end - 1) + 1))
    within = merged(within)
    if depth < _DEPTH and read.text.lstrip()[:1] in ("{", "["):
        within = fitted(read.text, within, depth + 1)
    for span in within:
        yield span._replace(start=offset + read.outside(span.start), end=offset + read.outside(span.end))


class _Unescaped:
    """A literal's inside as it reads, with the way to it and back."""

    def __init__(self, raw: str) -> None:
        self._after, self._before = [0], [0]  # offsets read and raw, at each escape and at what follows it
        parts: list[str] = []
        done = size = 0
        for match in _ESCAPE.finditer(raw):
            start, end = match.span()
            read = _character(match[0])
            parts += (raw[done:start], read)
            size += start - done
            self._after += (size, size + len(read))
            self._before += (start, end)
            size += len(read)
            done = end
        parts.append(raw[done:])
        self.text = "".join(parts)

    def inside(self, offset: int) -> int:
        """Which character of the text a raw character belongs to."""
        index = bisect_right(self._before, offset) - 1
        return self._after[index] + (0 if index % 2 else offset - self._before[index])

    def outside(self, offset: int) -> int:
        """Where a character of the text begins in the raw inside; its end, for the text's length."""
        index = bisect_right(self._after, offset) - 1
        return self._before[index] + offset - self._after[index]


def _character(escape: str) -> str:
    try:
        read: str = orjson.loads(f'"{escape}"')
    except orjson.JSONDecodeError:  # half of a pair, or no escape of JSON
        return "\ufffd"
    return read
