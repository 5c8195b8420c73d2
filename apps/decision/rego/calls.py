"""Calls of built-ins as generated code: the frequent ones are written out, all others call the table's function."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from apps.decision.rego.builtins import comparison
from apps.decision.rego.builtins.table import DEEP, NEEDS_BUDGET
from apps.decision.rego.exprs import Expr, Names, canonical, same, sized
from apps.decision.rego.values import RegoSet

NAMESPACE: Final[Mapping[str, Any]] = {
    "less": comparison.less,
    "less_equal": comparison.less_equal,
    "member": comparison.member,
}


def condition(name: str, args: Sequence[Expr]) -> str | None:
    """A Python condition for built-ins that answer true or false and cannot fail, or None."""
    written = _CONDITIONS.get(name)
    return written(*args) if written is not None and all(arg.defined for arg in args) else None


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
    if items.constant and type(items.value) is RegoSet:
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
}
