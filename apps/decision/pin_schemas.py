"""How one JSON Schema (2020-12) became another, by meaning: what is taken now that was not, and what must be said.

Both are in canonical form (see `pins.py`). The work is bounded; what is not understood counts as a change all the same.
"""

from typing import Any, Final

from apps.decision.pin_changes import Collected, as_text, hidden, same, sensitive
from apps.decision.types import JSON, Severity

LOW, MEDIUM, HIGH = Severity.LOW, Severity.MEDIUM, Severity.HIGH
TYPES: Final = frozenset({"null", "boolean", "object", "array", "number", "integer", "string"})
NAMED: Final = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")  # name → schema
LISTS: Final = ("allOf", "anyOf", "oneOf", "prefixItems")
SINGLE: Final = (
    "additionalProperties", "unevaluatedProperties", "items", "additionalItems", "unevaluatedItems", "propertyNames",
    "contentSchema", "contains", "not", "if", "then", "else",
)  # fmt: skip
_UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains")
_LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains")
_FORMS: Final = ("pattern", "format", "contentEncoding", "contentMediaType")
_CONDITIONS: Final = (
    "contains", "not", "if", "then", "else", "dependentSchemas", "dependentRequired", "dependencies",
)  # fmt: skip
_OPEN: Final = ("additionalProperties", "unevaluatedProperties")
_INSIDE: Final = ("items", "additionalItems", "unevaluatedItems", "propertyNames", "contentSchema")
_SAID: Final = ("title", "description", "$comment")
_NOTES: Final = ("deprecated", "readOnly", "writeOnly")
_MAPPINGS: Final = ("properties", "patternProperties", "$defs", "definitions")
MAX_DEPTH: Final = 120
MAX_SAID: Final = 300  # of names in a new part, before a person must read them
MAX_SAID_NAME: Final = 40
MANY: Final = {"minLength": 64, "minItems": 4, "minProperties": 4, "minContains": 4}  # more asks for a lot
_RANGES: Final = (
    ("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems"), ("minProperties", "maxProperties"),
)  # fmt: skip
_POINTERS: Final = ("$ref", "required")
_FORMATS: Final = frozenset({
    "date-time", "date", "time", "duration", "email", "hostname", "ipv4", "ipv6", "uri", "uri-reference", "uuid",
    "int32", "int64", "float", "double",
})  # fmt: skip
_HANDLED: Final = frozenset({
    "type", "enum", "const", "required", "properties", "patternProperties", "$defs", "definitions", "$ref", "default",
    "uniqueItems", "multipleOf", *LISTS, *_UPPER, *_LOWER, *_FORMS, *_CONDITIONS, *_OPEN, *_INSIDE, *_SAID, *_NOTES,
})  # fmt: skip

Schema = dict[str, JSON]


class Schemas:
    """The comparison of two schemas of one tool. `output`: of what it returns, where demands are promises."""

    def __init__(self, old: JSON, new: JSON, found: Collected, *, output: bool) -> None:
        self._roots = (old, new)
        self._found = found
        self._output = output
        self._depth = 0

    def compare(self, old: JSON, new: JSON, path: str) -> None:
        if not self._found.step(path) or same(old, new):
            return
        if self._depth >= MAX_DEPTH:
            self._found.exhaust(path)
            return
        self._depth += 1
        self._differing(old, new, path)
        self._depth -= 1

    def _differing(self, old: JSON, new: JSON, path: str) -> None:
        found = self._found
        old, new = ({} if one is True else one for one in (old, new))
        if not isinstance(old, dict) or not isinstance(new, dict):
            narrower = new is False
            found.add("schema_changed", LOW if narrower else HIGH, path, _short(old), _short(new))
            return
        if "$ref" in old or "$ref" in new:
            old, new = self._resolved(old, new, path)
        self._types(old, new, path)
        self._values(old, new, path)
        self._fields(old, new, path)
        self._limits(old, new, path)
        self._branches(old, new, path)
        self._inner(old, new, path)
        for key in _SAID:
            found.wording(f"{path}.{key}", old.get(key), new.get(key))
        self._rest(old, new, path)

    def _resolved(self, old: Schema, new: Schema, path: str) -> tuple[Schema, Schema]:
        """References that differ are compared by what they lead to; the rest of both is left to be compared."""
        found, before, after = self._found, old.get("$ref"), new.get("$ref")
        plain = tuple({key: value for key, value in one.items() if key != "$ref"} for one in (old, new))
        if same(before, after):
            return plain[0], plain[1]
        if isinstance(after, str) and not after.startswith("#"):
            found.add("outside_reference", HIGH, path, before or "", after)
            return plain[0], plain[1]
        found.add("reference_changed", LOW, path, before or "", after or "")
        pair = tuple(as_text(one if ref is None else ref) for ref, one in zip((before, after), plain, strict=True))
        targets = (_target(self._roots[0], before, plain[0]), _target(self._roots[1], after, plain[1]))
        if targets[0] is None or targets[1] is None:
            found.add("reference_changed", MEDIUM, path, before or "", after or "")
        elif pair not in found.pairs:
            found.pairs.add(pair)
            self.compare(targets[0], targets[1], path)
        # What stands beside a reference counts as well; what stands in its place has been compared.
        return ({} if before is None else plain[0], {} if after is None else plain[1])

    def _types(self, old: Schema, new: Schema, path: str) -> None:
        before, after = old.get("type"), new.get("type")
        if same(before, after):
            return
        was, now = _types_of(before), _types_of(after)
        more, fewer = _without(now, was), _without(was, now)
        if more and not was & now:
            self._found.add("type_changed", HIGH if {"object", "array"} & more else MEDIUM, path, before, after)
        elif more:
            wide = after is None or {"object", "array"} & more
            self._found.add("type_widened", HIGH if wide else MEDIUM, path, before, after)
        elif fewer:
            self._found.add("type_narrowed", LOW, path, before, after)
        else:
            self._found.add("type_changed", MEDIUM, path, before, after)

    def _values(self, old: Schema, new: Schema, path: str) -> None:
        before, after = _enumerated(old), _enumerated(new)
        if before == after:
            if not all(same(old.get(key), new.get(key)) for key in ("enum", "const")):
                self._found.add("other", MEDIUM, path, _short(old.get("enum")), _short(new.get("enum")))
        elif before is None:
            self._found.add("values_narrowed", MEDIUM, path, "", _listed(after))
        elif after is None:
            self._found.add("values_opened", HIGH, path, _listed(before), "")
        elif after - before:
            self._found.add("values_widened", MEDIUM, path, _listed(before), _listed(after))
        else:
            self._found.add("values_narrowed", MEDIUM, path, _listed(before), _listed(after))

    def _fields(self, old: Schema, new: Schema, path: str) -> None:
        found, demanded = self._found, (_names(old.get("required")), _names(new.get("required")))
        was, now = _mapping(old, "properties"), _mapping(new, "properties")
        for name in sorted({*was, *now}):
            where = f"{path}.properties.{name}"
            if not found.step(where):
                return
            if name not in now:
                found.add("field_removed", MEDIUM if self._output or name in demanded[0] else LOW, where, was[name])
            elif name not in was:
                must = name in demanded[1] and not self._output
                harmless = self._output or _counts(now[name])
                severity = HIGH if must else LOW if harmless else MEDIUM
                found.add("required_field_added" if must else "field_added", severity, where, "", now[name])
                self.said_in({name: now[name]}, f"{path}.properties")
            else:
                self.compare(was[name], now[name], where)
        for name in sorted(demanded[1] - demanded[0]):
            if name in was or name not in now:
                found.add("field_required", LOW if self._output else HIGH, f"{path}.required", "", name)
        for name in sorted(demanded[0] - demanded[1]):
            found.add("field_optional", MEDIUM if self._output else LOW, f"{path}.required", name)
        if demanded[0] == demanded[1] and not same(old.get("required"), new.get("required")):
            found.add("other", MEDIUM, f"{path}.required", old.get("required"), new.get("required"))

    def said_in(self, schema: JSON, path: str) -> None:
        """What a new part says, wherever in it. A model reads values, patterns and notes as it reads descriptions."""
        stack: list[tuple[str, str, JSON]] = [(path, "", schema)]
        length = 0
        while stack:
            where, key, node = stack.pop()
            if not self._found.step(where):
                return
            if isinstance(node, dict):
                stack += [(f"{where}.{name}", name, one) for name, one in node.items()]
                texts, telling = list(node), False
            elif isinstance(node, list):
                stack += [(f"{where}[{index}]", key, one) for index, one in enumerate(node)]
                continue
            else:
                texts = [node] if isinstance(node, str) and node else []
                telling = not (
                    node in TYPES if key == "type" else key in _POINTERS or (key == "format" and node in _FORMATS)
                )
            for text in texts:
                before, length = length, length + len(text)
                if hidden(text):
                    self._found.add("hidden_text", HIGH, where, "", text)
                elif sensitive(text):
                    self._found.add("delicate", MEDIUM, where, "", text)
                elif telling or len(text) > MAX_SAID_NAME or before <= MAX_SAID < length:
                    self._found.add("wording", MEDIUM, where, "", text)

    def _limits(self, old: Schema, new: Schema, path: str) -> None:
        for key in (*_UPPER, *_LOWER, *_FORMS, "multipleOf", "uniqueItems"):
            absent = 1 if key == "minContains" else None
            before, after = old.get(key, absent), new.get(key, absent)
            if same(before, after):
                if (key in old) != (key in new):
                    self._found.add("other", LOW, f"{path}.{key}")
                continue
            tighter = before is None or before is False
            if isinstance(before, int | float) and isinstance(after, int | float) and not tighter:
                tighter = (key in _UPPER and after < before) or (key in _LOWER and after > before)
            what, severity = ("tightened", LOW) if tighter else ("loosened", MEDIUM)
            if tighter and _leads(key, new):
                severity = MEDIUM
            self._found.add(what, severity, f"{path}.{key}", "" if before is None else before, _shown(after))

    def _branches(self, old: Schema, new: Schema, path: str) -> None:
        for key in LISTS:
            before, after = old.get(key), new.get(key)
            if same(before, after):
                continue
            was, now = ([] if one is None else one for one in (before, after))
            if not isinstance(was, list) or not isinstance(now, list):
                self._found.add("schema_changed", MEDIUM, f"{path}.{key}", _short(before), _short(after))
                continue
            self._alternatives(key, was, now, f"{path}.{key}")

    def _alternatives(self, key: str, was: list[JSON], now: list[JSON], path: str) -> None:
        gone, come = was, now
        if key != "prefixItems":
            known, latest = {as_text(one) for one in was}, {as_text(one) for one in now}
            gone = [one for one in was if as_text(one) not in latest]
            come = [one for one in now if as_text(one) not in known]
        if not gone and not come:
            self._found.add("other", MEDIUM, path)
            return
        for index, (before, after) in enumerate(zip(gone, come, strict=False)):
            self.compare(before, after, f"{path}[{index}]")
        # Of `allOf` each is a demand, so that more of them let less through; of the others each lets something through.
        # Fewer are harmless where all are plain types; else what is left may be the one value that the server wants.
        wider = key == "allOf" or not now or not all(_plain(one) for one in (*gone, *now))
        for one in come[len(gone) :]:
            self._found.add("alternative_added", MEDIUM, path, "", _short(one))
            self.said_in(one, path)
        for one in gone[len(come) :]:
            self._found.add("alternative_removed", MEDIUM if wider else LOW, path, _short(one))

    def _inner(self, old: Schema, new: Schema, path: str) -> None:
        for key in (*_OPEN, *_INSIDE):
            before, after = old.get(key, True), new.get(key, True)
            if same(before, after):
                continue
            if key in _OPEN and before is False:
                self._found.add("opened", MEDIUM, f"{path}.{key}", before, _short(after))
            elif key in _OPEN and after is False:
                self._found.add("closed", LOW, f"{path}.{key}", _short(before), after)
            else:
                self.compare(before, after, f"{path}.{key}")
        for key in _MAPPINGS:
            was, now = _mapping(old, key), _mapping(new, key)
            if was == now and not same(old.get(key), new.get(key)):
                self._found.add("schema_changed", MEDIUM, f"{path}.{key}", _short(old.get(key)), _short(new.get(key)))
            if key == "properties":
                continue  # see `_fields`
            for name in sorted({*was, *now}):
                where, pattern = f"{path}.{key}.{name}", key == "patternProperties"
                if name in was and name in now:
                    self.compare(was[name], now[name], where)
                elif name in now:
                    self._found.add("definition_added", MEDIUM if pattern else LOW, where, "", _short(now[name]))
                    self.said_in(now[name], where)
                else:
                    self._found.add("definition_removed", MEDIUM if pattern else LOW, where, _short(was[name]))

    def _rest(self, old: Schema, new: Schema, path: str) -> None:
        for key in sorted({*old, *new}):
            before, after = old.get(key), new.get(key)
            if same(before, after) and (key in old) == (key in new):
                continue
            where = f"{path}.{key}"
            if key in _CONDITIONS:
                self._found.add("condition_changed", MEDIUM, where, _short(before), _short(after))
            elif key == "default":
                self._found.add("default_changed", MEDIUM, where, _shown(before), _shown(after))
            elif key in _NOTES:
                severity = LOW if isinstance(after, bool | None) else MEDIUM
                self._found.add("other", severity, where, _shown(before), _shown(after))
            elif key not in _HANDLED:
                self._found.add("other", MEDIUM, where, _shown(before), _shown(after))


def _counts(schema: JSON) -> bool:
    """Whether nothing can be told with it but a number or yes and no."""
    types = _types_of(schema.get("type")) if isinstance(schema, dict) else TYPES
    return bool(types) and types <= {"boolean", "number", "integer", "null"}


def _leads(key: str, new: Schema) -> bool:
    """Whether a tighter limit chooses what is said, or makes one say much."""
    value = new.get(key)
    if key in _FORMS or not isinstance(value, int | float):
        return True
    if key in MANY and value > MANY[key]:
        return True
    return any(
        new.get(low) is not None and same(new.get(low), new.get(high)) for low, high in _RANGES if key in (low, high)
    )


def _plain(schema: JSON) -> bool:
    return isinstance(schema, dict) and set(schema) == {"type"}


def _target(root: JSON, reference: JSON, plain: Schema) -> JSON:
    """What a local reference leads to; the schema itself where there is none; None where it leads nowhere."""
    if reference is None:
        return plain
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    node = root
    for part in reference[1:].split("/")[1:64]:
        step = part.replace("~1", "/").replace("~0", "~")
        node = node.get(step) if isinstance(node, dict) else None
    return node


def _types_of(value: JSON) -> frozenset[str]:
    if value is None:
        return TYPES
    names = value if isinstance(value, list) else [value]
    return frozenset(name for name in names if isinstance(name, str))


def _without(some: frozenset[str], others: frozenset[str]) -> frozenset[str]:
    left = some - others
    return left - {"integer"} if "number" in others else left


def _enumerated(schema: Schema) -> frozenset[str] | None:
    values = schema.get("enum")
    if "const" in schema:
        return frozenset({as_text(schema["const"])})
    return frozenset(map(as_text, values)) if isinstance(values, list) else None


def _listed(values: frozenset[str] | None) -> str:
    return ", ".join(sorted(values or ()))


def _names(value: JSON) -> frozenset[str]:
    return frozenset(one for one in value if isinstance(one, str)) if isinstance(value, list) else frozenset()


def _mapping(schema: Schema, key: str) -> dict[str, Any]:
    value = schema.get(key)
    return value if isinstance(value, dict) else {}


def _short(value: JSON) -> str:
    return "" if value is None else as_text(value)[:1000]


def _shown(value: JSON) -> JSON:
    return "" if value is None else value
