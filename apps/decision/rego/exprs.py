"""Python expressions for values known while code is generated: what they are called, and what is known about them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from apps.decision.rego.values import RegoSet, canon


@dataclass(frozen=True, slots=True)
class Expr:
    """`code` may be repeated freely. `kind` is a Rego type name, "" if unknown; `constant` values are in `value`.

    `key` is code of the canonical key where that is at hand; `parts` are the items of an array or a set just written.
    """

    code: str
    kind: str = ""
    defined: bool = False
    constant: bool = False
    value: Any = None
    key: str = ""
    parts: tuple["Expr", ...] = ()
    item: str = ""  # the kind that all items of an array or a set have


@dataclass(slots=True)
class Names:
    """What generated code refers to, shared by all functions of a plan."""

    functions: dict[str, tuple[str, int]] = field(default_factory=dict)  # plan name → Python name, slot (0: function)
    entrypoints: dict[str, str] = field(default_factory=dict)
    builtins: dict[str, str] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    paths: dict[tuple[str, ...], int] = field(default_factory=dict)  # path into the input → slot of what lies there
    sets: set[str] = field(default_factory=set)  # rules that always answer with a set
    # What an earlier writing of the plan has shown, and what this one shows:
    answers: Mapping[str, Any] = field(default_factory=dict)  # rules that always answer with the same constant
    given: Mapping[str, Sequence[str]] = field(default_factory=dict)  # kinds of what functions are called with
    found_answers: dict[str, Any] = field(default_factory=dict)
    found_given: dict[str, Sequence[str]] = field(default_factory=dict)

    def builtin(self, name: str) -> str:
        return self.builtins.setdefault(name, f"b{len(self.builtins)}")

    def calls(self, name: str, kinds: Sequence[str]) -> None:
        """A function is called with such arguments; a kind is known if all calls agree about it."""
        known = self.found_given.get(name, kinds)
        self.found_given[name] = [one if one == other else "" for one, other in zip(known, kinds, strict=True)]

    def kept(self, value: Any) -> str:
        """The name of an object that is no value of Rego."""
        code = f"o{len(self.constants)}"
        self.constants[code] = value
        return code

    def constant(self, value: Any) -> Expr:
        code = literal(value)
        if code is None:
            code = f"k{len(self.constants)}"
            self.constants[code] = value
            self.constants[f"{code}_key"] = canon(value)
        return Expr(code, kind_of(value), defined=True, constant=True, value=value, item=item_kind(value))


def literal(value: Any) -> str | None:
    """A scalar as Python source, None for what is better kept in a variable."""
    if value is None or type(value) is bool or type(value) is str:
        return repr(value)
    if type(value) is int and abs(value) < 1 << 63:
        return repr(value)
    if type(value) is float and math.isfinite(value):
        return repr(value)
    return None


def item_kind(value: Any) -> str:
    """The kind of all items of an array or a set, "" if there is no such kind."""
    kinds = set(map(kind_of, value if type(value) is list else value.values() if type(value) is RegoSet else ()))
    return kinds.pop() if len(kinds) == 1 else ""


def kind_of(value: Any) -> str:
    if value is None:
        return "null"
    return {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}.get(
        type(value), "set" if type(value) is RegoSet else ""
    )


def canonical(expr: Expr) -> str:
    """The canonical key of the value."""
    if expr.key:
        return expr.key
    if expr.kind in {"string", "number"}:
        return expr.code
    if expr.constant and expr.kind in {"array", "object", "set"}:
        return f"{expr.code}_key"
    if expr.kind:
        return f"canon(sized(w[2], {expr.code}))" if expr.kind in {"array", "object", "set"} else f"canon({expr.code})"
    return f"({expr.code} if type({expr.code}) is str else canon(sized(w[2], {expr.code})))"


def sized(expr: Expr, world: str = "w") -> str:
    """The value, its size charged where it may have one that matters."""
    known = expr.constant or expr.kind in {"string", "number", "boolean", "null"}
    return expr.code if known else f"sized({world}[2], {expr.code})"


def same(a: Expr, b: Expr) -> str:
    """A condition: the two values are equal."""
    if b.constant and not a.constant:
        a, b = b, a
    if a.kind in {"boolean", "null"} and a.constant:
        return f"{b.code} is {a.code}"
    if "string" in (a.kind, b.kind) or (a.kind == b.kind == "number"):
        return f"{a.code} == {b.code}"
    if a.constant and a.kind == "number":
        return f"({b.code} == {a.code} and type({b.code}) is not bool)"
    if a.constant:
        return f"equal({a.code}, {b.code})"
    if a.kind:
        return f"equal(sized(w[2], {a.code}), {b.code})"
    return f"({a.code} == {b.code} if type({a.code}) is str else equal(sized(w[2], {a.code}), {b.code}))"
