"""What generated code calls: lookups, loops, merges, and the budget that bounds an evaluation."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NoReturn, TypeAlias

from apps.decision.rego.errors import BuiltinError, EvaluationError
from apps.decision.rego.values import (
    UNDEFINED,
    RegoSet,
    Undefined,
    Value,
    canon,
    entries,
    equal,
    members,
    thaw,
)

# World: [input, data, Budget, one slot per rule]. `with` makes a new one, so answers never leak out of it.
World: TypeAlias = list[Any]
Rule: TypeAlias = Callable[[World], Value]
FIRST_SLOT: Final = 3


class Missing:
    """In a world's slot: this rule has not been asked yet."""

    __slots__ = ()


MISSING: Final = Missing()
# Steps between two looks at the clock.
_SLICE: Final = 20_000


class Budget:
    """How much an evaluation may still do, and what is the same in all its worlds."""

    __slots__ = ("_deadline", "_rest", "left", "now_ns", "strict")

    def __init__(self, max_steps: int, max_seconds: float, now_ns: int, strict: bool) -> None:
        self._deadline = time.monotonic() + max_seconds
        self.left = min(_SLICE, max_steps)
        self._rest = max_steps - self.left
        self.now_ns = now_ns
        self.strict = strict

    def charge(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            self.refill()

    def refill(self) -> None:
        """Called when a slice is used up: stop if there is no more, or go on until the next look at the clock."""
        missing = -self.left
        if missing > self._rest:
            raise EvaluationError("the policy took too many steps")
        if time.monotonic() > self._deadline:
            raise EvaluationError("the policy took too long")
        self._rest -= missing
        self.left = min(_SLICE, self._rest)
        self._rest -= self.left


_HOLDING: Final = frozenset({list, dict, RegoSet})


def sized(budget: Budget, value: Value) -> Value:
    """The value, its size charged: what is about to be walked may hold the same part many times over."""
    kind = type(value)
    if kind is not list and kind is not dict and kind is not RegoSet:
        return value
    waiting = [value]
    while waiting:
        node = waiting.pop()
        budget.left -= len(node) + 1
        if budget.left < 0:
            budget.refill()
        for item in node if type(node) is list else node.values():
            if type(item) is not str and type(item) in _HOLDING:
                waiting.append(item)
    return value


def dot(value: Value, key: Value) -> Value:
    kind = type(value)
    if kind is dict or kind is RegoSet:
        return value.get(key if type(key) is str else canon(key) if key is not UNDEFINED else UNDEFINED, UNDEFINED)
    if kind is list:
        if type(key) is float and key.is_integer():
            key = int(key)
        if type(key) is int and 0 <= key < len(value):
            return value[key]
    return UNDEFINED


def dot_base(value: Value, key: Value) -> Value:
    """A lookup in the base document, whose paths are text: `data.a[2]` finds the key "2"."""
    found = dot(value, key)
    if found is UNDEFINED and type(value) is dict and type(key) is int:
        found = value.get(str(key), UNDEFINED)
    return found


def scan_values(budget: Budget, value: Value) -> Iterable[Value] | None:
    kind = type(value)
    if kind is list:
        found: Iterable[Value] = value
    elif kind is dict or kind is RegoSet:
        found = value.values()
    else:
        return None
    budget.left -= len(value) + 1
    if budget.left < 0:
        budget.refill()
    return found


def scan_items(budget: Budget, value: Value) -> Iterable[tuple[Value, Value]] | None:
    kind = type(value)
    if kind is list:
        found: Iterable[tuple[Value, Value]] = enumerate(value)
    elif kind is dict:
        found = [(thaw(key), item) for key, item in value.items()] if tuple in map(type, value) else value.items()
    elif kind is RegoSet:
        found = [(item, item) for item in value.values()]
    else:
        return None
    budget.left -= len(value) + 1
    if budget.left < 0:
        budget.refill()
    return found


def scan_values_sorted(budget: Budget, value: Value) -> Iterable[Value] | None:
    kind = type(value)
    if kind is dict:
        budget.charge(len(value) + 1)
        return [item for _, item in entries(value)]
    if kind is RegoSet:
        budget.charge(len(value) + 1)
        return members(value)
    return scan_values(budget, value)


def scan_items_sorted(budget: Budget, value: Value) -> Iterable[tuple[Value, Value]] | None:
    kind = type(value)
    if kind is dict:
        budget.charge(len(value) + 1)
        return [(thaw(key), item) for key, item in entries(value)]
    if kind is RegoSet:
        budget.charge(len(value) + 1)
        return [(item, item) for item in members(value)]
    return scan_items(budget, value)


def insert_once(target: dict[Any, Value], key: Value, value: Value) -> None:
    if type(key) is not str:
        key = canon(key)
    known = target.get(key, UNDEFINED)
    if known is UNDEFINED:
        target[key] = value
    elif known is not value and not equal(known, value):
        raise EvaluationError("object keys must be unique", code="policy_conflict")


def conflict(is_function: bool) -> NoReturn:
    what = "functions must not produce multiple outputs for same inputs"
    if not is_function:
        what = "complete rules must not produce multiple outputs"
    raise EvaluationError(what, code="policy_conflict")


def failed(budget: Budget, error: BuiltinError) -> Undefined:
    if budget.strict:
        raise EvaluationError(str(error), code="policy_builtin_error")
    return UNDEFINED


def copied(value: Value) -> Value:
    """What was looked up and is about to be changed; the original may belong to the caller."""
    kind = type(value)
    if kind is dict:
        return value.copy()
    if kind is RegoSet:
        return RegoSet(value)
    if value is not UNDEFINED:
        raise EvaluationError("rules contradict each other", code="policy_conflict")
    return value


def merge(base: Value, virtual: Value) -> Value:
    """Base and virtual documents as one. They may share objects, never a leaf."""
    if type(base) is dict and type(virtual) is dict:
        merged = dict(base)
        for key, item in virtual.items():
            merged[key] = merge(merged[key], item) if key in merged else item
        return merged
    if type(base) is RegoSet and type(virtual) is RegoSet:
        return RegoSet({**base, **virtual})
    return virtual


def with_value(world: World, slot: int, path: Sequence[str], value: Value) -> World:
    """A world where input or data (slot 0 or 1) differs, and nothing is known yet."""
    new: World = [MISSING] * len(world)
    new[0], new[1], new[2] = world[0], world[1], world[2]
    new[slot] = _replaced(world[slot], path, value)
    world[2].charge(len(world))
    return new


def _replaced(value: Value, path: Sequence[str], new: Value) -> Value:
    if not path:
        return new
    copy = dict(value) if type(value) is dict else {}
    copy[path[0]] = _replaced(copy.get(path[0]), path[1:], new)
    return copy


def call_dynamic(world: World, rules: Mapping[tuple[str, ...], Rule], path: Sequence[Value]) -> Value:
    """`data.a[x][y]` where the rule's name is known only now: the rule, what lies within it, or the base document."""
    names = tuple(path[1:])
    world[2].charge(1)
    for length in range(len(names), 0, -1):
        if all(type(name) is str for name in names[:length]) and (rule := rules.get(names[:length])) is not None:
            value = rule(world)
            for key in names[length:]:
                value = dot(value, key)
            return value
    base = world[1]
    for name in names:
        base = dot(base, name)
    return _extent(world, rules, names, base)


def _extent(world: World, rules: Mapping[tuple[str, ...], Rule], names: tuple[Value, ...], base: Value) -> Value:
    """All that a package holds, rules and base document together."""
    found: dict[Any, Value] = {}
    depth = len(names)
    for path, rule in rules.items():
        if len(path) > depth and path[:depth] == names:
            value = rule(world)
            if value is not UNDEFINED:
                inner = found
                for name in path[depth:-1]:
                    inner = inner.setdefault(name, {})
                inner[path[-1]] = value
    if not found:
        return base
    return found if base is UNDEFINED else merge(base, found)
