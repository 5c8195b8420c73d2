"""The compiler's child process: what it refuses, what it survives."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from apps.decision.errors import BadInput
from apps.decision.rego import Compiler, Limits, RegoError, compile_modules, load
from apps.decision.rego.tests.builders import judge

# Legal Rego that ends the compiler's process (an assertion in rego-cpp 1.5.2).
CRASHES = """package a

import rego.v1

p contains x if {some x in input.xs
 every v in x { v > 2 } }
q if count(p) > 1 with input as 5
"""


def problems(compiler: Compiler, *sources: str) -> list[tuple[str, int, int, str]]:
    with pytest.raises(RegoError) as caught:
        compiler.compile({f"file{number}.rego": source for number, source in enumerate(sources)}, ["data.a.p"])
    return [(found.file, found.line, found.column, found.code) for found in caught.value.problems]


def test_it_compiles_in_a_child_of_its_own() -> None:
    plan = compile_modules({"a.rego": "package a\n\np := 1 + input.x\n"}, ["a/p"])
    assert load(plan).evaluate("a/p", {"x": 2}) == 3


def test_it_says_where_the_syntax_is_wrong(compiler: Compiler) -> None:
    found = problems(compiler, "package b\n", "package a\n\np := [1,\n")
    assert ("file1.rego", 3, 6, "rego_parse_error") in found


def test_it_counts_columns_in_characters(compiler: Compiler) -> None:
    assert problems(compiler, 'package a\n\np := "é€" + [\n')[0][:3] == ("file0.rego", 3, 13)


@pytest.mark.parametrize(
    ("source", "line", "column", "code"),
    [
        ('package a\n\np := http.send({"url": "x"})\n', 3, 6, "rego_unknown_builtin"),
        ("package a\n\np := opa.runtime()\n", 3, 6, "rego_unknown_builtin"),
        ("package a\n\np if {\n\ttrue\n\t1 < rand.intn(`x`, 3)\n}\n", 5, 6, "rego_unknown_builtin"),
        ("package a\n\np := no.such(1)\n", 3, 6, "rego_type_error"),
        ("package a\n\np := count(1, 2, 3)\n", 3, 6, "rego_type_error"),
        ("package a\n\nf(x) := x\n\np := f(1, 2)\n", 5, 6, "rego_type_error"),
        ("package a\n\np := x\n", 3, 1, "rego_unsafe_var_error"),
        ("package a\n\np if q\n\nq if p\n", 5, 6, "rego_recursion_error"),
    ],
)
def test_it_refuses_what_opa_refuses(compiler: Compiler, source: str, line: int, column: int, code: str) -> None:
    assert problems(compiler, source) == [("file0.rego", line, column, code)]


def test_it_names_the_unknown_builtin(compiler: Compiler) -> None:
    with pytest.raises(RegoError, match=r"a\.rego:2:6: built-in function net\.lookup_ip_addr is not available here"):
        compiler.compile({"a.rego": "package a\np := net.lookup_ip_addr(`example.org`)\n"}, ["a/p"])


def test_it_refuses_a_policy_that_crashes_the_compiler_and_goes_on(compiler: Compiler) -> None:
    with pytest.raises(RegoError, match="crashed") as caught:
        compiler.compile({"a.rego": CRASHES}, ["a/q"])
    assert isinstance(caught.value, BadInput)
    assert judge(compiler, "p := 1") == 1


@pytest.mark.parametrize(
    "source", ["some v in data.x.y with input as {`a`: 1}", "some k, v in data.x.y with input as {}"]
)
def test_it_never_dies_of_a_declaration_with_a_changed_input(compiler: Compiler, source: str) -> None:
    try:
        compiler.compile({"a.rego": f"package a\n\np if {source}\n"}, ["a/p"])
    except RegoError as error:
        assert error.problems
    assert judge(compiler, "p := 1") == 1


def test_it_stops_a_compilation_that_takes_too_long() -> None:
    rules = "".join(f"p{number} := [x | some x in input.xs; x > {number}]\n" for number in range(3000))
    with Compiler(Limits(wall_seconds=0.3)) as impatient:
        with pytest.raises(RegoError, match="longer than"):
            impatient.compile({"a.rego": f"package a\n{rules}"}, ["a/p1"])
        assert judge(impatient, "p := 1") == 1


def test_it_stops_a_compilation_that_takes_too_much_memory() -> None:
    rules = "".join(f"p{number} := [x | some x in input.xs; x > {number}]\n" for number in range(3000))
    with Compiler(Limits(memory_bytes=60 << 20)) as small, pytest.raises(RegoError, match="memory"):
        small.compile({"a.rego": f"package a\n{rules}"}, ["a/p1"])


@pytest.mark.parametrize(
    "limits", [Limits(source_bytes=10), Limits(modules=0), Limits(plan_bytes=100)], ids=["source", "modules", "plan"]
)
def test_it_refuses_what_is_too_large(limits: Limits) -> None:
    with Compiler(limits) as small, pytest.raises(RegoError):
        small.compile({"a.rego": "package a\n\np := 1\n"}, ["a/p"])


@pytest.mark.parametrize("source", ["package a\n\np := `\0`\n", "package a\n\np := `\udc80`\n", "", "\ufeff"])
def test_it_refuses_text_that_is_no_module(compiler: Compiler, source: str) -> None:
    with pytest.raises(RegoError):
        compiler.compile({"a.rego": source}, ["a/p"])


def test_it_refuses_what_is_nested_too_deeply(compiler: Compiler) -> None:
    loops = "; ".join(f"some x{number} in input" for number in range(30))
    with pytest.raises(RegoError, match="nested too deeply"):
        compiler.compile({"a.rego": f"package a\n\np if {{ {loops} }}\n"}, ["a/p"])


def test_it_keeps_module_names_out_of_the_file_system(compiler: Compiler) -> None:
    names = {"../../outside.rego": "package a\n\np := 1\n", "/etc/nowhere/b.rego": "package b\n\nq := http.send({})\n"}
    with pytest.raises(RegoError) as caught:
        compiler.compile(names, ["a/p"])
    assert caught.value.problems[0].file == "/etc/nowhere/b.rego"


def test_it_hides_the_environment_from_its_child(compiler: Compiler) -> None:
    judge(compiler, "p := 1")
    child = compiler._child
    assert child is not None
    assert b"PATH" not in Path(f"/proc/{child.pid}/environ").read_bytes()
    assert "PATH" in os.environ


def test_it_may_be_called_from_many_threads() -> None:
    def answer(number: int) -> object:
        plan = compile_modules({"a.rego": f"package a\n\np := {number}\n"}, ["a/p"])
        return load(plan).evaluate("a/p")

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(answer, range(8))) == list(range(8))


def test_it_lets_threads_take_turns(compiler: Compiler) -> None:
    answers: dict[int, object] = {}

    def ask(number: int) -> None:
        answers[number] = judge(compiler, f"p := {number}")

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {number: number for number in range(12)}


@pytest.mark.parametrize(
    ("rule", "column"),
    [
        ("p { true }", 3),
        ("p[x] { x := 1 }", 6),
        ("p = 1 { true }", 7),
        ("f(x) = y { y := x }", 10),
        ("p if false else = 1 { true }", 21),
    ],
)
def test_it_refuses_bodies_without_if(compiler: Compiler, rule: str, column: int) -> None:
    assert problems(compiler, f"package a\n\n{rule}\n") == [("file0.rego", 3, column, "rego_parse_error")]


@pytest.mark.parametrize(
    "rule",
    [
        "p := {1} | {2}",
        "p contains {`a`: 1} if true",
        "p if {\n\tevery x in [1] { x == 1 }\n}",
        "p if {\n\ttrue\n} else := {1} if {\n\ttrue\n}",
        "default p := {}",
        "p := x if {\n\tx := `{` # p {\n}",
        'p := [x | x := {"a": {"b": 1}}[_]]',
        "p if 1 in {1}",
    ],
)
def test_it_takes_braces_that_are_no_bodies(compiler: Compiler, rule: str) -> None:
    judge(compiler, rule)
