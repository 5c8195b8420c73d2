"""What kind of value something is, and casts."""

import re
from typing import Final

from apps.decision.rego.builtins.arguments import wrong
from apps.decision.rego.errors import BuiltinError
from apps.decision.rego.plan import read_number
from apps.decision.rego.values import RegoSet, Value, make_set, members, type_name

_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def is_number(value: Value) -> bool:
    return type(value) is int or type(value) is float


def is_string(value: Value) -> bool:
    return type(value) is str


def is_boolean(value: Value) -> bool:
    return type(value) is bool


def is_array(value: Value) -> bool:
    return type(value) is list


def is_set(value: Value) -> bool:
    return type(value) is RegoSet


def is_object(value: Value) -> bool:
    return type(value) is dict


def is_null(value: Value) -> bool:
    return value is None


def name(value: Value) -> str:
    return type_name(value)


def to_number(value: Value) -> int | float:
    if value is None:
        return 0
    if type(value) is bool:
        return int(value)
    if type(value) is int or type(value) is float:
        return value
    if type(value) is not str:
        wrong(1, "one of {null, boolean, number, string}", value)
    if len(value) > 4000 or not _NUMBER.fullmatch(value):
        raise BuiltinError("invalid number")
    try:
        return read_number(value)
    except ValueError:
        raise BuiltinError("number out of range") from None


def cast_array(value: Value) -> list[Value]:
    if type(value) is list:
        return value
    if type(value) is not RegoSet:
        wrong(1, "one of {array, set}", value)
    return members(value)


def cast_set(value: Value) -> RegoSet:
    if type(value) is list:
        return make_set(value)
    if type(value) is not RegoSet:
        wrong(1, "one of {array, set}", value)
    return value


def trace(value: Value) -> bool:
    """Notes are not kept; the call holds, as in OPA."""
    return type(value) is str
