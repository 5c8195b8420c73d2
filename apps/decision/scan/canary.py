"""Planted values as patterns: exactly these values, in any case of their letters, and nothing that resembles them."""

import re
from collections.abc import Mapping
from typing import Final

from apps.decision.scan.pattern import Pattern
from apps.decision.types import Severity

CANARY: Final = "canary_"
_RANK: Final = 99  # a canary that looks like a key is the canary
_ESCAPED: Final = {'"': r'\\{0,3}"', "\\": r"\\{1,8}"}
_SPECIAL = re.compile(r"[^0-9A-Za-z\x80-\U0010ffff]")


def canaries_as_patterns(canaries: Mapping[str, str]) -> tuple[Pattern, ...]:
    """Values by name, in the order of their names."""
    return tuple(
        Pattern(
            name=f"{CANARY}{name}",
            title=f"Canary token {name}",
            severity=Severity.CRITICAL,
            regex=f"(?i){literal(value)}",
            hits=tuple,
            misses=tuple,
            rank=_RANK,
            unicode=True,
        )
        for name, value in sorted(canaries.items())
    )


def literal(value: str) -> str:
    """An expression for this text, in what RE2 and Hyperscan both read. Signs are written by number; those that JSON
    escapes may be escaped, and once more in JSON inside JSON."""
    return _SPECIAL.sub(lambda sign: _ESCAPED.get(sign[0]) or f"\\x{ord(sign[0]):02x}", value)


def is_canary(rule: str) -> bool:
    return rule.startswith(CANARY)
