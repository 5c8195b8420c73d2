"""Comparisons and membership."""

from apps.decision.rego.values import UNDEFINED, RegoSet, Value, canon, compare, equal


def less(a: Value, b: Value) -> bool:
    return compare(a, b) < 0


def less_equal(a: Value, b: Value) -> bool:
    return compare(a, b) <= 0


def greater(a: Value, b: Value) -> bool:
    return compare(a, b) > 0


def greater_equal(a: Value, b: Value) -> bool:
    return compare(a, b) >= 0


def not_equal(a: Value, b: Value) -> bool:
    return not equal(a, b)


def member(item: Value, container: Value) -> bool:
    """`item in container`."""
    kind = type(container)
    if kind is RegoSet:
        return (item if type(item) is str else canon(item)) in container
    if kind is list:
        if type(item) is str:
            return item in container
        return any(equal(item, other) for other in container)
    if kind is dict:
        return any(equal(item, other) for other in container.values())
    return False


def member_with_key(key: Value, item: Value, container: Value) -> bool:
    """`key, item in container`."""
    kind = type(container)
    if kind is RegoSet:
        return equal(key, item) and canon(item) in container
    if kind is dict:
        found = container.get(canon(key), UNDEFINED)
        return found is not UNDEFINED and equal(found, item)
    if kind is list and type(key) in (int, float) and 0 <= key < len(container) and key == int(key):
        return equal(container[int(key)], item)
    return False
