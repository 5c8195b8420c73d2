"""Calls of built-ins as generated code: the frequent ones are written out, all others call the table's function."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from apps.decision.rego.builtins import arguments, comparison, regex
from apps.decision.rego.builtins.table import DEEP, NEEDS_BUDGET
from apps.decision.rego.exprs import Expr, Names, canonical, same, sized

_TEXT: Final = ("string",)
# Built-ins that take text only, by the number of arguments.
TAKES: Final[Mapping[str, Sequence[str]]] = {
    **dict.fromkeys(("lower", "upper", "urlquery.decode"), _TEXT),
    **dict.fromkeys(("startswith", "endswith", "contains", "split", "trim_prefix", "trim_suffix"), 2 * _TEXT),
    "regex.match": 2 * _TEXT,
    **dict.fromkeys(("replace", "regex.replace"), 3 * _TEXT),
}
# The kind of an answer, where it is always the same.
ANSWERS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("equal", "neq", "lt", "lte", "gt", "gte", "internal.member_2"), "boolean"),
    **dict.fromkeys(("startswith", "endswith", "contains", "regex.match"), "boolean"),
    **dict.fromkeys(("strings.any_prefix_match", "strings.any_suffix_match"), "boolean"),
    **dict.fromkeys(("is_string", "is_number", "is_boolean", "is_array", "is_set", "is_object"), "boolean"),
    **dict.fromkeys(("lower", "upper", "trim", "trim_left", "trim_right", "trim_prefix", "trim_suffix"), "string"),
    **dict.fromkeys(("concat", "sprintf", "replace", "regex.replace", "strings.replace_n", "trim_space"), "string"),
    **dict.fromkeys(("count", "plus", "mul", "div"), "number"),
    **dict.fromkeys(("split", "walk", "regex.find_all_string_submatch_n"), "array"),
}
_AFFIXES: Final = {"strings.any_prefix_match": "startswith", "strings.any_suffix_match": "endswith"}
_PYTHON: Final[Mapping[str, str]] = {
    "startswith": "{0}.startswith({1})",
    "endswith": "{0}.endswith({1})",
    "contains": "{1} in {0}",
    "lower": "{0}.lower()",
    "upper": "{0}.upper()",
    "trim_prefix": "{0}.removeprefix({1})",
    "trim_suffix": "{0}.removesuffix({1})",
}

NAMESPACE: Final[Mapping[str, Any]] = {
    "less": comparison.less,
    "less_equal": comparison.less_equal,
    "member": comparison.member,
    "bounded": arguments.bounded,
}


def written_out(names: Names, name: str, args: Sequence[Expr]) -> tuple[str | None, Sequence[str]]:
    """The call without its function, and what has to hold for that: else the function is needed, for its error.

    All arguments are defined.
    """
    condition = _CONDITIONS.get(name)
    if condition is not None:
        return condition(*args), ()
    if name in TAKES and any(arg.kind not in {"", "string"} for arg in args):
        return None, ()
    if name in _PYTHON:
        return _PYTHON[name].format(*(arg.code for arg in args)), _untyped(args)
    if name == "split" and args[1].constant and type(args[1].value) is str and args[1].value:
        return f"{args[0].code}.split({args[1].code})", _untyped(args[:1])
    if name == "concat" and args[1].parts and type(args[0].value) is str and args[1].kind == "array":
        glue = f" + {args[0].code} + " if args[0].value else " + "
        return f"bounded({glue.join(part.code for part in args[1].parts)})", _untyped(args[1].parts)
    if name == "replace" and all(arg.constant for arg in args[1:]) and len(args[2].value) <= len(args[1].value) > 0:
        # What cannot grow need not be measured.
        return f"{args[0].code}.replace({args[1].code}, {args[2].code})", _untyped(args)
    if name == "regex.match" and args[0].constant and regex.is_valid(args[0].value):
        # As in the function of this name.
        expression = names.kept(regex.compiled(args[0].value, 1))
        return f"{expression}.search({args[1].code}.encode()) is not None", _untyped(args[1:])
    if name in _AFFIXES and args[1].constant and args[1].item == "string" and args[0].kind in {"", "string"}:
        texts = names.kept(tuple(args[1].value))
        return f"{args[0].code}.{_AFFIXES[name]}({texts})", _untyped(args[:1])
    if name == "count" and args[0].kind in {"string", "array", "object", "set"}:
        return f"len({args[0].code})", ()
    if name in {"plus", "minus"} and type(args[1].value) is int and args[0].kind == "number":
        return f"{args[0].code} {'+' if name == 'plus' else '-'} {args[1].code}", (f"type({args[0].code}) is int",)
    return None, ()


def _untyped(args: Sequence[Expr]) -> Sequence[str]:
    """Tests that arguments are text, for those of which that is not known."""
    return [f"type({arg.code}) is str" for arg in args if arg.kind != "string"]


def call(names: Names, name: str, args: Sequence[Expr], world: str) -> str:
    """The call as an expression; it raises `BuiltinError` when the built-in cannot work with its arguments."""
    given = [arg.code for arg in args]
    if name in DEEP:
        given = [sized(arg, world) for arg in args]
    if name in NEEDS_BUDGET:
        given.insert(0, f"{world}[2]")
    return f"{names.builtin(name)}({', '.join(given)})"


def _both_numbers(a: Expr, b: Expr) -> bool:
    return a.kind == b.kind == "number"


def _ordering(operator: str, function: str, swap: bool) -> Callable[[Expr, Expr], str]:
    def write(a: Expr, b: Expr) -> str:
        if _both_numbers(a, b):
            return f"{a.code} {operator} {b.code}"
        first, second = (b, a) if swap else (a, b)
        slow = f"{function}({sized(first)}, {second.code})"
        for one, other in ((a, b), (b, a)):
            if one.kind == "number" and type(one.value) is int:
                return f"({a.code} {operator} {b.code} if type({other.code}) is int else {slow})"
        return slow

    return write


def _member(item: Expr, items: Expr) -> str:
    if items.kind == "set" and items.parts:
        return " or ".join(f"({same(item, part)})" for part in items.parts)
    if items.kind == "set" or (items.kind == "array" and item.kind == "string"):
        return f"{canonical(item)} in {items.code}"
    return f"member({sized(item)}, {items.code})"


_CONDITIONS: Final[Mapping[str, Callable[..., str]]] = {
    "equal": same,
    "neq": lambda a, b: f"not ({same(a, b)})",
    "lt": _ordering("<", "less", swap=False),
    "lte": _ordering("<=", "less_equal", swap=False),
    "gt": _ordering(">", "less", swap=True),
    "gte": _ordering(">=", "less_equal", swap=True),
    "internal.member_2": _member,
    "is_string": lambda a: f"type({a.code}) is str",
    "is_boolean": lambda a: f"type({a.code}) is bool",
    "is_array": lambda a: f"type({a.code}) is list",
    "is_object": lambda a: f"type({a.code}) is dict",
    "is_set": lambda a: f"type({a.code}) is RegoSet",
}
