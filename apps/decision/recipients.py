"""Who receives something, counted: lists, objects and lines of addresses, each person once."""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import parse_qsl, unquote

import orjson

from apps.decision.spelling import decoded
from apps.decision.types import JSON

_QUOTED: Final = re.compile(r'"[^"]*"')
_ONE: Final = re.compile(r"[A-Za-z0-9._@#+-]+")
_BETWEEN: Final = re.compile(r"[,;\n|]")
_WORDS: Final = re.compile(r'[\s<>,;|"()\[\]]+')
_ABOUT: Final = frozenset({"name", "displayname", "display_name", "type", "kind", "role", "status", "fullname"})
MOST: Final = 10_000
DEEPEST: Final = 32


def found_in(value: JSON, seen: set[str], room: int = DEEPEST) -> bool:
    """Adds everybody to `seen`. False when that are too many, or they lie too deep, to be counted."""
    if room == 0 or len(seen) > MOST:
        return False
    if isinstance(value, str):
        if value[:1] in ("[", "{"):
            try:
                return found_in(orjson.loads(value), seen, room - 1)
            except ValueError:
                pass  # a line after all
        seen.update(_of_line(value))
    elif isinstance(value, list):
        return all(found_in(one, seen, room - 1) for one in value)
    elif isinstance(value, dict):
        before = len(seen)
        named = [key for key in value if "@" in key]
        seen.update(key.strip().lower() for key in named)
        inner = [value[key] for key in value if key not in named and key.lower() not in _ABOUT]
        read = all(found_in(one, seen, room - 1) for one in inner)
        if len(seen) == before and not inner and value:
            seen.update(_of_line(str(value.get("name", value))))
        return read
    elif value is not None and not isinstance(value, bool):
        seen.add(str(value))
    return len(seen) <= MOST


def _of_line(line: str) -> Iterable[str]:
    """The people of one line: `"Doe, Ada" <ada@a.example>, bob@b.example; carol`."""
    if _ONE.fullmatch(line):
        return (line.lower(),)
    text = list(decoded(line.strip().lower()))[-1]
    if text.startswith("mailto:"):
        address, _, query = text[7:].partition("?")
        more = [words for key, words in parse_qsl(query) if key in ("to", "cc", "bcc")]
        text = ",".join([unquote(address), *more])
    bare = _QUOTED.sub(" ", text)
    if "\\" in text or text.count('"') % 2 or ("@" not in bare and "@" in text):
        bare = text  # where quotes end is anybody's guess, so everybody counts
    addresses = {word.removeprefix("mailto:") for word in _WORDS.split(bare) if "@" in word}
    for word in [one for one in addresses if one.count("@") > 1]:  # kept apart by something that is unknown here
        addresses.update(f"{word} {number}" for number in range(1, word.count("@")))
    others = {part.strip() for part in _BETWEEN.split(bare) if "@" not in part}
    return addresses | {part for part in others if part}
