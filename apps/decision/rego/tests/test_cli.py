"""`python -m apps.decision.rego` as its users call it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from apps.decision.rego.__main__ import answers, main

_ROOT = Path(__file__).resolve().parents[4]


def ask(*lines: Any) -> list[Any]:
    given = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    return [json.loads(line) for line in answers(given)]


def line(source: str, query: str = "data.a.p", **more: Any) -> dict[str, Any]:
    return {"modules": {"a.rego": f"package a\n\n{source}\n"}, "query": query, **more}


def test_it_answers_line_by_line_in_a_process_of_its_own() -> None:
    lines = [line("p := input.x + data.y", input={"x": 1}, data={"y": 2}), "no object", line("p if input.x")]
    done = subprocess.run(
        [sys.executable, "-m", "apps.decision.rego", "eval"],
        input="\n".join(map(json.dumps, lines)) + "\n{broken\n\n",
        capture_output=True,
        text=True,
        cwd=_ROOT,
        timeout=60,
        check=True,
    )
    found = [json.loads(text) for text in done.stdout.splitlines()]
    assert found[0] == {"result": 3}
    assert found[1]["error"]["code"] == "bad_line"
    assert found[2] == {}
    assert found[3]["error"]["code"] == "bad_line"
    assert len(found) == 4


@pytest.mark.parametrize(
    ("document", "answer"),
    [
        (line("p contains x if some x in [2, 1]"), {"result": [1, 2]}),
        (line("p := false"), {"result": False}),
        (line("p := null"), {"result": None}),
        (line("p := input", input=None), {"result": None}),
        (line("p := input"), {}),
        (line("p := {1: 2}", query='data.a["p"]'), {"result": {"1": 2}}),
        (line("p := [1, 2]", query="data.a.p[1]"), {"result": 2}),
        (line("p := 1", query="data.a"), {"result": {"p": 1}}),
        (line("p := 1", query="data"), {"result": {"a": {"p": 1}}}),
        (line("p := [1, 2]", query="data.a.p[i] = x"), {"result": [{"i": 0, "x": 1}, {"i": 1, "x": 2}]}),
        (line("p := 1", query="data.a.p + 1"), {"result": 2}),
        ({"modules": ["package a\n\np := 1\n", "package b\n\nq := data.a.p\n"], "query": "data.b.q"}, {"result": 1}),
        ({"modules": {}, "data": {"x": {"y": 5}}, "query": "data.x.y"}, {"result": 5}),
        ({"modules": {"a": "package a\n\np := 1\n"}, "entrypoint": "a/p"}, {"result": 1}),
        (line("p := time.now_ns()", now_ns=7), {"result": 7}),
        (line("p := count(input)", input_term="{1, 1.0, `a`}"), {"result": 2}),
        (line("p := to_number(`x`)", strict=False), {}),
    ],
)
def test_it_answers(document: dict[str, Any], answer: Any) -> None:
    assert ask(document) == [answer]


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (b"\xff\xfe", "bad_line"),
        (b"[]", "bad_line"),
        (b'{"modules": {}, "query": "data", "input": NaN}', "bad_line"),
        (b"[" * 100_000, "bad_line"),
        ({"modules": {"a": 1}, "query": "data.a"}, "bad_line"),
        ({"modules": "package a", "query": "data.a"}, "bad_line"),
        ({"modules": {}}, "bad_line"),
        ({"modules": {}, "query": ""}, "bad_line"),
        ({"modules": {}, "query": "data.a; } {"}, "bad_policy"),
        (line("p := http.send({})"), "bad_policy"),
        (line("p := ["), "bad_policy"),
        (line("p := 1 if true\np := 2 if true"), "policy_conflict"),
        (line("p := to_number(`x`)"), "policy_builtin_error"),
        (line("p := to_number(`x`)", strict_error=True), "policy_builtin_error"),
        (line("p := sum([1 | some x in numbers.range(1, 400000); some y in [1, 2, 3]])"), "policy_error"),
    ],
)
def test_it_reports_an_error_and_goes_on(document: Any, code: str) -> None:
    found = ask(document, line("p := 1"))
    assert found[0]["error"]["code"] == code
    assert found[1] == {"result": 1}


def test_it_checks_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = tmp_path / "good.rego", tmp_path / "bad.rego"
    good.write_text("package a\n\np := 1\n")
    bad.write_text("package b\n\nq := http.send({})\n")
    assert main(["check", str(good)]) == 0
    assert main(["check", str(good), str(bad)]) == 1
    assert capsys.readouterr().out == f"{bad}:3:6: built-in function http.send is not available here\n"
