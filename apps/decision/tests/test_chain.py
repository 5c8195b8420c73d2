"""Canonical bytes and links: deterministic, equal to the standard library's, and closed to what JSON cannot hold."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.decision import chain
from apps.decision.events import Entry, EventKind

ID = UUID("018f2f3a-0000-7000-8000-000000000001")
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


def make_entry(**changes: Any) -> Entry:
    return Entry(**{"id": ID, "kind": EventKind.CALL_DECISION, "at": AT, "actor": "agent:a1", **changes})


def body_of(entry: Entry, seq: int = 1) -> bytes:
    return chain.body(chain.fields(entry, "t_acme", seq, chain.text_of_time(AT)))


@given(VALUES)
def test_it_writes_what_the_standard_library_writes(value: Any) -> None:
    expected = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert chain.canonical(value) == expected


@given(st.dictionaries(TEXT, VALUES, max_size=6))
def test_it_ignores_the_order_of_keys(value: dict[str, Any]) -> None:
    assert chain.canonical(dict(reversed(value.items()))) == chain.canonical(value)


@pytest.mark.parametrize("value", [1.0, [1, 2.5], {"a": {"b": (0.1,)}}, float("nan")])
def test_it_refuses_floats_at_any_depth(value: Any) -> None:
    with pytest.raises(ValueError, match="float"):
        chain.canonical(value)


@pytest.mark.parametrize("value", [{1: "a"}, {"a": object()}, 2**64, Decimal("NaN"), datetime(2026, 1, 1)])  # noqa: DTZ001
def test_it_refuses_what_json_cannot_hold(value: Any) -> None:
    with pytest.raises(ValueError, match=r"loggable|logged|time zone"):
        chain.canonical(value)


def test_it_replaces_nul_and_lone_surrogates_and_nothing_else() -> None:
    assert chain.canonical({"a\0": "\ud800b\\u0000"}) == '{"a␀":"\ufffdb\\\\u0000"}'.encode()
    assert chain.canonical("\\u0000") == b'"\\\\u0000"'


def test_it_refuses_keys_that_become_one() -> None:
    with pytest.raises(ValueError, match="two keys"):
        chain.canonical({"a\0": 1, "a\u2400": 2})


@given(st.text(st.characters(exclude_categories=[])), st.text(st.characters(exclude_categories=[])))
def test_it_never_leaves_anything_that_a_database_refuses(key: str, value: str) -> None:
    parsed = json.loads(chain.canonical({key: value}).decode())
    assert parsed == {chain.clean(key): chain.clean(value)}
    assert "\0" not in chain.clean(value)
    assert chain.clean(chain.clean(value)) == chain.clean(value)
    chain.clean(value).encode()


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=9))
def test_it_gives_equal_decimals_equal_text(value: Decimal) -> None:
    text = chain.text_of_decimal(value)
    assert Decimal(text) == value
    assert text == chain.text_of_decimal(value.normalize())
    assert "E" not in text
    assert text != "-0"


@pytest.mark.parametrize(("value", "text"), [("1E+3", "1000"), ("1.50", "1.5"), ("-0.00", "0"), ("1E-7", "0.0000001")])
def test_it_writes_decimals_in_fixed_notation(value: str, text: str) -> None:
    assert chain.text_of_decimal(Decimal(value)) == text


MOMENTS = st.integers(-(10**10), 10**11).map(
    lambda seconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


@given(MOMENTS, st.integers(0, 999_999), st.sampled_from([UTC, timezone(timedelta(hours=-7))]))
def test_it_writes_every_time_so_that_it_reads_back(moment: datetime, microsecond: int, zone: timezone) -> None:
    at = moment.replace(microsecond=microsecond).astimezone(zone)
    text = chain.text_of_time(at)
    assert datetime.fromisoformat(text) == at
    assert text == at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def test_it_writes_times_in_utc_with_six_digits() -> None:
    assert chain.text_of_time(AT) == "2026-01-02T03:04:05.000000Z"
    assert chain.text_of_time(AT.astimezone(timezone(timedelta(hours=5, minutes=30)))) == chain.text_of_time(AT)


def test_it_hashes_every_field_of_an_entry() -> None:
    changes: dict[str, Any] = {
        "id": UUID(int=7), "kind": EventKind.CALL_OUTCOME, "at": AT + timedelta(microseconds=1), "actor": "x",
        "agent_id": "x", "session_id": "x", "requester_id": "x", "requester_channel": "x", "requester_verified": True,
        "instruction_hash": "x", "action": "x", "target": "x", "tool_name": "x", "mcp_server": "x", "method": "x",
        "policy_result": "x", "policy_id": "x", "policy_reason": "x", "stage": "x", "rulebook_version": 1,
        "behavioral_score": Decimal(1), "dlp_findings": ({"a": 1},), "dlp_action": "x", "input_hash": "x",
        "response_code": 1, "latency_ms": Decimal(1), "error": "x", "workflow_session_id": "x", "causal_depth": 1,
        "parent_event_id": UUID(int=7), "delegation_chain": ("x",), "payload": {"a": 0.5}, "extra": {"a": 1},
    }  # fmt: skip
    assert set(changes) == set(Entry.__slots__)
    bodies = {body_of(make_entry(**{name: value})) for name, value in changes.items()}
    assert len(bodies | {body_of(make_entry()), body_of(make_entry(), seq=2)}) == len(changes) + 2


def test_it_writes_an_entry_as_canonical_json() -> None:
    entry = make_entry(extra={"b": 1, "a": [Decimal("1.50")]}, payload={"x": 0.5, "n": "a\0"}, tool_name="naïve \ud83d")
    data = body_of(entry)
    parsed = json.loads(data)
    assert chain.canonical(parsed) == data
    assert parsed["payload"] == '{"n":"a\\u0000","x":0.5}'
    assert parsed["extra"] == {"a": ["1.5"], "b": 1}
    assert parsed["tool_name"] == "naïve \ufffd"
    assert list(parsed) == sorted(parsed)


def test_it_links_by_hashing_the_previous_hash_before_the_body() -> None:
    assert chain.link(chain.GENESIS, b"{}") == sha256(b"0" * 64 + b"{}").hexdigest()


@pytest.mark.parametrize("change", [{"causal_depth": 1.0}, {"response_code": 200.0}, {"extra": {"a": 0.1}}])
def test_it_refuses_an_entry_with_a_float(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"integer|float"):
        body_of(make_entry(**change))
