"""A tenant's pattern is refused when it is saved, field by field, or works."""

from dataclasses import replace

import pytest

from apps.decision.errors import BadInput
from apps.decision.scan.custom import CustomPattern, check_custom
from apps.decision.scan.scanner import build_scanner
from apps.decision.types import DlpAction, Severity

GOOD = CustomPattern("badge_number", r"\bBDG-\d{6}\b", Severity.HIGH, DlpAction.DENY, ("id BDG-123456",), ("BDG-12",))


def test_it_accepts_a_good_pattern() -> None:
    check_custom(GOOD)
    assert [finding.rule for finding in build_scanner(custom=(GOOD,))({"x": "BDG-123456"})] == ["badge_number"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "Badge Number"}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 64}, "name"),
        ({"name": "ssn"}, "name"),
        ({"name": "in_use"}, "name"),
        ({"regex": ""}, "regex"),
        ({"regex": "("}, "regex"),
        ({"regex": "a" * 1001}, "regex"),
        ({"regex": "a\0b"}, "regex"),
        ({"regex": "\ud800"}, "regex"),
        ({"regex": r"(?=a)b"}, "regex"),
        ({"regex": r"(a)\1"}, "regex"),
        ({"regex": r"a*"}, "regex"),
        ({"regex": r".|\s"}, "regex"),
        ({"regex": r"x|"}, "regex"),
        ({"regex": r"(a{1,900}){1,900}"}, "regex"),
        ({"regex": r"[a-z]{2000}"}, "regex"),
        ({"regex": r"(\p{L}{1,200}){1,4}x"}, "regex"),
        ({"examples_hit": ("nothing",)}, "examples_hit"),
        ({"examples_miss": ("BDG-123456",)}, "examples_miss"),
        ({"examples_hit": ("BDG-123456",) * 21}, "examples_hit"),
        ({"examples_miss": ("x" * 4001,)}, "examples_miss"),
    ],
)
def test_it_refuses_a_bad_pattern_and_says_which_field(changes: dict[str, object], field: str) -> None:
    with pytest.raises(BadInput) as caught:
        check_custom(replace(GOOD, **changes), taken=("in_use",))  # type: ignore[arg-type]  # fields by name
    assert list(caught.value.fields) == [field]


def test_it_names_every_wrong_field_at_once() -> None:
    with pytest.raises(BadInput) as caught:
        check_custom(replace(GOOD, name="?", regex="("))
    assert sorted(caught.value.fields) == ["name", "regex"]


def test_it_reads_unicode() -> None:
    pattern = replace(
        GOOD, regex=r"Kennwort: \p{L}{4}", examples_hit=("Kennwort: Öläü",), examples_miss=("Kennwort: 1",)
    )
    check_custom(pattern)
    found = build_scanner(custom=(pattern,))(["…Kennwort: Öläü"])
    assert [(finding.start, finding.end) for finding in found] == [(1, 15)]


def test_it_stays_fast_on_what_kills_a_backtracking_matcher() -> None:
    pattern = replace(GOOD, regex=r"(a+)+b", examples_hit=("aab",), examples_miss=())
    check_custom(pattern)
    assert build_scanner(custom=(pattern,))("a" * 200_000) == ()


@pytest.mark.parametrize("regex", ["[a-z]", "e", "the", r"\w+ \w+", r"[a-z ]{3,}", r"\pL", r"[^\n]{20,}"])
def test_it_refuses_what_is_found_all_over_ordinary_text(regex: str) -> None:
    """Each place costs the scan of every result its time, and a critical rule would withhold all of them."""
    own = CustomPattern("everywhere", regex, Severity.HIGH, DlpAction.DENY, (), ())
    with pytest.raises(BadInput) as refused:
        check_custom(own)
    assert "ordinary text" in refused.value.fields["regex"]
