"""The way from a finding's path back to the text it speaks of."""

import re
from typing import Final

import orjson

from apps.decision.types import JSON

_STEP: Final = re.compile(r'\.([A-Za-z_][A-Za-z0-9_-]*)|\[(\d+)\]|\{(\d+)\}|\[("(?:[^"\\]|\\.)*")\]')


def text_at(value: JSON, path: str) -> str | None:
    """The string at this path, as `walk.Flat` names it; None where there is none, as for the name of a member."""
    item, position = value, 1
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            return None
        position = step.end()
        name, index, member, quoted = step.groups()
        try:
            if member is not None:
                item = list(item.values())[int(member)]
            elif index is not None:
                item = item[int(index)]
            else:
                item = item[name if name is not None else orjson.loads(quoted)]
        except (LookupError, TypeError, AttributeError, ValueError):
            return None
    return item if isinstance(item, str) else None
