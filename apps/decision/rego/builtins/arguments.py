"""Checks of a built-in's arguments: the right type comes back, the wrong one is a `BuiltinError`."""

from typing import Final, NoReturn

from apps.decision.rego.errors import BuiltinError, EvaluationError
from apps.decision.rego.values import RegoSet, Value, canon, members, type_name

# What one call may produce: characters of a string, items of a collection.
MAX_TEXT: Final = 8_000_000
MAX_ITEMS: Final = 500_000


def wrong(position: int, wanted: str, value: Value) -> NoReturn:
    raise BuiltinError(f"operand {position} must be {wanted} but got {type_name(value)}")


def string(value: Value, position: int = 1) -> str:
    if type(value) is not str:
        wrong(position, "string", value)
    return value


def number(value: Value, position: int = 1) -> int | float:
    if type(value) is not int and type(value) is not float:
        wrong(position, "number", value)
    return value


def integer(value: Value, position: int = 1) -> int:
    if type(value) is float and value.is_integer():
        return int(value)
    if type(value) is not int:
        wrong(position, "integer number", value)
    return value


def boolean(value: Value, position: int = 1) -> bool:
    if type(value) is not bool:
        wrong(position, "boolean", value)
    return value


def array(value: Value, position: int = 1) -> list[Value]:
    if type(value) is not list:
        wrong(position, "array", value)
    return value


def obj(value: Value, position: int = 1) -> dict[Value, Value]:
    if type(value) is not dict:
        wrong(position, "object", value)
    return value


def rego_set(value: Value, position: int = 1) -> RegoSet:
    if type(value) is not RegoSet:
        wrong(position, "set", value)
    return value


def items(value: Value, position: int = 1) -> list[Value]:
    """The items of an array or a set, the latter in order."""
    if type(value) is list:
        return value
    if type(value) is RegoSet:
        return members(value)
    wrong(position, "one of {array, set}", value)


def strings(value: Value, position: int = 1) -> list[str]:
    return [string(item, position) for item in items(value, position)]


def keys(value: Value, position: int = 1) -> list[Value]:
    """Canonical keys named by an array, a set or an object."""
    if type(value) is dict or type(value) is RegoSet:
        return list(value)
    if type(value) is list:
        return [canon(item) for item in value]
    wrong(position, "one of {array, object, set}", value)


def bounded_text(size: int) -> None:
    if size > MAX_TEXT:
        raise EvaluationError("a built-in's answer is too large")


def bounded(text: str) -> str:
    """Text that has been put together, if it is not too long."""
    bounded_text(len(text))
    return text


def bounded_items(size: int) -> None:
    if size > MAX_ITEMS:
        raise EvaluationError("a built-in's answer is too large")
