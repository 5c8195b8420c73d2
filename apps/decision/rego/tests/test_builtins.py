"""Built-ins by example, each called directly; undefined is written as None here, a failure as FAILS."""

import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.decision.rego.builtins.table import BUILTINS, DEEP, NEEDS_BUDGET
from apps.decision.rego.errors import BuiltinError, EvaluationError
from apps.decision.rego.support import Budget
from apps.decision.rego.values import canon, compare, dump_json, equal, make_set, ordered, thaw, to_json

FAILS = object()
# 2024-02-29 12:34:56.789 UTC
MOMENT = 1_709_210_096_789_000_000

EXAMPLES: list[tuple[str, list[Any], Any]] = [
    ("plus", [1, 2], 3),
    ("plus", [0.5, 0.5], 1),
    ("plus", [1, "2"], FAILS),
    ("plus", [1, True], FAILS),
    ("minus", [make_set([1, 2]), make_set([2.0])], [1]),
    ("div", [6, 3], 2),
    ("div", [1, 4], 0.25),
    ("div", [1, 0], FAILS),
    ("rem", [-7, 3], -1),
    ("rem", [1.5, 1], FAILS),
    ("round", [-2.5], -3),
    ("numbers.range", [3, 1], [3, 2, 1]),
    ("numbers.range_step", [0, 10, 4], [0, 4, 8]),
    ("numbers.range_step", [0, 10, 0], FAILS),
    ("bits.lsh", [1, 70], 1 << 70),
    ("bits.lsh", [1, -1], FAILS),
    ("count", ["åä😀"], 3),
    ("sum", [make_set([1, 2.5])], 3.5),
    ("max", [[1, "a", [0]]], [0]),
    ("max", [[]], FAILS),
    ("min", [make_set(["b", None])], None),
    ("sort", [[{"a": 1}, "b", 2, None, True]], [None, True, 2, "b", {"a": 1}]),
    ("array.slice", [[1, 2, 3], -5, 2], [1, 2]),
    ("array.slice", [[1, 2, 3], 2, 1], []),
    ("object.get", [{"a": {"b": 1}}, ["a", "b"], 0], 1),
    ("object.get", [{"a": {"b": 1}}, ["a", "c"], 0], 0),
    ("object.union", [{"a": {"b": 1}}, {"a": {"c": 2}}], {"a": {"b": 1, "c": 2}}),
    ("object.subset", [{"a": {"b": [1, 2, 3]}}, {"a": {"b": [2, 3]}}], True),
    ("object.subset", [[1, 2, 3], make_set([3, 1])], True),
    ("json.filter", [{"a": [{"b": 1, "c": 2}]}, ["a/0/c"]], {"a": [{"c": 2}]}),
    ("json.remove", [{"a": [1, 2, 3]}, ["a/0", "a/2"]], {"a": [2]}),
    ("json.patch", [{"a": [1]}, [{"op": "add", "path": "/a/-", "value": 2}]], {"a": [1, 2]}),
    ("json.patch", [{"a": 1}, [{"op": "test", "path": "/a", "value": True}]], FAILS),
    ("walk", [{"a": [1]}], [[[], {"a": [1]}], [["a"], [1]], [["a", 0], 1]]),
    ("graph.reachable", [{"a": ["b"], "b": ["a"], "c": []}, ["a"]], ["a", "b"]),
    ("concat", [",", make_set(["b", "a"])], "a,b"),
    ("indexof", ["aéb", "b"], 2),
    ("indexof", ["a", ""], FAILS),
    ("split", ["aéb", ""], ["a", "é", "b"]),
    ("substring", ["héllo", 1, 3], "éll"),
    ("substring", ["x", -1, 1], FAILS),
    ("trim_space", ["\u3000 a\t"], "a"),
    ("strings.replace_n", [{"<": "&lt;", ">": "&gt;"}, "<a>"], "&lt;a&gt;"),
    ("format_int", [-255, 16], "-ff"),
    (
        "sprintf",
        ["%d %5.2f %v %s %x %05d|%-3s|%%", [1, 2.345, [1, "a"], "s", 255, 42, "x"]],
        '1  2.35 [1, "a"] s ff 00042|x  |%',
    ),
    ("sprintf", ["%d", ["x"]], "%!d(string=x)"),
    ("sprintf", ["%s", []], "%!s(MISSING)"),
    ("regex.match", ["^a+$", "aaa"], True),
    ("regex.match", ["[", "a"], FAILS),
    ("regex.match", [r"(?=a)", "a"], FAILS),
    ("regex.replace", ["foobar", "(?P<x>o+)", "<${x}>"], "f<oo>bar"),
    ("regex.replace", ["éaaü", "a*", "-"], "-é-ü-"),
    ("regex.replace", ["a$b", "[$]", "$$"], "a$b"),
    ("regex.replace", ["a//b", "/+", "/"], "a/b"),
    ("regex.split", ["a*", "baac"], ["b", "c"]),
    ("regex.split", ["ü", "éüè"], ["é", "è"]),
    ("regex.find_all_string_submatch_n", ["(é)|(ü)", "éü", -1], [["é", "é", ""], ["ü", "", "ü"]]),
    ("regex.find_n", ["a.", "abacad", 2], ["ab", "ac"]),
    ("regex.globs_match", ["a.*z", "[a-c]+z"], True),
    ("regex.globs_match", ["a+", "b+"], False),
    ("regex.template_match", ["urn:{[a-z]+}:x", "urn:abc:x", "{", "}"], True),
    ("glob.match", ["*.example.org", [], "a.example.org"], True),
    ("glob.match", ["*.example.org", [], "a.b.example.org"], False),
    ("glob.match", ["**.example.org", [], "a.b.example.org"], True),
    ("glob.match", ["*", None, "a.b/c"], True),
    ("glob.match", ["{a,b?}[!x-z]", [], "bcd"], True),
    ("glob.match", ["a.b", [], "axb"], False),
    ("to_number", ["1e2"], 100),
    ("to_number", ["0x1"], FAILS),
    ("base64.decode", ["aGk="], "hi"),
    ("base64.decode", ["aGk"], FAILS),
    ("base64url.decode", ["_-8"], "\ufffd\ufffd"),
    ("hex.decode", ["6869"], "hi"),
    ("urlquery.encode_object", [{"a": ["1 2", "3"], "b": "&"}], "a=1+2&a=3&b=%26"),
    ("urlquery.decode_object", ["a=1%202&a=3&b="], {"a": ["1 2", "3"], "b": [""]}),
    ("json.marshal", [{"b": make_set([2, 1]), "a": 1.0, "<": None}], '{"\\u003c":null,"a":1,"b":[1,2]}'),
    ("json.unmarshal", ['{"a": [1, NaN]}'], FAILS),
    ("json.unmarshal", ["[1e999]"], FAILS),
    ("crypto.sha256", [""], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("crypto.hmac.equal", ["a", "a"], True),
    ("net.cidr_contains", ["10.0.0.0/8", "10.1.2.3"], True),
    ("net.cidr_contains", ["10.0.0.0/8", "10.0.0.0/7"], False),
    ("net.cidr_contains", ["2001:db8::/32", "2001:db8::1"], True),
    ("net.cidr_contains", ["10.0.0.0/8", "::1"], False),
    ("net.cidr_contains", ["10.0.0.0", "10.0.0.0"], FAILS),
    ("net.cidr_expand", ["10.0.0.0/31"], ["10.0.0.0", "10.0.0.1"]),
    ("time.now_ns", [], MOMENT),
    ("time.date", [MOMENT], [2024, 2, 29]),
    ("time.clock", [[MOMENT, "Asia/Kolkata"]], [18, 4, 56]),
    ("time.clock", [[MOMENT, "Local"]], FAILS),
    ("time.clock", [[MOMENT, "../../etc/passwd"]], FAILS),
    ("time.weekday", [MOMENT], "Thursday"),
    ("time.add_date", [MOMENT, 1, 0, 0], MOMENT + 366 * 86_400 * 10**9),
    ("time.diff", [MOMENT, MOMENT - 3_600 * 10**9], [0, 0, 0, 1, 0, 0]),
    ("time.parse_rfc3339_ns", ["2024-02-29T13:34:56.789+01:00"], MOMENT),
    ("time.parse_ns", ["2006-01-02", "2024-02-30"], FAILS),
    ("time.parse_duration_ns", ["-1h30m0.5s"], -5_400_500_000_000),
    ("time.format", [MOMENT], "2024-02-29T12:34:56.789Z"),
    ("time.format", [[MOMENT, "America/New_York", "Mon Jan _2 03:04PM -0700"]], "Thu Feb 29 07:34AM -0500"),
    ("units.parse", ["1.5Ki"], 1536),
    ("units.parse", ["100m"], 0.1),
    ("units.parse_bytes", ["10 MB"], FAILS),
    ("units.parse_bytes", ["10MiB"], 10 << 20),
    ("semver.compare", ["1.0.0-rc.2", "1.0.0-rc.10"], -1),
    ("semver.compare", ["1.0", "1.0.0"], FAILS),
    ("uuid.parse", ["not a uuid"], FAILS),
    ("internal.member_3", [1.0, "b", ["a", "b"]], True),
    ("object.keys", [{"a": 1, canon([1]): 2}], ["a", [1]]),
    ("type_name", [make_set([])], "set"),
]


def call(name: str, args: list[Any]) -> Any:
    given = [Budget(10_000, 60, MOMENT, False), *args] if name in NEEDS_BUDGET else args
    return BUILTINS[name](*given)


@pytest.mark.parametrize(
    ("name", "args", "answer"), EXAMPLES, ids=[f"{name}-{at}" for at, (name, *_) in enumerate(EXAMPLES)]
)
def test_it_does_as_its_example(name: str, args: list[Any], answer: Any) -> None:
    before = repr(args)
    if answer is FAILS:
        with pytest.raises(BuiltinError):
            call(name, args)
    else:
        assert to_json(call(name, args)) == answer
    assert repr(args) == before


@pytest.mark.parametrize(
    "name", ["http.send", "opa.runtime", "net.lookup_ip_addr", "rand.intn", "uuid.rfc4122", "time.sleep"]
)
def test_it_leaves_out_what_reaches_outside(name: str) -> None:
    assert name not in BUILTINS


def test_it_marks_only_builtins_that_exist() -> None:
    assert (DEEP | NEEDS_BUDGET) - BUILTINS.keys() == set()


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.lists(inner, max_size=3).map(make_set)
    ),
    max_leaves=8,
)
arguments = st.lists(values, min_size=0, max_size=4)


@given(st.sampled_from(sorted(BUILTINS)), arguments)
def test_it_answers_or_fails_whatever_it_is_given(name: str, args: list[Any]) -> None:
    """Any value of any type: an answer that is a value, or one of the two errors it may raise."""
    try:
        answer = call(name, args)
    except (BuiltinError, EvaluationError):
        return
    except TypeError as error:
        # Only because of the number of arguments, which is checked when a policy is compiled.
        assert re.search(r"positional argument", str(error)), error
        return
    dump_json(answer)


@given(values, values)
def test_it_keeps_equality_order_and_keys_in_agreement(a: Any, b: Any) -> None:
    assert equal(a, b) == (compare(a, b) == 0) == (canon(a) == canon(b))
    assert compare(a, b) == -compare(b, a)
    assert equal(thaw(canon(a)), a)


@given(
    st.lists(values, max_size=5) | st.lists(st.dictionaries(st.text("aé😀", max_size=2), st.text("aé😀", max_size=2)))
)
def test_it_orders_values_totally(items: list[Any]) -> None:
    found = ordered(items)
    assert all(compare(first, second) <= 0 for first, second in pairwise(found))


@pytest.mark.parametrize(
    ("name", "args"), [("regex.replace", ["a" * 100_001, "a", "b"]), ("regex.split", ["é", "é" * 100_001])]
)
def test_an_expression_that_matches_without_end_is_given_up(name: str, args: list[Any]) -> None:
    with pytest.raises(EvaluationError, match="too often"):
        call(name, args)
