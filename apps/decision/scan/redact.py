"""Puts a typed placeholder where a scanner found something; everything else stays as it was."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import orjson

from apps.decision.types import JSON, Finding

_STEP = re.compile(r'\.([A-Za-z_][A-Za-z0-9_-]*)|\[(\d+)\]|\{(\d+)\}|\[("(?:[^"\\]|\\.)*")\]')


@dataclass(slots=True)
class _Node:
    """What changes under one place of the value."""

    children: dict[str | int, "_Node"] = field(default_factory=dict)
    spans: list[tuple[int, int, str]] = field(default_factory=list)
    keys: dict[int, list[tuple[int, int, str]]] = field(default_factory=dict)  # by member number


def redact(value: JSON, findings: Iterable[Finding]) -> JSON:
    """A copy with `[REDACTED:pattern]` for every span; the parts that hold none are shared with the original.

    The findings must come from a scan of this very value. One whose place does not exist raises ValueError, since
    handing on the value as if it were clean would be worse.
    """
    root = _Node()
    for finding in findings:
        _place(root, value, finding)
    holder: list[JSON] = [value]
    stack: list[tuple[JSON, str | int, _Node]] = [(holder, 0, root)]
    renames: list[tuple[JSON, dict[int, list[tuple[int, int, str]]]]] = []
    while stack:
        container, step, node = stack.pop()
        item = container[step]
        if node.spans:
            container[step] = _replaced(item if isinstance(item, str) else str(item), node.spans)
        elif node.children or node.keys:
            copy = dict(item) if isinstance(item, dict) else list(item)
            container[step] = copy
            stack.extend((copy, child_step, child) for child_step, child in node.children.items())
            if node.keys:
                renames.append((copy, node.keys))
    for changed, keys in renames:
        _rename(changed, keys)
    return holder[0]


def _place(root: _Node, value: JSON, finding: Finding) -> None:
    node, item = root, value
    position = 1
    span = (finding.start, finding.end, finding.rule)
    while position < len(finding.path):
        step = _STEP.match(finding.path, position)
        if step is None:
            raise ValueError("the path of a finding cannot be read")
        position = step.end()
        name, index, member, quoted = step.groups()
        key: str | int
        try:
            if member is not None:
                if finding.in_key and position == len(finding.path):
                    if int(member) >= len(item):
                        raise ValueError("a finding points outside of the value")
                    node.keys.setdefault(int(member), []).append(span)
                    return
                key = list(item)[int(member)]
            else:
                key = int(index) if index is not None else name if name is not None else orjson.loads(quoted)
            item = item[key]
        except (LookupError, TypeError) as error:
            raise ValueError("a finding points outside of the value") from error
        node = node.children.setdefault(key, _Node())
    if isinstance(item, dict | list):
        raise ValueError("a finding points at a container")
    node.spans.append(span)


def _replaced(text: str, spans: list[tuple[int, int, str]]) -> str:
    """Overlapping spans become one placeholder, named after the first."""
    out: list[str] = []
    done = 0
    for start, end, rule in sorted(spans):
        if start >= done:
            out += (text[done:start], f"[REDACTED:{rule}]")
        done = max(done, end)
    out.append(text[done:])
    return "".join(out)


def _rename(changed: JSON, keys: dict[int, list[tuple[int, int, str]]]) -> None:
    """New names in the old order; one that is taken gets a number."""
    members = list(changed.items())
    taken = {key for number, (key, _) in enumerate(members) if number not in keys}
    changed.clear()
    for number, (key, child) in enumerate(members):
        name = key
        if number in keys:
            name = wanted = _replaced(key, keys[number])
            count = 2
            while name in taken:
                name = f"{wanted}#{count}"
                count += 1
            taken.add(name)
        changed[name] = child
