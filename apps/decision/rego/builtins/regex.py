"""Regular expressions by RE2, whose time is linear in the text, and glob patterns, which become such expressions."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

import re2

from apps.decision.rego.builtins.arguments import array, bounded_text, integer, string
from apps.decision.rego.errors import BuiltinError, EvaluationError
from apps.decision.rego.values import Value

MAX_MATCHES: Final = 100_000  # of one call: each costs microseconds that nobody else gets
_OPTIONS: Final = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.max_mem = 4 << 20


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> Any:
    try:
        return re2.compile(pattern, _OPTIONS)
    except (re2.error, UnicodeError):
        return None


def compiled(pattern: Value, position: int) -> Any:
    expression = _compiled(string(pattern, position))
    if expression is None:
        raise BuiltinError("error parsing regexp")
    return expression


def match(pattern: Value, text: Value) -> bool:
    expression = compiled(pattern, 1)
    # As bytes, because where it matches is not asked, and counting characters would cost more than the search.
    return expression.search(string(text, 2).encode()) is not None


def is_valid(pattern: Value) -> bool:
    return type(pattern) is str and _compiled(pattern) is not None


def _matches(expression: Any, raw: bytes, limit: int) -> Iterator[Any]:
    """Go's successive matches: an empty one right behind the previous match does not count.

    In bytes, since counting the characters before each match costs several times the search. An empty match between
    the bytes of one character is none.
    """
    found, last = 0, -1
    for hit in expression.finditer(raw):
        if 0 <= limit <= found:
            return
        begin, end = hit.span()
        if begin == end and (end == last or (end < len(raw) and raw[end] & 0xC0 == 0x80)):
            continue
        found, last = found + 1, end
        if found > MAX_MATCHES:
            raise EvaluationError("a regular expression matches too often")
        yield hit


def split(pattern: Value, text: Value) -> list[str]:
    expression, raw = compiled(pattern, 1), string(text, 2).encode()
    if not raw:
        return [""]
    parts: list[str] = []
    begin = 0
    for hit in _matches(expression, raw, -1):
        start, end = hit.span()
        if end == 0:
            continue
        if start == len(raw) == end:
            break
        parts.append(_text(raw[begin:start]))
        begin = end
    parts.append(_text(raw[begin:]))
    return parts


def find(pattern: Value, text: Value, limit: Value) -> list[str]:
    hits = _matches(compiled(pattern, 1), string(text, 2).encode(), integer(limit, 3))
    return [_text(hit.group(0)) for hit in hits]


def find_groups(pattern: Value, text: Value, limit: Value) -> list[list[str]]:
    hits = _matches(compiled(pattern, 1), string(text, 2).encode(), integer(limit, 3))
    return [[_text(hit.group(0)), *(_text(group or b"") for group in hit.groups())] for hit in hits]


def replace(text: Value, pattern: Value, new: Value) -> str:
    raw, expression, template = string(text, 1).encode(), compiled(pattern, 2), string(new, 3)
    plain = None if "$" in template else template.encode()
    names = expression.groupindex
    parts: list[bytes] = []
    at = size = 0
    for hit in _matches(expression, raw, -1):
        start, end = hit.span()
        instead = plain if plain is not None else _expand(template, hit, names).encode()
        size += start - at + len(instead)
        bounded_text(size)
        parts += (raw[at:start], instead)
        at = end
    parts.append(raw[at:])
    return _text(b"".join(parts))


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _expand(template: str, hit: Any, names: Any) -> str:
    """Go's `$1`, `${1}`, `$name`; `$$` is a dollar sign, an unknown group is empty."""
    result, at = [], 0
    while (mark := template.find("$", at)) >= 0:
        result.append(template[at:mark])
        at = mark + 1
        if template.startswith("$", at):
            result.append("$")
            at += 1
            continue
        braced = template.startswith("{", at)
        begin = end = at + braced
        while end < len(template) and (template[end].isalnum() or template[end] == "_"):
            end += 1
        if end == begin or (braced and not template.startswith("}", end)):
            result.append("$")
            continue
        name = template[begin:end]
        at = end + braced
        number = int(name) if name.isascii() and name.isdigit() and len(name) < 9 else names.get(name, -1)
        if 0 <= number <= len(hit.groups()):
            result.append(_text(hit.group(number) or b""))
    result.append(template[at:])
    return "".join(result)


def template_match(template: Value, text: Value, start: Value, end: Value) -> bool:
    """Text against a template whose delimited parts are expressions and whose other parts are literal."""
    whole, opening, closing = string(template, 1), string(start, 3), string(end, 4)
    if len(opening) != 1 or len(closing) != 1:
        raise BuiltinError("delimiters must be single characters")
    parts, depth, begin = ["^"], 0, 0
    for at, character in enumerate(whole):
        if character == opening:
            if depth == 0:
                parts.append(re2.escape(whole[begin:at]))
                begin = at + 1
            depth += 1
        elif character == closing:
            depth -= 1
            if depth == 0:
                parts.append(f"({whole[begin:at]})")
                begin = at + 1
            elif depth < 0:
                raise BuiltinError("unbalanced braces")
    if depth:
        raise BuiltinError("unbalanced braces")
    parts += [re2.escape(whole[begin:]), "$"]
    return compiled("".join(parts), 1).search(string(text, 2)) is not None


def glob_match(pattern: Value, delimiters: Value, text: Value) -> bool:
    whole = string(pattern, 1)
    if delimiters is None:
        marks: tuple[str, ...] = ()
    else:
        marks = tuple(string(mark, 2) for mark in array(delimiters, 2)) or (".",)
    expression = _compiled(_glob(whole, marks))
    if expression is None:
        raise BuiltinError("invalid glob")
    return expression.fullmatch(string(text, 3)) is not None


def glob_quote(pattern: Value) -> str:
    return "".join(f"\\{character}" if character in "*?\\[]{}" else character for character in string(pattern))


@lru_cache(maxsize=2048)
def _glob(pattern: str, delimiters: tuple[str, ...]) -> str:
    inside = "".join(re2.escape(mark) for mark in delimiters if len(mark) == 1)
    single = f"[^{inside}]" if inside else "(?s:.)"
    result, at, depth = ["(?s:"], 0, 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character == "*":
            if pattern.startswith("*", at):
                at += 1
                result.append(".*")
            else:
                result.append(f"{single}*")
        elif character == "?":
            result.append(single)
        elif character == "[":
            end = pattern.find("]", at)
            if end < 0:
                raise BuiltinError("invalid glob")
            body = pattern[at:end]
            at = end + 1
            negated = body.startswith(("!", "^"))
            members = re2.escape(body[negated:]).replace("\\-", "-")
            result.append(f"[{'^' if negated else ''}{members}]")
        elif character == "{":
            depth += 1
            result.append("(?:")
        elif character == "}" and depth:
            depth -= 1
            result.append(")")
        elif character == "," and depth:
            result.append("|")
        elif character == "\\" and at < len(pattern):
            result.append(re2.escape(pattern[at]))
            at += 1
        else:
            result.append(re2.escape(character))
    if depth:
        raise BuiltinError("invalid glob")
    return "".join(result) + ")"
