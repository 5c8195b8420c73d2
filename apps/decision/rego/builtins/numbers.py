"""Arithmetic, aggregates and bits. Integers are exact; a fraction is a float."""

import math

from apps.decision.rego.builtins.arguments import array, bounded_items, integer, items, number, wrong
from apps.decision.rego.errors import BuiltinError
from apps.decision.rego.values import RegoSet, Value, ordered


def _whole(value: float) -> int | float:
    if not math.isfinite(value):
        raise BuiltinError("number out of range")
    return int(value) if value.is_integer() and abs(value) < 1e15 else value


def plus(a: Value, b: Value) -> int | float:
    total = number(a, 1) + number(b, 2)
    return total if type(total) is int else _whole(total)


def minus(a: Value, b: Value) -> Value:
    if type(a) is RegoSet and type(b) is RegoSet:
        return RegoSet((key, item) for key, item in a.items() if key not in b)
    difference = number(a, 1) - number(b, 2)
    return difference if type(difference) is int else _whole(difference)


def multiply(a: Value, b: Value) -> int | float:
    first, second = number(a, 1), number(b, 2)
    if type(first) is int and type(second) is int:
        if first.bit_length() + second.bit_length() > 65_536:
            raise BuiltinError("number out of range")
        return first * second
    return _whole(float(first * second))


def divide(a: Value, b: Value) -> int | float:
    first, second = number(a, 1), number(b, 2)
    if second == 0:
        raise BuiltinError("divide by zero")
    if type(first) is int and type(second) is int and first % second == 0:
        return first // second
    try:
        return _whole(first / second)
    except OverflowError:
        raise BuiltinError("number out of range") from None


def remainder(a: Value, b: Value) -> int:
    first, second = number(a, 1), number(b, 2)
    if first != int(first) or second != int(second):
        raise BuiltinError("modulo on floating-point number")
    if second == 0:
        raise BuiltinError("modulo by zero")
    rest = abs(int(first)) % abs(int(second))
    return -rest if first < 0 else rest


def absolute(a: Value) -> int | float:
    return abs(number(a))


def round_half_away(a: Value) -> int:
    value = number(a)
    if type(value) is int:
        return value
    whole = math.floor(abs(value) + 0.5)
    return whole if value >= 0 else -whole


def ceiling(a: Value) -> int:
    return math.ceil(number(a))


def floor(a: Value) -> int:
    return math.floor(number(a))


def number_range(a: Value, b: Value) -> list[int]:
    return number_range_step(a, b, 1)


def number_range_step(a: Value, b: Value, step: Value) -> list[int]:
    first, last, width = integer(a, 1), integer(b, 2), integer(step, 3)
    if width <= 0:
        raise BuiltinError("step must be a positive number above zero")
    bounded_items(abs(last - first) // width)
    return list(range(first, last + 1, width) if first <= last else range(first, last - 1, -width))


def count(value: Value) -> int:
    if type(value) not in (list, dict, RegoSet, str):
        wrong(1, "one of {array, object, set, string}", value)
    return len(value)


def total(value: Value) -> int | float:
    result: int | float = 0
    for item in items(value):
        result = plus(result, item)
    return result


def product(value: Value) -> int | float:
    result: int | float = 1
    for item in items(value):
        result = multiply(result, item)
    return result


def _items(value: Value) -> list[Value]:
    """The items of an array or a set, in no order."""
    return list(value.values()) if type(value) is RegoSet else items(value)


def maximum(value: Value) -> Value:
    found = _items(value)
    if not found:
        raise BuiltinError("empty collection")
    return ordered(found)[-1]


def minimum(value: Value) -> Value:
    found = _items(value)
    if not found:
        raise BuiltinError("empty collection")
    return ordered(found)[0]


def sort(value: Value) -> list[Value]:
    return ordered(_items(value))


def all_true(value: Value) -> bool:
    return all(item is True for item in items(value))


def any_true(value: Value) -> bool:
    return any(item is True for item in items(value))


def bits_and(a: Value, b: Value) -> int:
    return integer(a, 1) & integer(b, 2)


def bits_or(a: Value, b: Value) -> int:
    return integer(a, 1) | integer(b, 2)


def bits_xor(a: Value, b: Value) -> int:
    return integer(a, 1) ^ integer(b, 2)


def bits_negate(a: Value) -> int:
    return ~integer(a, 1)


def bits_left(a: Value, b: Value) -> int:
    value, places = integer(a, 1), integer(b, 2)
    if not 0 <= places <= 4096:
        wrong(2, "an unsigned integer of at most 4096", b)
    return value << places


def bits_right(a: Value, b: Value) -> int:
    value, places = integer(a, 1), integer(b, 2)
    if places < 0:
        wrong(2, "an unsigned integer", b)
    return value >> min(places, 1 << 20)


def concat_arrays(a: Value, b: Value) -> list[Value]:
    first, second = array(a, 1), array(b, 2)
    bounded_items(len(first) + len(second))
    return first + second


def slice_array(value: Value, start: Value, stop: Value) -> list[Value]:
    found, first, last = array(value, 1), integer(start, 2), integer(stop, 3)
    first = max(first, 0)
    return found[first : max(min(last, len(found)), first)]


def reverse_array(value: Value) -> list[Value]:
    return array(value)[::-1]


def flatten_array(value: Value) -> list[Value]:
    """One level of nested arrays, opened."""
    flat: list[Value] = []
    for item in array(value):
        if type(item) is list:
            flat += item
        else:
            flat.append(item)
    return flat
