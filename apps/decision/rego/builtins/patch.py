"""`json.patch`: RFC 6902 on Rego values, where sets can be changed too."""

from apps.decision.rego.builtins.arguments import array, obj, string
from apps.decision.rego.builtins.collections import pointer
from apps.decision.rego.errors import BuiltinError
from apps.decision.rego.values import UNDEFINED, RegoSet, Value, canon, equal


def json_patch(value: Value, patches: Value) -> Value:
    result = value
    for patch in array(patches, 2):
        operation = obj(patch, 2)
        name = string(operation.get("op"), 2)
        path = _path(operation, "path")
        if name in ("add", "replace", "test"):
            if "value" not in operation:
                raise BuiltinError("missing required attribute 'value'")
            new = operation["value"]
        if name == "add":
            result = _added(result, path, new)
        elif name == "remove":
            result = _removed(result, path)
        elif name == "replace":
            _found(result, path)
            result = _replaced(result, path, new)
        elif name == "move":
            source = _path(operation, "from")
            found = _found(result, source)
            result = _added(_removed(result, source), path, found)
        elif name == "copy":
            result = _added(result, path, _found(result, _path(operation, "from")))
        elif name == "test":
            if not equal(_found(result, path), new):
                raise BuiltinError("test failed")
        else:
            raise BuiltinError("unrecognized op")
    return result


def _path(operation: dict[Value, Value], name: str) -> list[Value]:
    if name not in operation:
        raise BuiltinError(f"missing required attribute '{name}'")
    return pointer(operation[name])


def _at(value: list[Value], part: Value, *, end: bool = False) -> int:
    if end and part == "-":
        return len(value)
    if type(part) is str and part.isascii() and part.isdigit() and (part == "0" or part[0] != "0"):
        part = int(part)
    if type(part) is not int or not 0 <= part < len(value) + end:
        raise BuiltinError("invalid array index")
    return part


def _found(value: Value, path: list[Value]) -> Value:
    for part in path:
        if type(value) is dict or type(value) is RegoSet:
            value = value.get(canon(part), UNDEFINED)
        elif type(value) is list:
            value = value[_at(value, part)]
        else:
            value = UNDEFINED
        if value is UNDEFINED:
            raise BuiltinError("path does not exist")
    return value


def _changed(value: Value, path: list[Value], change: Value) -> Value:
    """A copy in which what holds the last part of the path was given to `change`."""
    if len(path) == 1:
        return change(value, path[0])
    below = _changed(_found(value, path[:1]), path[1:], change)
    if type(value) is RegoSet:
        rest = RegoSet((key, item) for key, item in value.items() if key != canon(path[0]))
        rest[canon(below)] = below
        return rest
    copy = value.copy()
    copy[canon(path[0]) if type(value) is dict else _at(value, path[0])] = below
    return copy


def _added(value: Value, path: list[Value], new: Value) -> Value:
    def change(parent: Value, part: Value) -> Value:
        if type(parent) is dict:
            return {**parent, canon(part): new}
        if type(parent) is list:
            at = _at(parent, part, end=True)
            return [*parent[:at], new, *parent[at:]]
        if type(parent) is RegoSet:
            if not equal(part, new):
                raise BuiltinError("set key does not equal value to be added")
            return RegoSet({**parent, canon(new): new})
        raise BuiltinError("path does not exist")

    return _changed(value, path, change) if path else new


def _removed(value: Value, path: list[Value]) -> Value:
    def change(parent: Value, part: Value) -> Value:
        _found(parent, [part])
        if type(parent) is list:
            at = _at(parent, part)
            return parent[:at] + parent[at + 1 :]
        left = ((key, item) for key, item in parent.items() if key != canon(part))
        return dict(left) if type(parent) is dict else RegoSet(left)

    if not path:
        raise BuiltinError("the whole document cannot be removed")
    return _changed(value, path, change)


def _replaced(value: Value, path: list[Value], new: Value) -> Value:
    def change(parent: Value, part: Value) -> Value:
        if type(parent) is RegoSet:
            return _added(_removed(parent, [part]), [part], new)
        copy = parent.copy()
        copy[canon(part) if type(parent) is dict else _at(parent, part)] = new
        return copy

    return _changed(value, path, change) if path else new
