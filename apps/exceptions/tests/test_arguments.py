"""Whatever a call's arguments are, a row can hold what is shown of them, and it is no more than so much."""

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.decision.types import JSON
from apps.exceptions.services.arguments import MAX_BYTES, line, shown, shown_findings
from apps.exceptions.tests.asking import hold, make_asked, make_call, row_of

scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=20
)


@given(values)
@settings(max_examples=60)
def test_it_shows_what_fits_as_it_is(value: JSON) -> None:
    kept = shown(value)
    assert "\\u0000" not in orjson.dumps(kept).decode().replace("\\\\", "")
    if "\0" not in str(value) and "\\x00" not in repr(value):
        assert kept == ({} if value is None else orjson.loads(orjson.dumps(value)))


@given(st.text(min_size=1), st.integers(1, 50))
def test_it_cuts_a_line_and_shows_that_it_did(text: str, length: int) -> None:
    cut = line(text, length)
    assert len(cut) <= length
    assert "\0" not in cut
    assert (cut == text.replace("\0", "\u2400")) == (len(text) <= length) or cut.endswith("…")


def test_it_cuts_visibly() -> None:
    kept = shown({"text": "ü" * MAX_BYTES})
    assert kept["truncated"] is True
    assert kept["bytes"] > 2 * MAX_BYTES
    assert kept["beginning"].startswith('{"text":"ü')
    assert len(kept["beginning"].encode()) <= MAX_BYTES


def test_it_keeps_the_first_findings() -> None:
    kept = shown_findings([{"path": "$." + "a" * 900, "severity": "high"}] * 200)
    assert len(kept) == 100
    assert kept[0]["path"].endswith("…")


@pytest.mark.parametrize(
    "hostile",
    [{"a\0b": "c\0d"}, {"a": "\ud800"}, {chr(0xD800): 1, chr(0xFFFD): 2}, ["x"] * 20_000, float("nan"), 1e308],
)
def test_it_can_store_whatever_comes(acme: str, hostile: JSON) -> None:
    hold(acme, make_asked(acme, make_call(arguments=hostile)))


def test_it_can_store_what_is_nested_deep(acme: str) -> None:
    deep: JSON = "end"
    for _ in range(400):
        deep = [deep]
    call = make_call(arguments=deep, tool="t" * 3000, resource="r\0" * 3000, method="m" * 300)
    row = row_of(acme, hold(acme, make_asked(acme, call)))
    assert row.arguments["truncated"] is True
    assert row.tool_name.endswith("…")
