"""Rego values as Python values: JSON natives, and `RegoSet` for what JSON lacks. No value given is ever changed.

Keys of objects and sets are canonical: strings and numbers stand for themselves, everything else is a tuple, so that
`1 == 1.0` but `true != 1`, and composite values can be members and keys at the speed of Python's own dictionaries.
"""

import json
from collections.abc import Callable, Iterable
from functools import cmp_to_key
from typing import Any, Final, TypeAlias

Value: TypeAlias = Any  # one of UNDEFINED, None, bool, int, float, str, list, dict, RegoSet
Key: TypeAlias = Any  # hashable, see `canon`


class Undefined:
    """The answer of a query that has none. False, and equal to itself only."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "UNDEFINED"


UNDEFINED: Final = Undefined()


class RegoSet(dict[Key, Value]):
    """Members by their canonical key. A dict by implementation only: never compare it with `==`, use `equal`."""

    __slots__ = ()


_TRUE: Final = ("t",)
_FALSE: Final = ("f",)
_RANK: Final[dict[type, int]] = {type(None): 0, bool: 1, int: 2, float: 2, str: 3, list: 4, dict: 5, RegoSet: 6}
_NAMES: Final = ("null", "boolean", "number", "string", "array", "object", "set")


def canon(value: Value) -> Key:
    """The hashable form of a value; equal values have equal forms, whatever their types."""
    kind = type(value)
    if kind is str or kind is int or kind is float or value is None:
        return value
    if kind is bool:
        return _TRUE if value else _FALSE
    if kind is list:
        return ("a", *map(canon, value))
    if kind is dict:
        return ("o", frozenset((key, canon(item)) for key, item in value.items()))
    if kind is RegoSet:
        return ("s", frozenset(value))
    raise TypeError(f"not a value: {kind.__name__}")


def thaw(key: Key) -> Value:
    """The value that a canonical form stands for."""
    if type(key) is not tuple:
        return key
    tag = key[0]
    if tag == "t":
        return True
    if tag == "f":
        return False
    if tag == "a":
        return [thaw(item) for item in key[1:]]
    if tag == "o":
        return {name: thaw(item) for name, item in key[1]}
    return RegoSet((member, thaw(member)) for member in key[1])


def make_set(items: Iterable[Value]) -> RegoSet:
    return RegoSet((canon(item), item) for item in items)


def type_name(value: Value) -> str:
    return _NAMES[_RANK[type(value)]]


def equal(a: Value, b: Value) -> bool:
    kind = type(a)
    if kind is str:
        return bool(a == b) if type(b) is str else False
    other = type(b)
    if kind is bool or a is None or other is bool:
        return a is b
    if kind is int or kind is float:
        return bool(a == b) if other is int or other is float else False
    if kind is not other:
        return False
    if len(a) != len(b):
        return False
    if kind is list:
        return all(map(equal, a, b))
    if kind is dict:
        return all(key in b and equal(item, b[key]) for key, item in a.items())
    return bool(a.keys() == b.keys())


def compare(a: Value, b: Value) -> int:
    """The total order of Rego: null < boolean < number < string < array < object < set."""
    kind, other = type(a), type(b)
    if kind is other and (kind is str or kind is int):
        return int(a > b) - int(a < b)
    rank, other_rank = _RANK[kind], _RANK[other]
    if rank != other_rank:
        return -1 if rank < other_rank else 1
    if rank == 0:
        return 0
    if rank <= 3:
        return int(a > b) - int(a < b)
    if rank == 4:
        return _compare_sequences(a, b)
    if rank == 6:
        return _compare_sequences(members(a), members(b))
    mine, others = entries(a), entries(b)
    for (key, item), (other_key, other_item) in zip(mine, others, strict=False):
        if result := compare(thaw(key), thaw(other_key)) or compare(item, other_item):
            return result
    return (len(mine) > len(others)) - (len(mine) < len(others))


def _compare_sequences(a: list[Value], b: list[Value]) -> int:
    for item, other in zip(a, b, strict=False):
        if result := compare(item, other):
            return result
    return (len(a) > len(b)) - (len(a) < len(b))


SORT_KEY: Final[Callable[[Value], Any]] = cmp_to_key(compare)


def ordered(items: Iterable[Value]) -> list[Value]:
    """The items in Rego's order. Strings, integers and objects of text sort natively, which is most sets there are."""
    values = list(items)
    if len(values) < 2:
        return values
    kinds = set(map(type, values))
    if len(kinds) == 1:
        if str in kinds or int in kinds:
            return sorted(values)
        if dict in kinds and all(map(_is_text, values)):
            return sorted(values, key=_sorted_items)
    return sorted(values, key=SORT_KEY)


def _is_text(value: dict[Key, Value]) -> bool:
    return all(type(key) is str is type(item) for key, item in value.items())


def _sorted_items(value: dict[str, str]) -> list[tuple[str, str]]:
    return sorted(value.items())


def members(value: RegoSet) -> list[Value]:
    return ordered(value.values())


def entries(value: dict[Key, Value]) -> list[tuple[Key, Value]]:
    """The object's items in the order of its keys, keys canonical."""
    kinds = set(map(type, value))
    if len(kinds) <= 1 and (str in kinds or int in kinds):
        return sorted(value.items(), key=_first)
    return sorted(value.items(), key=_thawed_first)


def _first(item: tuple[Key, Value]) -> Any:
    return item[0]


def _thawed_first(item: tuple[Key, Value]) -> Any:
    return SORT_KEY(thaw(item[0]))


def to_json(value: Value) -> Any:
    """The value as JSON has it: sets become arrays in Rego's order, keys become strings."""
    kind = type(value)
    if kind is list:
        return [to_json(item) for item in value]
    if kind is dict:
        return {
            key if type(key) is str else json_key(key): item if type(item) is str else to_json(item)
            for key, item in value.items()
        }
    if kind is RegoSet:
        return [to_json(item) for item in members(value)]
    return value


def json_key(key: Key) -> str:
    return key if type(key) is str else dump_json(thaw(key))


def dump_json(value: Value) -> str:
    """Compact JSON text with sorted keys, numbers as `number_text` writes them."""
    kind = type(value)
    if kind is str:
        return json.dumps(value, ensure_ascii=False)
    if kind is list:
        return "[" + ",".join(map(dump_json, value)) + "]"
    if kind is RegoSet:
        return "[" + ",".join(map(dump_json, members(value))) + "]"
    if kind is dict:
        items = (
            sorted((json_key(key), item) for key, item in value.items())
            if _string_keys(value)
            else [(json_key(key), item) for key, item in entries(value)]
        )
        return "{" + ",".join(f"{json.dumps(key, ensure_ascii=False)}:{dump_json(item)}" for key, item in items) + "}"
    if kind is bool:
        return "true" if value else "false"
    return "null" if value is None else number_text(value)


def _string_keys(value: dict[Key, Value]) -> bool:
    return all(type(key) is str for key in value)


def number_text(value: int | float) -> str:
    """A number as Rego prints it: whole floats without a fraction, no exponent below 1e21."""
    if isinstance(value, float):
        if value.is_integer() and abs(value) < 1e21:
            return str(int(value))
        return repr(value)
    return str(value)
