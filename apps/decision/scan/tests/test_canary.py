"""Planted values as patterns: exactly these, in any case and as JSON escapes them, and nothing like them."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from apps.decision.errors import BadInput
from apps.decision.scan.canary import canaries_as_patterns, is_canary, literal
from apps.decision.scan.custom import CustomPattern, check_custom
from apps.decision.scan.linear import compile_re2
from apps.decision.scan.patterns import made
from apps.decision.scan.scanner import build_result_scanner, build_scanner
from apps.decision.types import DlpAction, Severity

PRINTABLE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=12, max_size=40)


@given(PRINTABLE)
def test_any_printable_value_is_found_as_it_is_and_in_json_inside_json(value: str) -> None:
    reader = compile_re2(canaries_as_patterns({"x": value})[0].regex)
    escaped = orjson.dumps(value).decode()
    for text in (value, value.upper(), escaped, orjson.dumps(escaped).decode()):
        assert reader.search(text.encode()) is not None
    assert reader.search(value[:-1].encode()) is None


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters='"\\'), min_size=1))
def test_a_literal_is_read_as_the_text_itself(text: str) -> None:
    assert compile_re2(literal(text)).fullmatch(text.encode()) is not None


def test_it_outranks_what_it_looks_like_and_denies_whatever_else_is_set() -> None:
    value = "AKIA" + made.chars(made.BASE32, 16, "planted")
    found = build_scanner(canaries={"keys": value})({"a": value})
    assert [(one.rule, one.action, one.severity) for one in found] == [
        ("canary_keys", DlpAction.DENY, Severity.CRITICAL)
    ]
    assert value not in repr(found)
    assert is_canary(found[0].rule)


def test_in_results_it_is_no_finding() -> None:
    assert build_result_scanner({}, (), DlpAction.REDACT)({"a": "quartz-harbour-" + "7719x"}) == ()


def test_no_pattern_of_a_tenant_may_be_called_so() -> None:
    try:
        check_custom(CustomPattern("canary_x", "house-[0-9]{4}", Severity.LOW, DlpAction.LOG))
    except BadInput as error:
        assert "name" in error.fields
    else:
        raise AssertionError("it was accepted")
