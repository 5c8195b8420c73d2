"""What a server lists, in one canonical form with one digest, and what it means that it is not what it was.

Key order, the order of names and values that are sets, and what is said where the protocol's default says the same make
no difference; `_meta` and icons are for what changes from call to call. Everything else counts, known or not.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final

from apps.decision.pin_changes import Change, Collected, as_text, at_least, kindred, same, worst
from apps.decision.pin_schemas import LISTS, NAMED, SINGLE, Schemas
from apps.decision.types import JSON, InboundFinding, Severity

MAX_BYTES: Final = 256 * 1024
MAX_ITEMS: Final = 1000  # of one server
MAX_NAME: Final = 1000
MAX_DEPTH: Final = 100
TOOL, PROMPT, INSTRUCTIONS = "tool", "prompt", "instructions"
_ASIDE: Final = frozenset({"_meta", "icons"})
_HINTS: Final = {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": False, "openWorldHint": True}
_HARMLESS: Final = {"readOnlyHint": True, "destructiveHint": False, "idempotentHint": True, "openWorldHint": False}
_TEXTS: Final = frozenset({"title", "description", "text"})
_SCHEMAS: Final = frozenset({"inputSchema", "outputSchema"})
_UNSAID: Final = frozenset(
    {"additionalProperties", "unevaluatedProperties", "items", "unevaluatedItems", "propertyNames"}
)


def flaw(definition: JSON, name: str) -> str:
    """Why this cannot be pinned, or "". What cannot be pinned cannot be used."""
    if len(name) > MAX_NAME or not name.isprintable():
        return f"Its name is longer than {MAX_NAME} characters, or holds some that cannot be printed"
    if _deeper_than(definition, MAX_DEPTH):
        return f"It is nested deeper than {MAX_DEPTH} levels"
    size = len(as_text(definition))
    return f"Its definition has {size} bytes; {MAX_BYTES} can be reviewed" if size > MAX_BYTES else ""


def canonical(kind: str, item: JSON) -> dict[str, JSON]:
    """What counts of it, in the one form that is stored, compared and shown. `item` has no flaw."""
    if kind == INSTRUCTIONS:
        return {"text": _clean(item.get("text") if isinstance(item, dict) else item)}
    if not isinstance(item, dict):
        return {"value": _clean(item)}
    form: dict[str, JSON] = {}
    for key, value in item.items():
        if key in _ASIDE or value is None or (key in _TEXTS and value == ""):
            continue
        if key in _SCHEMAS:
            value = _schema(_clean(value))
        elif key == "annotations" and isinstance(value, dict):
            value = {
                name: _clean(one) for name, one in value.items() if one is not None and _HINTS.get(name) is not one
            }
        elif key == "arguments" and kind == PROMPT and isinstance(value, list):
            value = _arguments(_clean(value))
        else:
            value = _clean(value)
        if key != "annotations" or value != {}:
            form[_text(key)] = value
    return form


def digest(kind: str, form: JSON) -> str:
    """SHA-256 hex of the canonical form."""
    return sha256(f"behavry pin 1\n{kind}\n{as_text(form)}".encode()).hexdigest()


def identify(kind: str, name: str, item: JSON) -> str:
    """The digest of what a server sent, with or without flaw."""
    found = flaw(item, name)
    return digest("flaw", found) if found else digest(kind, canonical(kind, item))


def compare(kind: str, old: JSON, new: JSON, findings: Sequence[InboundFinding] = ()) -> tuple[Change, ...]:
    """Every difference between two canonical forms, with its weight; none where they are the same.

    `findings` are the orders that stand in the new one and did not stand in the old.
    """
    found = Collected()
    if same(old, new):
        return ()
    for one in findings:
        if at_least(one.severity, Severity.MEDIUM):
            found.add("order", one.severity, one.path, "", f"{one.rule}: {one.excerpt}" if one.excerpt else one.rule)
    orders = len(found.changes)
    if not isinstance(old, dict) or not isinstance(new, dict):
        found.add("other", Severity.HIGH, "$", old, new)
        return tuple(found.changes)
    for key in sorted({*old, *new}):
        _field(kind, key, old.get(key), new.get(key), found)
    if len(found.changes) == orders:
        found.add("other", Severity.MEDIUM, "$")
    return tuple(found.changes)


def same_meaning(kind: str, old: JSON, new: JSON) -> bool:
    """Whether two items differ in their names only, or in so little besides that nobody would be asked about it."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return False
    before, after = _nameless(old), _nameless(new)
    return same(before, after) or not at_least(worst(compare(kind, before, after)), Severity.MEDIUM)


def akin(old: JSON, new: JSON) -> bool:
    """Whether one may be the other retold: most words are the same, and the fields of one are among the other's."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return False
    before, after = (_nameless(one).get("description") for one in (old, new))
    if not (isinstance(before, str) and isinstance(after, str) and before and kindred(before, after)):
        return False
    some, others = (_fields_of(one) for one in (old, new))
    return some <= others or others <= some


def says_something(form: JSON) -> bool:
    """Whether it could be told apart from others without its name."""
    return isinstance(form, dict) and bool(form.get("description") or form.get("text"))


def _field(kind: str, key: str, old: JSON, new: JSON, found: Collected) -> None:
    path = f"$.{key}"
    if same(old, new):
        return
    if key in _TEXTS:
        found.wording(path, old, new)
    elif key == "name":
        found.add("renamed", Severity.LOW, path, old, new)
    elif key in _SCHEMAS:
        _schemas(key, old, new, found)
    elif key == "annotations":
        _annotations(old, new, found)
    elif key == "arguments" and kind == PROMPT:
        _prompt_arguments(old, new, found)
    else:
        found.add("other", Severity.MEDIUM, path, "" if old is None else old, "" if new is None else new)


def _schemas(key: str, old: JSON, new: JSON, found: Collected) -> None:
    output = key == "outputSchema"
    if output and old is None:
        found.add("output_schema_added", Severity.LOW, f"$.{key}")
        Schemas({}, new, found, output=True).said_in(new, f"$.{key}")
    elif output and new is None:
        found.add("output_schema_removed", Severity.MEDIUM, f"$.{key}")
    else:
        before, after = ({} if one is None else one for one in (old, new))
        if same(before, after):
            found.add("other", Severity.LOW, f"$.{key}")
        Schemas(before, after, found, output=output).compare(before, after, f"$.{key}")


def _annotations(old: JSON, new: JSON, found: Collected) -> None:
    was, now = ({} if one is None else one for one in (old, new))
    if not isinstance(was, dict) or not isinstance(now, dict):
        found.add("other", Severity.MEDIUM, "$.annotations", was, now)
        return
    for key in sorted({*was, *now}):
        path, before, after = f"$.annotations.{key}", was.get(key), now.get(key)
        if same(before, after):
            continue
        if key in _HINTS:
            before, after = was.get(key, _HINTS[key]), now.get(key, _HINTS[key])
            worse = before is _HARMLESS[key] or not isinstance(after, bool)
            grave = key == "destructiveHint" or (key == "readOnlyHint" and worse)
            severity = Severity.HIGH if grave else Severity.MEDIUM
            found.add("hint_worse" if worse else "hint_better", severity, path, before, after)
        elif key == "title":
            found.wording(path, before, after)
        else:
            found.add("other", Severity.MEDIUM, path, "" if before is None else before, "" if after is None else after)


def _prompt_arguments(old: JSON, new: JSON, found: Collected) -> None:
    was, now = _by_name(old), _by_name(new)
    if was is None or now is None:
        found.add("other", Severity.MEDIUM, "$.arguments", "" if old is None else old, "" if new is None else new)
        return
    for name in sorted({*was, *now}):
        path, before, after = f"$.arguments.{name}", was.get(name), now.get(name)
        if before is None or after is None:
            must = after is not None and after.get("required") is True
            what = "required_field_added" if must else "field_removed" if after is None else "field_added"
            severity = Severity.HIGH if must else Severity.LOW if after is None else Severity.MEDIUM
            found.add(what, severity, path)
            if after is not None:
                said = {key: value for key, value in after.items() if key != "name"}
                Schemas({}, {}, found, output=False).said_in({name: said}, "$.arguments")
            continue
        for key in sorted({*before, *after}):
            if same(before.get(key), after.get(key)):
                continue
            if key in _TEXTS:
                found.wording(f"{path}.{key}", before.get(key), after.get(key))
            elif key == "required" and isinstance(after.get(key), bool | None):
                must = after.get(key) is True
                what = "field_required" if must else "field_optional"
                found.add(what, Severity.HIGH if must else Severity.LOW, path)
            else:
                found.add("other", Severity.MEDIUM, f"{path}.{key}", before.get(key), after.get(key))


def _fields_of(form: dict[str, JSON]) -> frozenset[str]:
    schema, arguments = form.get("inputSchema"), form.get("arguments")
    fields = schema.get("properties") if isinstance(schema, dict) else None
    named = _by_name(arguments) or {}
    return frozenset({*(fields if isinstance(fields, dict) else ()), *named})


def _by_name(arguments: JSON) -> dict[str, dict[str, JSON]] | None:
    """None where it is no list of things with names of their own."""
    if arguments is None:
        return {}
    if not isinstance(arguments, list):
        return None
    named = {one["name"]: one for one in arguments if isinstance(one, dict) and isinstance(one.get("name"), str)}
    return named if len(named) == len(arguments) else None


def _nameless(form: dict[str, JSON]) -> dict[str, JSON]:
    """Without the name, the title that goes with it, and the name where the description says it."""
    name = form.get("name")
    rest = {key: value for key, value in form.items() if key not in ("name", "title")}
    said = rest.get("description")
    if isinstance(name, str) and name and isinstance(said, str):
        rest["description"] = said.replace(name, "it")
    return rest


def _arguments(value: list[JSON]) -> list[JSON]:
    plain = [
        {key: part for key, part in one.items() if part is not None and part is not False and part != ""}
        if isinstance(one, dict)
        else one
        for one in value
    ]
    return sorted(plain, key=as_text)


def _schema(node: JSON) -> JSON:
    """A JSON Schema in one of the many ways to say the same."""
    if not isinstance(node, dict):
        return node
    form: dict[str, JSON] = {}
    for key, value in node.items():
        if key in NAMED and isinstance(value, dict):
            value = {name: _schema(one) for name, one in value.items()}
        elif key in LISTS and isinstance(value, list):
            value = [_schema(one) for one in value]
            value = value if key == "prefixItems" else sorted(value, key=as_text)
        elif key in SINGLE:
            value = _schema(value)
        elif key in ("required", "enum", "type") and isinstance(value, list):
            value = list({as_text(one): one for one in sorted(value, key=as_text)}.values())
            if key == "type" and len(value) == 1:
                value = value[0]
        said = not (key in ("title", "description") and value == "")
        said = said and not (key in ("required", "properties") and value in ([], {}) and isinstance(value, list | dict))
        if said and not (key in _UNSAID and (value is True or value == {})):
            form[key] = value
    return form


def _clean(value: JSON) -> JSON:
    """As a database keeps it: no NUL, and a number that is whole has no fraction."""
    if isinstance(value, dict):
        return {_text(key): _clean(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_clean(one) for one in value]
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


def _text(text: str) -> str:
    """What PostgreSQL's JSON cannot hold is written out."""
    if "\x00" in text or not _encodable(text):
        text = "".join(
            f"\\u{ord(char):04x}" if char == "\x00" or "\ud800" <= char <= "\udfff" else char for char in text
        )
    return text


def _encodable(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _deeper_than(value: JSON, limit: int) -> bool:
    level: list[Any] = [value]
    for _ in range(limit):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True
