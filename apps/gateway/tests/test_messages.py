"""Strict JSON-RPC: whatever is accepted is written anew and means the same."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.gateway import messages
from apps.gateway.messages import MAX_DEPTH, Message, ProtocolError, body_of, dumps, parse

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)


@given(method=TEXTS.filter(bool), params=st.dictionaries(TEXTS, VALUES, max_size=4), id=st.integers() | TEXTS)
def test_a_request_is_forwarded_as_it_was_read(method: str, params: dict[str, Any], id: Any) -> None:
    if isinstance(id, int) and not -(2**63) <= id < 2**64:
        return
    try:
        body = dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params, "other": 1})
        message = parse(body)
    except (ProtocolError, TypeError):
        return
    assert isinstance(message, Message)
    assert orjson.loads(dumps(body_of(message))) == {"jsonrpc": "2.0", "id": id, "method": method, "params": params}


@given(st.binary(max_size=60) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_give_a_message_or_a_clean_refusal(body: bytes) -> None:
    try:
        parse(body)
    except ProtocolError as error:
        assert error.code in (messages.PARSE_ERROR, messages.INVALID_REQUEST, messages.INVALID_PARAMS)


@pytest.mark.parametrize(("depth", "fine"), [(MAX_DEPTH, True), (MAX_DEPTH + 1, False), (5000, False)])
def test_depth_is_bounded(depth: int, fine: bool) -> None:
    body = b"[" * depth + b"]" * depth
    if fine:
        assert messages.loads(body) is not None
    else:
        with pytest.raises(ProtocolError):
            messages.loads(body)


def test_many_brackets_side_by_side_are_not_depth() -> None:
    assert len(messages.loads(b"[" + b",".join([b"{}"] * 500) + b"]")) == 500


def test_a_name_has_a_length() -> None:
    with pytest.raises(ProtocolError, match="longer"):
        parse(dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "a" * 3000}}))


@pytest.mark.parametrize(
    "wanted",
    [
        {"resourceSubscriptions": {"file:///srv/a": {}}},
        {"resourceSubscriptions": "file:///srv/a"},
        {"resourceSubscriptions": [{"uri": "file:///srv/a"}]},
        {"resourceSubscriptions": ["file:///srv/a"] * 101},
        {"resourceSubscriptions": ["a" * 3000]},
        ["file:///srv/a"],
    ],
)
def test_a_subscription_names_a_handful_of_resources_in_a_list(wanted: Any) -> None:
    body: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen"}
    with pytest.raises(ProtocolError):
        parse(dumps({**body, "params": {"notifications": wanted}}))
    for fine in (
        {},
        {"notifications": {"toolsListChanged": True}},
        {"notifications": {"resourceSubscriptions": ["a"]}},
    ):
        assert parse(dumps({**body, "params": fine}))
