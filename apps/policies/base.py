"""The base rules that every tenant has, read from `policies/behavry` once per process."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from django.conf import settings

ENTRYPOINT = "data.behavry.authz.decision"
_BLOCK = re.compile(r"^# METADATA\n((?:#[^\n]*\n)+)", re.MULTILINE)
_FIELD = re.compile(r"^# (title|description): ?(.*)$")


@dataclass(frozen=True, slots=True)
class BaseRule:
    """A package of base rules and what it says about itself."""

    name: str
    title: str
    description: str
    rules: tuple[str, ...]  # titles


def folder() -> Path:
    return Path(settings.BASE_DIR) / "policies"


@cache
def modules() -> Mapping[str, str]:
    """Name → source of every base module, tests left out."""
    root = folder()
    found = {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted((root / "behavry").rglob("*.rego"))
        if not path.name.endswith("_test.rego") and path.name != "testing.rego"
    }
    return MappingProxyType(found)


@cache
def digest() -> str:
    return hashlib.sha256(repr(sorted(modules().items())).encode()).hexdigest()


@cache
def rules() -> tuple[BaseRule, ...]:
    """The base rules, as their METADATA describes them."""
    found = []
    for name, source in modules().items():
        parts = name.split("/")
        if len(parts) == 4 and parts[1] == "rules":
            package, *others = [_fields(block) for block in _BLOCK.findall(source)]
            titles = tuple(dict.fromkeys(other["title"] for other in others if "title" in other))
            found.append(BaseRule(parts[2], package.get("title", ""), package.get("description", ""), titles))
    return tuple(found)


def _fields(block: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    current = ""
    for line in block.splitlines():
        match = _FIELD.match(line)
        if match:
            current = match.group(1)
            fields[current] = "" if match.group(2) == ">-" else match.group(2)
        elif line.startswith("#   ") and current:
            fields[current] = f"{fields[current]} {line[4:].strip()}".strip()
        else:
            current = ""
    return fields
