"""Puts something else where something was found in a JSON value; everything else stays as it was."""

import hmac
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import orjson

from apps.decision.scan.documents import Span, fitted, merged
from apps.decision.scan.walk import digits_of
from apps.decision.types import JSON, Finding

Put = Callable[[str], str]  # what stands for a text that is taken out
Label = Callable[[str, str], str]  # the same of a secret, by its pattern and itself
_STEP = re.compile(r'\.([A-Za-z_][A-Za-z0-9_-]*)|\[(\d+)\]|\{(\d+)\}|\[("(?:[^"\\]|\\.)*")\]')


class Edit(NamedTuple):
    """A span of the string (or number, or key) at a finding's path, and what is put there.

    `through` opens and closes a string that is written in an encoding: the span counts in what it opens to.
    """

    path: str
    start: int
    end: int
    put: Put
    in_key: bool = False
    through: tuple[Callable[[str], str], Callable[[str], str]] | None = None


@dataclass(slots=True)
class _Node:
    """What changes under one place of the value."""

    children: dict[str | int, "_Node"] = field(default_factory=dict)
    edits: list[Edit] = field(default_factory=list)
    keys: dict[int, list[Edit]] = field(default_factory=dict)  # by member number


def named(rule: str, secret: str) -> str:
    """The placeholder that says what stood there, and no more."""
    return f"[REDACTED:{rule}]"


def told_apart(salt: bytes) -> Label:
    """Placeholders that are the same for the same secret under one salt, and say nothing about it without."""

    def label(rule: str, secret: str) -> str:
        if not salt:
            return named(rule, secret)
        digest = hmac.digest(salt, secret.encode("utf-8", "surrogatepass"), "sha256")
        return f"[REDACTED:{rule}:{digest.hex()[:6]}]"

    return label


def redact(value: JSON, findings: Iterable[Finding], label: Label = named) -> JSON:
    """A copy with a placeholder for every span; the parts that hold none are shared with the original.

    The findings must come from a scan of this very value. One whose place does not exist raises ValueError, since
    handing on the value as if it were clean would be worse.
    """

    def put(rule: str) -> Put:
        return lambda secret: label(rule, secret)

    return edited(value, (Edit(one.path, one.start, one.end, put(one.rule), one.in_key) for one in findings))


def edited(value: JSON, edits: Iterable[Edit]) -> JSON:
    """A copy with every edit made; overlapping ones are one, which is the first one's. Raises as `redact` does."""
    root = _Node()
    members: dict[int, list[JSON]] = {}
    for edit in edits:
        _place(root, value, edit, members)
    holder: list[JSON] = [value]
    stack: list[tuple[JSON, str | int, _Node]] = [(holder, 0, root)]
    renames: list[tuple[JSON, dict[int, list[Edit]]]] = []
    while stack:
        container, step, node = stack.pop()
        item = container[step]
        if node.edits:
            container[step] = _replaced(item if isinstance(item, str) else digits_of(item) or str(item), node.edits)
        elif node.children or node.keys:
            copy = dict(item) if isinstance(item, dict) else list(item)
            container[step] = copy
            stack.extend((copy, child_step, child) for child_step, child in node.children.items())
            if node.keys:
                renames.append((copy, node.keys))
    for changed, keys in renames:
        _rename(changed, keys)
    return holder[0]


def _place(root: _Node, value: JSON, edit: Edit, members: dict[int, list[JSON]]) -> None:
    """`members` are the keys of the objects in which one was asked for by its number."""
    node, item = root, value
    position = 1
    while position < len(edit.path):
        step = _STEP.match(edit.path, position)
        if step is None:
            raise ValueError("the path of a finding cannot be read")
        position = step.end()
        name, index, member, quoted = step.groups()
        key: str | int
        try:
            if member is not None:
                if edit.in_key and position == len(edit.path):
                    if int(member) >= len(item):
                        raise ValueError("a finding points outside of the value")
                    node.keys.setdefault(int(member), []).append(edit)
                    return
                if id(item) not in members:
                    members[id(item)] = list(item)
                key = members[id(item)][int(member)]
            else:
                key = int(index) if index is not None else name if name is not None else orjson.loads(quoted)
            item = item[key]
        except (LookupError, TypeError) as error:
            raise ValueError("a finding points outside of the value") from error
        node = node.children.setdefault(key, _Node())
    if isinstance(item, dict | list):
        raise ValueError("a finding points at a container")
    node.edits.append(edit)


def _replaced(text: str, edits: list[Edit]) -> str:
    """JSON in the text stays JSON. Once any edit is in what the text opens to, nothing of the encoded form is left, and
    edits of that have nothing to do."""
    through = next((edit.through for edit in edits if edit.through is not None), None)
    if through is not None:
        text = through[0](text)
        edits = [edit for edit in edits if edit.through is not None]
    out: list[str] = []
    done = 0
    for span in fitted(text, merged(Span(edit.start, edit.end, edit.put) for edit in edits)):
        out += (text[done : span.start], span.quote, span.put(text[span.start : span.end]), span.quote)
        done = span.end
    out.append(text[done:])
    replaced = "".join(out)
    return replaced if through is None else through[1](replaced)


def _rename(changed: JSON, keys: dict[int, list[Edit]]) -> None:
    """New names in the old order; one that is taken gets a number."""
    members = list(changed.items())
    taken = {key for number, (key, _) in enumerate(members) if number not in keys}
    counts: dict[str, int] = {}
    changed.clear()
    for number, (key, child) in enumerate(members):
        name = key
        if number in keys:
            name = wanted = _replaced(key, keys[number])
            while name in taken:
                counts[wanted] = counts.get(wanted, 1) + 1
                name = f"{wanted}#{counts[wanted]}"
            taken.add(name)
        changed[name] = child
