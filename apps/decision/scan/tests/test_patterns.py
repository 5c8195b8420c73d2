"""Every built-in pattern finds its hits, under its name, and leaves its misses alone."""

import pytest

from apps.decision.scan.pattern import Pattern
from apps.decision.scan.patterns import BUILTIN_PATTERNS
from apps.decision.scan.scanner import PatternSetting, build_scanner

_ALL = build_scanner({"email": PatternSetting(enabled=True)})
HITS = [(pattern, text) for pattern in BUILTIN_PATTERNS for text in pattern.hits()]
MISSES = [(pattern, text) for pattern in BUILTIN_PATTERNS for text in pattern.misses()]


@pytest.mark.parametrize(("pattern", "text"), HITS, ids=lambda value: getattr(value, "name", ""))
def test_it_finds_its_hits(pattern: Pattern, text: str) -> None:
    assert pattern.name in [finding.rule for finding in _ALL(text)]


@pytest.mark.parametrize(("pattern", "text"), MISSES, ids=lambda value: getattr(value, "name", ""))
def test_it_leaves_its_misses(pattern: Pattern, text: str) -> None:
    assert pattern.name not in [finding.rule for finding in _ALL(text)]
