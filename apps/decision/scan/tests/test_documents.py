"""Replacements in JSON that is written in a string leave JSON."""

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.decision.scan.documents import Span, fitted, merged
from apps.decision.types import JSON


def put(text: str, *spans: tuple[int, int]) -> str:
    out, done = [], 0
    for span in fitted(text, merged([Span(start, end, "X") for start, end in spans])):
        assert done <= span.start < span.end <= len(text)
        out += [text[done : span.start], span.quote, span.put, span.quote]
        done = span.end
    return "".join(out) + text[done:]


@pytest.mark.parametrize(
    ("text", "span", "expected"),
    [
        ("no JSON", (1, 4), "nXSON"),
        ('{"a": "bcd"}', (8, 9), '{"a": "bXd"}'),
        ('{"a": "bcd"}', (0, 12), '{"X": "X"}'),
        ('{"a": 1234}', (7, 9), '{"a": "X"}'),
        ('{"a": 12, "b": [3]}', (6, 18), '{"a": "X", "X": ["X"]}'),
        (r'{"a": "b\nc"}', (9, 10), '{"a": "bXc"}'),
        (r'["\ud83d\ude00x"]', (4, 9), '["Xx"]'),
        ('{"a": ', (1, 4), "{X: "),
        ('{"a":1}\nfree {x}\n["bc"]', (3, 22), '{"a":"X"}\nX\n["X"]'),
        ('{"a": true}', (6, 10), '{"a": true}'),
        ("[]", (0, 2), "[]"),
    ],
)
def test_it_cuts_a_span_to_what_may_be_replaced(text: str, span: tuple[int, int], expected: str) -> None:
    assert put(text, span) == expected


def test_it_sees_documents_in_documents() -> None:
    inner = json.dumps({"c": 'say "hi"', "n": 4321})
    text = json.dumps({"a": json.dumps({"b": inner})})
    start, end = text.index("hi"), text.index("21")
    read = json.loads(json.loads(json.loads(put(text, (start, end)))["a"])["b"])
    assert read == {"c": 'say "X', "X": "X"}


_VALUES: st.SearchStrategy[JSON] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3) | inner.map(json.dumps)
    ),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(_VALUES, st.booleans(), st.lists(st.tuples(st.integers(0, 300), st.integers(1, 40)), max_size=4))
def test_json_stays_json_whatever_is_replaced(value: JSON, raw: bool, places: list[tuple[int, int]]) -> None:
    text = json.dumps([value], ensure_ascii=not raw)
    assume_valid = text.encode("utf-8", "replace").decode()
    if assume_valid != text:
        return
    spans = [(start, min(len(text), start + size)) for start, size in places if start < len(text)]
    assert isinstance(json.loads(put(text, *spans)), list)


@settings(max_examples=100, deadline=None)
@given(st.text(), st.lists(st.tuples(st.integers(0, 50), st.integers(1, 10)), max_size=4))
def test_text_that_is_no_json_is_replaced_as_it_is_told(text: str, places: list[tuple[int, int]]) -> None:
    text = "x" + text.replace("{", "").replace("[", "")
    spans = [(start, min(len(text), start + size)) for start, size in places if start < len(text)]
    told = merged([Span(start, end, "X") for start, end in spans])
    assert fitted(text, told) == told
    assert all(first.end <= second.start for first, second in pairwise(told))
