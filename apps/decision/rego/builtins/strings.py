"""Strings. Positions count code points; `sprintf` follows Go's verbs as far as Rego values need them."""

import re
from typing import Final

from apps.decision.rego.builtins.arguments import array, bounded_text, integer, number, obj, string, strings, wrong
from apps.decision.rego.errors import BuiltinError
from apps.decision.rego.values import RegoSet, Value, dump_json, entries, members, number_text, thaw

# What Go takes for white space.
_WHITE: Final = " \t\n\v\f\r\u0085\u00a0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_VERB: Final = re.compile(r"%([-+# 0]*)(\*|\d+)?(?:\.(\d+)?)?(.)?", re.DOTALL)


def concat(delimiter: Value, parts: Value) -> str:
    joined = string(delimiter, 1).join(strings(parts, 2))
    bounded_text(len(joined))
    return joined


def contains(text: Value, part: Value) -> bool:
    return string(part, 2) in string(text, 1)


def starts_with(text: Value, part: Value) -> bool:
    return string(text, 1).startswith(string(part, 2))


def ends_with(text: Value, part: Value) -> bool:
    return string(text, 1).endswith(string(part, 2))


def count_parts(text: Value, part: Value) -> int:
    whole, wanted = string(text, 1), string(part, 2)
    return whole.count(wanted) if wanted else len(whole) + 1


def format_int(value: Value, base: Value) -> str:
    whole, radix = int(number(value, 1)), integer(base, 2)
    if radix not in (2, 8, 10, 16):
        wrong(2, "one of {2, 8, 10, 16}", base)
    digits = format(abs(whole), {2: "b", 8: "o", 10: "d", 16: "x"}[radix])
    return f"-{digits}" if whole < 0 else digits


def index_of(text: Value, part: Value) -> int:
    if not string(part, 2):
        raise BuiltinError("empty search character")
    return string(text, 1).find(part)


def index_of_all(text: Value, part: Value) -> list[int]:
    whole, wanted = string(text, 1), string(part, 2)
    if not wanted:
        raise BuiltinError("empty search character")
    found, at = [], whole.find(wanted)
    while at >= 0:
        found.append(at)
        at = whole.find(wanted, at + 1)
    return found


def lower(text: Value) -> str:
    return string(text).lower()


def upper(text: Value) -> str:
    return string(text).upper()


def replace(text: Value, old: Value, new: Value) -> str:
    whole, wanted, other = string(text, 1), string(old, 2), string(new, 3)
    bounded_text(len(whole) + (whole.count(wanted)) * len(other))
    return whole.replace(wanted, other)


def replace_many(patterns: Value, text: Value) -> str:
    """All replacements in one pass, the first pattern in order that matches at a position."""
    pairs = [(string(thaw(key)), string(value)) for key, value in entries(obj(patterns, 1))]
    whole = string(text, 2)
    if not pairs:
        return whole
    result: list[str] = []
    at = size = 0
    while at <= len(whole):
        for old, new in pairs:
            if whole.startswith(old, at) and (old or at <= len(whole)):
                result.append(new)
                size += len(new)
                bounded_text(size)
                if old:
                    at += len(old)
                else:
                    result.append(whole[at : at + 1])
                    at += 1
                break
        else:
            result.append(whole[at : at + 1])
            at += 1
    return "".join(result)


def reverse(text: Value) -> str:
    return string(text)[::-1]


def split(text: Value, delimiter: Value) -> list[str]:
    whole, mark = string(text, 1), string(delimiter, 2)
    return whole.split(mark) if mark else list(whole)


def substring(text: Value, start: Value, length: Value) -> str:
    whole, first, size = string(text, 1), integer(start, 2), integer(length, 3)
    if first < 0:
        raise BuiltinError("negative offset")
    return whole[first:] if size < 0 else whole[first : first + size]


def trim(text: Value, cutset: Value) -> str:
    return string(text, 1).strip(string(cutset, 2)) if cutset else string(text, 1)


def trim_left(text: Value, cutset: Value) -> str:
    return string(text, 1).lstrip(string(cutset, 2)) if cutset else string(text, 1)


def trim_right(text: Value, cutset: Value) -> str:
    return string(text, 1).rstrip(string(cutset, 2)) if cutset else string(text, 1)


def trim_prefix(text: Value, part: Value) -> str:
    return string(text, 1).removeprefix(string(part, 2))


def trim_suffix(text: Value, part: Value) -> str:
    return string(text, 1).removesuffix(string(part, 2))


def trim_space(text: Value) -> str:
    return string(text).strip(_WHITE)


def _texts(value: Value, position: int) -> tuple[str, ...]:
    if type(value) is str:
        return (value,)
    # The order does not matter here. Members that are text are their own keys.
    if type(value) is RegoSet and set(map(type, value)) <= {str}:
        return tuple(value)
    return tuple(strings(value, position))


def any_prefix(search: Value, base: Value) -> bool:
    starts = _texts(base, 2)
    if type(search) is str:
        return search.startswith(starts)
    return any(text.startswith(starts) for text in _texts(search, 1))


def any_suffix(search: Value, base: Value) -> bool:
    ends = _texts(base, 2)
    if type(search) is str:
        return search.endswith(ends)
    return any(text.endswith(ends) for text in _texts(search, 1))


def template_string(parts: Value) -> str:
    """`$"…{x}…"`: each value comes as a set, empty where it is undefined."""
    written = []
    for part in array(parts):
        if type(part) is RegoSet:
            found = members(part)
            if len(found) > 1:
                raise BuiltinError("template-strings must not produce multiple outputs")
            part = found[0] if found else None
            written.append("<undefined>" if not found else text_of(part))
        else:
            written.append(text_of(part))
    result = "".join(written)
    bounded_text(len(result))
    return result


def text_of(value: Value) -> str:
    """A string as it is, anything else as Rego writes it."""
    return value if type(value) is str else rego_text(value)


def rego_text(value: Value) -> str:
    if type(value) is list:
        return f"[{', '.join(map(rego_text, value))}]"
    if type(value) is dict:
        return f"{{{', '.join(f'{rego_text(thaw(key))}: {rego_text(item)}' for key, item in entries(value))}}}"
    if type(value) is RegoSet:
        return f"{{{', '.join(map(rego_text, members(value)))}}}" if value else "set()"
    return dump_json(value)


def sprintf(template: Value, values: Value) -> str:
    given = array(values, 2)
    used = 0

    def write(match: re.Match[str]) -> str:
        nonlocal used
        flags, width, precision, verb = match.groups()
        if verb == "%":
            return "%"
        if verb is None:
            return "%!(NOVERB)"
        if width == "*":
            width = str(given[used]) if used < len(given) else ""
            used += 1
        if used >= len(given):
            return f"%!{verb}(MISSING)"
        value = given[used]
        used += 1
        size = min(int(width or 0), 100_000)
        text = _verb(verb, value, flags, int(precision or 0) if "." in match.group(0) else None)
        if "-" in flags:
            return text.ljust(size)
        if "0" in flags and type(value) in (int, float) and verb not in "sv":
            return text[:1] + text[1:].rjust(size - 1, "0") if text[:1] in "+-" else text.rjust(size, "0")
        return text.rjust(size)

    text = _VERB.sub(write, string(template, 1))
    bounded_text(len(text))
    if used < len(given):
        extra = ", ".join(f"{_go_type(value)}={text_of(value)}" for value in given[used:])
        text += f"%!(EXTRA {extra})"
    return text


def _verb(verb: str, value: Value, flags: str, precision: int | None) -> str:
    if verb == "v" or verb == "s":
        text = text_of(value)
        return text if precision is None or verb == "v" else text[:precision]
    if verb == "q":
        return dump_json(text_of(value))
    if verb == "t" and type(value) is bool:
        return "true" if value else "false"
    if verb == "T":
        return _go_type(value)
    if type(value) in (int, float):
        plus = "+" if "+" in flags and value >= 0 else " " if " " in flags and value >= 0 else ""
        if type(value) is float and value.is_integer() and verb in "dboxXc":
            value = int(value)
        if type(value) is int and verb in "dboxX":
            prefix = {"x": "0x", "X": "0X", "o": "0", "b": "0b"}.get(verb, "") if "#" in flags else ""
            sign = "-" if value < 0 else plus
            return sign + prefix + format(abs(value), verb)
        if verb == "c" and type(value) is int and 0 <= value < 0x110000:
            return chr(value)
        if verb in "eEfFgG":
            return plus + _float(verb, float(value), precision)
    if verb in "xX" and type(value) is str:
        text = value.encode("utf-8", "surrogatepass").hex()
        return text.upper() if verb == "X" else text
    return f"%!{verb}({_go_type(value)}={text_of(value)})"


def _float(verb: str, value: float, precision: int | None) -> str:
    if verb in "gG" and precision is None:
        return number_text(value) if 1e-4 <= abs(value) < 1e21 or value == 0 else repr(value)
    return format(value, f".{min(6 if precision is None else precision, 1000)}{verb}")


def _go_type(value: Value) -> str:
    kinds = {str: "string", int: "int", float: "float64", bool: "bool"}
    return kinds.get(type(value), "string")
