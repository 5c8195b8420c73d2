"""The built-in patterns, one family per file."""

from apps.decision.scan.pattern import Pattern
from apps.decision.scan.patterns import assignment, blocks, cloud, endpoints, personal, tokens

BUILTIN_PATTERNS: tuple[Pattern, ...] = (
    *cloud.PATTERNS,
    *tokens.PATTERNS,
    *blocks.PATTERNS,
    *endpoints.PATTERNS,
    *personal.PATTERNS,
    *assignment.PATTERNS,
)
