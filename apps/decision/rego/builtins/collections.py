"""Sets, objects and what JSON pointers do to them. Arguments are never changed."""

from collections.abc import Iterable

from apps.decision.rego.builtins.arguments import array, bounded_items, items, keys, obj, rego_set, wrong
from apps.decision.rego.errors import BuiltinError
from apps.decision.rego.support import Budget, dot
from apps.decision.rego.values import UNDEFINED, RegoSet, Value, canon, entries, equal, make_set, members, thaw


def intersect(a: Value, b: Value) -> RegoSet:
    first, second = rego_set(a, 1), rego_set(b, 2)
    return RegoSet((key, item) for key, item in first.items() if key in second)


def unite(a: Value, b: Value) -> RegoSet:
    return RegoSet({**rego_set(a, 1), **rego_set(b, 2)})


def intersection(value: Value) -> RegoSet:
    found = [rego_set(item) for item in members(rego_set(value))]
    if not found:
        return RegoSet()
    return RegoSet((key, item) for key, item in found[0].items() if all(key in other for other in found[1:]))


def union(value: Value) -> RegoSet:
    result = RegoSet()
    for item in members(rego_set(value)):
        result.update(rego_set(item))
    return result


def object_get(value: Value, key: Value, default: Value) -> Value:
    found: Value = obj(value, 1)
    if type(key) is not list:
        found = found.get(canon(key), UNDEFINED)
        return default if found is UNDEFINED else found
    for part in key:
        found = dot(found, part)
        if found is UNDEFINED:
            return default
    return found


def object_keys(value: Value) -> RegoSet:
    return RegoSet((key, thaw(key)) for key in obj(value))


def object_remove(value: Value, names: Value) -> dict[Value, Value]:
    removed = set(keys(names, 2))
    return {key: item for key, item in obj(value, 1).items() if key not in removed}


def object_filter(value: Value, names: Value) -> dict[Value, Value]:
    kept = set(keys(names, 2))
    return {key: item for key, item in obj(value, 1).items() if key in kept}


def object_union(a: Value, b: Value) -> Value:
    return _united(obj(a, 1), obj(b, 2))


def _united(a: Value, b: Value) -> Value:
    if type(a) is not dict or type(b) is not dict:
        return b
    result = dict(a)
    for key, item in b.items():
        result[key] = _united(result[key], item) if key in result else item
    bounded_items(len(result))
    return result


def object_union_n(value: Value) -> Value:
    result: Value = {}
    for item in array(value):
        result = _united(result, obj(item))
    return result


def object_subset(whole: Value, part: Value) -> bool:
    if type(whole) is list and type(part) is RegoSet:
        return part.keys() <= make_set(whole).keys()
    if type(whole) is not type(part) or type(whole) not in (dict, list, RegoSet):
        raise BuiltinError("both arguments must be objects, sets or arrays, or an array and a set")
    if type(whole) is list:
        span = len(part)
        return any(all(map(equal, whole[at : at + span], part)) for at in range(len(whole) - span + 1))
    if type(whole) is RegoSet:
        return bool(part.keys() <= whole.keys())
    return _object_subset(whole, part)


def _object_subset(whole: Value, part: Value) -> bool:
    for key, item in part.items():
        found = whole.get(key, UNDEFINED)
        if found is UNDEFINED:
            return False
        if type(found) is dict and type(item) is dict:
            if not _object_subset(found, item):
                return False
        elif type(found) is type(item) and type(found) in (RegoSet, list):
            if not object_subset(found, item):
                return False
        elif not equal(found, item):
            return False
    return True


def pointer(path: Value, position: int = 2) -> list[Value]:
    """A JSON pointer (leading slash optional) or an array of keys, as keys."""
    if type(path) is list:
        return list(path)
    if type(path) is not str:
        wrong(position, "one of {string, array}", path)
    text = path.lstrip("/")
    if not text:
        return []
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")]


def paths(value: Value) -> list[list[Value]]:
    return [pointer(path) for path in items(value, 2)]


def json_filter(value: Value, names: Value) -> Value:
    wanted: dict[Value, Value] = {}
    for path in paths(names):
        node = wanted
        for part in path:
            found = node.setdefault(canon(part), {})
            if found is None:
                break
            node = found
        else:
            node.clear()
            node[None] = None  # everything below is kept
    return _filtered(obj(value, 1), wanted)


def _filtered(value: Value, wanted: Value) -> Value:
    if None in wanted:
        return value
    if type(value) is dict:
        return {key: _filtered(value[key], below) for key, below in wanted.items() if key in value}
    if type(value) is list:
        return [_filtered(item, wanted[str(at)]) for at, item in enumerate(value) if str(at) in wanted]
    if type(value) is RegoSet:
        return RegoSet((key, item) for key, item in value.items() if key in wanted)
    return value


def json_remove(value: Value, names: Value) -> Value:
    result: Value = obj(value, 1)
    # Later positions first, so that an array's earlier removals do not move the later ones.
    for path in sorted(paths(names), key=_removal_order, reverse=True):
        if path:
            result = _removed(result, path)
    return result


def _removal_order(path: list[Value]) -> list[tuple[int, str]]:
    return [(int(part), "") if str(part).isascii() and str(part).isdigit() else (-1, str(part)) for part in path]


def _removed(value: Value, path: list[Value]) -> Value:
    head, rest = path[0], path[1:]
    if type(value) is dict:
        key = canon(head)
        if key not in value:
            return value
        copy = dict(value)
        if rest:
            copy[key] = _removed(copy[key], rest)
        else:
            del copy[key]
        return copy
    if type(value) is list:
        at = _index(head)
        if at is None or at >= len(value):
            return value
        return [*value[:at], *([_removed(value[at], rest)] if rest else []), *value[at + 1 :]]
    if type(value) is RegoSet and canon(head) in value:
        found = value[canon(head)]
        others = RegoSet((key, item) for key, item in value.items() if key != canon(head))
        return make_set([*others.values(), _removed(found, rest)]) if rest else others
    return value


def _index(part: Value) -> int | None:
    if type(part) is int and part >= 0:
        return part
    if type(part) is str and part.isascii() and part.isdigit() and (part == "0" or part[0] != "0"):
        return int(part)
    return None


def walk(budget: Budget, value: Value) -> list[Value]:
    """All `[path, value]` pairs, parents first."""
    found: list[Value] = []
    stack: list[tuple[list[Value], Value]] = [([], value)]
    while stack:
        path, node = stack.pop()
        budget.left -= 1 + len(path)
        if budget.left < 0:
            budget.refill()
        found.append([path, node])
        below: Iterable[tuple[Value, Value]] = ()
        if not node or type(node) is str:
            continue
        if type(node) is dict:
            below = [(thaw(key), item) for key, item in entries(node)]
        elif type(node) is list:
            below = list(enumerate(node))
        elif type(node) is RegoSet:
            below = [(item, item) for item in members(node)]
        stack += [([*path, key], item) for key, item in reversed(list(below))]
    return found


def reachable(graph: Value, start: Value) -> RegoSet:
    edges = obj(graph, 1)
    found = RegoSet()
    waiting = list(items(start, 2))
    while waiting:
        node = waiting.pop()
        key = canon(node)
        if key in found or key not in edges:
            continue
        found[key] = node
        if type(edges[key]) in (list, RegoSet):
            waiting += items(edges[key])
    return found


def reachable_paths(budget: Budget, graph: Value, start: Value) -> RegoSet:
    """Paths from the start nodes. Behind one edge of a start node, a node is met once; later paths end before it."""
    edges = obj(graph, 1)
    found: list[Value] = []

    def targets(node: Value) -> list[Value]:
        below = edges[canon(node)]
        return items(below) if type(below) in (list, RegoSet) else []

    for first in items(start, 2):
        if canon(first) not in edges:
            continue
        if not targets(first):
            found.append([first])
        for second in targets(first):
            reached = {canon(first)}
            stack: list[tuple[list[Value], Value]] = [([first], second)]
            while stack:
                path, node = stack.pop()
                budget.charge(1 + len(path))
                if canon(node) in reached or canon(node) not in edges:
                    found.append(path)
                    continue
                reached.add(canon(node))
                path = [*path, node]
                below = targets(node)
                if not below:
                    found.append(path)
                stack += [(path, target) for target in reversed(below)]
    return make_set(found)
