"""Bodies that could be read but not written again are refused as bad JSON."""

from io import BytesIO

import pytest
from rest_framework.exceptions import ParseError

from apps.tenants.parsers import StrictJSONParser


def parse(body: bytes) -> object:
    return StrictJSONParser().parse(BytesIO(body), "application/json", {})


def test_it_reads_json_surrogate_pairs_included() -> None:
    assert parse(b'{"a": ["\\ud83d\\ude00", "\\\\ud800", 1]}') == {"a": ["\U0001f600", "\\ud800", 1]}


@pytest.mark.parametrize(
    "body", [b'"\\ud800"', b'{"\\uDFFF": 1}', b'["\\ude00\\ud83d"]', b"[" * 100_000, b"\xed\xa0\x80", b"", b"{"]
)
def test_it_refuses_what_cannot_be_written_again(body: bytes) -> None:
    with pytest.raises(ParseError):
        parse(body)
