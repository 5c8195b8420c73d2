"""What a client may send as a limit or a cursor: anything else is a clear 400, never work or an error of ours."""

import base64
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from apps.decision.errors import BadInput
from apps.tenants.api import decode, encode, limit_of


def coded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "x", "é", coded('"\\u0000"'), coded('"\\ud800"'), coded("9" * 5000), coded("[" * 100_000), coded("[1]"),
        coded("1.5"), coded("true"), coded("null"), coded("{}"),
    ],
)  # fmt: skip
def test_it_refuses_cursors_that_it_never_made(cursor: str) -> None:
    with pytest.raises(BadInput):
        decode(cursor)


@given(st.one_of(st.integers(-(2**63), 2**63 - 1), st.text(st.characters(exclude_categories=["Cs"], min_codepoint=1))))
def test_it_reads_the_cursors_that_it_makes(value: str | int) -> None:
    assert decode(encode(value)) == value


@given(st.binary())
def test_it_reads_or_refuses_any_cursor(content: bytes) -> None:
    with suppress(BadInput):
        json.dumps(decode(base64.urlsafe_b64encode(content).decode()), ensure_ascii=False).encode()


@pytest.mark.parametrize("limit", ["0", "-1", "501", "1e3", "9" * 5000, "\uff19", "\u0663", "", "1 ", "1_0"])
def test_it_refuses_limits_that_are_none(limit: str) -> None:
    with pytest.raises(BadInput):
        limit_of(Request(APIRequestFactory().get("/", {"limit": limit})))
