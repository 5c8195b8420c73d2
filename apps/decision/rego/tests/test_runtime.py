"""Evaluation: values, limits, threads, and that nothing a caller owns is changed."""

import copy
import threading
from typing import Any

import pytest

from apps.decision.rego import UNDEFINED, Compiler, EvaluationError, load
from apps.decision.rego.tests.builders import judge, program


@pytest.mark.parametrize(
    ("body", "input", "answer"),
    [
        ("p if 1 == 1.0", None, True),
        ('p if "11" > 10', None, True),
        ("p if true > 10", None, UNDEFINED),
        ("p if 1 == true", None, UNDEFINED),
        ("p if [1] == [true]", None, UNDEFINED),
        ("p := {1, 1.0, true, 2}", None, [True, 1, 2]),
        ("p := {1: `a`, true: `b`, null: `c`, [1]: `d`}", None, {"1": "a", "true": "b", "null": "c", "[1]": "d"}),
        ("p := 9007199254740993 * 3", None, 27021597764222979),
        ("p := input.x", {"x": None}, None),
        ("p := input.x", {}, UNDEFINED),
        ("p if not input.x", {"x": None}, UNDEFINED),
        ("p if not input.x", {"x": False}, True),
        ("p := [x | some x in input]", {"b": 1, "a": 2, "c": 0}, [2, 1, 0]),
        ("p := {x | some x in input}", [3, "a", None, True, [1], {"a": 1}, 1], [None, True, 1, 3, "a", [1], {"a": 1}]),
        ("p := count({x | some x in input})", [{"a": {"b": 1}}, {"a": {"b": 1.0}}, {"a": {"b": True}}], 2),
        ("p := input", 0, 0),
    ],
)
def test_it_knows_rego_values(compiler: Compiler, body: str, input: Any, answer: Any) -> None:
    found = judge(compiler, body, input)
    assert found == answer
    assert type(found) is type(answer)


# What rego-cpp itself confuses: escapes in raw strings, text behind NUL, new lines in results.
@pytest.mark.parametrize(
    "text", ["a\nb", "a\0b", 'say "x"', "back\\slash", "é€😀", "\u2028", "\\n", '"', '""', "{}", "\x7f"]
)
def test_it_takes_and_gives_any_text(compiler: Compiler, text: str) -> None:
    same = program(compiler, "p := input.s")
    assert same.evaluate("a/p", {"s": text}) == text


@pytest.mark.parametrize(
    ("literal", "text"),
    [
        (r'"a\nb"', "a\nb"),
        (r"`a\nb`", r"a\nb"),
        (r'"\"q\""', '"q"'),
        (r'`"q"`', '"q"'),
        (r'"\u0000"', "\0"),
        (r'"\\"', "\\"),
        (r'"\u00e9"', "é"),
        ('""', ""),
    ],
)
@pytest.mark.parametrize(
    "body", ["p if input == {}", "p if {{} | true}[input]", "p if sprintf({}, []) == input", "p if [{}][_] == input"]
)
def test_it_reads_every_way_a_plan_quotes_text(compiler: Compiler, literal: str, text: str, body: str) -> None:
    rule = program(compiler, body.replace("{}", literal, 1))
    assert rule.evaluate("a/p", text) is True
    assert rule.evaluate("a/p", text + "x") is UNDEFINED


@pytest.mark.parametrize(
    "body",
    [
        "p := 1 if true\np := 2 if true",
        "f(x) := 1\nf(x) := x\np := f(2)",
        'p["a"] := x if some x in [1, 2]',
        'p := {"a": x | some x in [1, 2]}',
        "p[q].r.s := i if q := [`a`][i]\np.a.r := 42",
    ],
)
def test_it_makes_a_conflict_an_error(compiler: Compiler, body: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        judge(compiler, body)
    assert caught.value.code == "policy_conflict"


def test_it_joins_base_and_virtual_documents(compiler: Compiler) -> None:
    data = {"a": {"b": 1, "deep": {"x": 1}}, "c": [1, 2]}
    body = "deep.y := 2\nq := data.c[1]\n"
    plan = compiler.compile({"a.rego": "package a\n\n" + body, "d.rego": "package d\n\nr := data.a\n"}, ["data.d.r"])
    assert load(plan, data).evaluate("d/r") == {"b": 1, "deep": {"x": 1, "y": 2}, "q": 2}


@pytest.mark.parametrize(
    ("name", "answer"), [("rule", 1), ("base", {"x": 2}), ("package", {"inner": 3, "more": 4}), ("none", UNDEFINED)]
)
def test_it_finds_rules_and_documents_by_a_name_known_only_now(compiler: Compiler, name: str, answer: Any) -> None:
    modules = {
        "a.rego": "package a\n\np := data.b[input]\n",
        "b.rego": "package b\n\nrule := 1\n",
        "c.rego": "package b[`package`]\n\ninner := 3\n",
    }
    plan = compiler.compile(modules, ["data.a.p"])
    data = {"b": {"base": {"x": 2}, "package": {"more": 4}}}
    assert load(plan, data).evaluate("a/p", name) == answer


def test_it_changes_documents_for_one_expression_by_with(compiler: Compiler) -> None:
    body = """
seen := [input.x, data.k]
p := [seen, changed, seen] if {
    changed := seen with input.x as 2 with data.k as 3
}
"""
    assert judge(compiler, body, {"x": 1}, data={"k": 0}) == [[1, 0], [2, 3], [1, 0]]


def test_it_changes_neither_input_nor_data(compiler: Compiler) -> None:
    body = """
p := [q, r, s, t]
q[x] := y if some x, y in input.o
r := v if {
    v := json.patch(input, [{"op": "add", "path": "o/new", "value": 1}]) with input.o.more as 1
}
s := object.union(input.o, {"b": {"c": 1}})
t := array.concat(data.l, [3])
"""
    input, data = {"o": {"a": {"b": 1}}}, {"l": [1, 2]}
    before = copy.deepcopy((input, data))
    answer = judge(compiler, body, input, data=data)
    answer[0]["a"]["b"] = 99
    assert (input, data) == before


@pytest.mark.parametrize(
    "body",
    [
        "p := sum([x | some x in input; some y in input; some z in input])",
        "f0(x) := x\n" + "".join(f"f{n}(x) := [f{n - 1}(x), f{n - 1}(x)]\n" for n in range(1, 40)) + "p := f39(1)",
        "p0 := input\n"
        + "".join(
            f"p{n} if {{\n\tp{n - 1} with input as {n}\n\tp{n - 1} with input as {n + 1}\n}}\n" for n in range(1, 40)
        )
        + "p := p39",
        "p0 := [1]\n" + "".join(f"p{n} := [p{n - 1}, p{n - 1}]\n" for n in range(1, 60)) + "p := p59",
        "p0 := [1]\n" + "".join(f"p{n} := [p{n - 1}, p{n - 1}]\n" for n in range(1, 60)) + "p := {p59}",
        "p0 := [1]\n" + "".join(f"p{n} := [p{n - 1}, p{n - 1}]\n" for n in range(1, 60)) + "p := json.marshal(p59)",
        "p0 := [1]\n"
        + "".join(f"p{n} := array.concat(p{n - 1}, p{n - 1})\n" for n in range(1, 60))
        + "p := count(p59)",
        "p0 := `abc`\n"
        + "".join(f"p{n} := concat(``, [p{n - 1}, p{n - 1}])\n" for n in range(1, 60))
        + "p := count(p59)",
        "p := count(numbers.range(1, 1000000000000))",
        "p := count(net.cidr_expand(`::/1`))",
    ],
    ids=["loops", "calls", "with", "result", "set", "marshal", "concat", "text", "range", "expand"],
)
def test_it_stops_an_evaluation_without_end(compiler: Compiler, body: str) -> None:
    with pytest.raises(EvaluationError, match="too"):
        judge(compiler, body, list(range(500)), max_seconds=30)


def test_it_stops_an_evaluation_that_takes_too_long(compiler: Compiler) -> None:
    loops = program(compiler, "p := sum([x | some x in input; some y in input])")
    with pytest.raises(EvaluationError, match="too long"):
        loops.evaluate("a/p", list(range(1000)), max_steps=10**9, max_seconds=0)


def test_it_leaves_small_policies_alone_under_a_small_limit(compiler: Compiler) -> None:
    rule = program(compiler, "p := sum([x | some x in input])")
    assert rule.evaluate("a/p", [1, 2, 3], max_steps=20) == 6
    with pytest.raises(EvaluationError, match="steps"):
        rule.evaluate("a/p", list(range(100)), max_steps=20)


def test_it_fails_without_a_crash_on_a_deep_document(compiler: Compiler) -> None:
    document: list[Any] = []
    for _ in range(900):
        document = [document]
    with pytest.raises(EvaluationError, match="nested"):
        judge(compiler, "p := {input}", document)


def test_it_matches_a_catastrophic_expression_in_linear_time(compiler: Compiler) -> None:
    # A backtracking matcher would need longer than the universe is old.
    assert judge(compiler, 'p := regex.match("^(a+)+$", input)', "a" * 100_000 + "!") is False


def test_it_takes_a_failing_builtin_for_undefined_unless_strict(compiler: Compiler) -> None:
    rule = program(compiler, "p := to_number(input)")
    assert rule.evaluate("a/p", "x") is UNDEFINED
    with pytest.raises(EvaluationError) as caught:
        rule.evaluate("a/p", "x", strict=True)
    assert caught.value.code == "policy_builtin_error"


def test_it_takes_the_present_as_an_argument(compiler: Compiler) -> None:
    rule = program(compiler, "p := time.clock(time.now_ns())")
    assert rule.evaluate("a/p", now_ns=3_723_000_000_000) == [1, 2, 3]
    assert rule.evaluate("a/p") == [0, 0, 0]


def test_it_refuses_an_unknown_entry_point(compiler: Compiler) -> None:
    with pytest.raises(EvaluationError, match="no entry point"):
        program(compiler, "p := 1").evaluate("a/q")


def test_it_is_shared_by_threads(compiler: Compiler) -> None:
    rule = program(compiler, "q contains x if some x in input.xs\np := [count(q), input.n, sum(q)]")
    wrong: list[Any] = []

    def ask(number: int) -> None:
        values = list(range(number + 1))
        for _ in range(300):
            answer = rule.evaluate("a/p", {"xs": values, "n": number})
            if answer != [number + 1, number, sum(values)]:
                wrong.append(answer)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
