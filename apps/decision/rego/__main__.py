"""Command line: judge or check Rego policies without a database. `python -m apps.decision.rego --help`."""

import argparse
import json
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any

from apps.decision.errors import AppError
from apps.decision.rego import UNDEFINED, Compiler, EvaluationError, Problem, RegoError, load
from apps.decision.rego.plan import read_number

_DESCRIPTION = """\
eval   reads JSON lines {"modules": {name: source}, "data": …, "input": …, "query": "data.x.y"} from standard input and
       writes one JSON line each: {"result": value}, {} where the query is undefined, or {"error": {code, message,
       problems}}. `data` and `input` may be left out. A query that binds variables ("data.a.p = x; y = 1") has as its
       result a list of objects, one per answer; a query that only computes has the value. Also understood:
         now_ns      the present, in nanoseconds; the clock if left out
         strict      true: a built-in that fails is always an error; false: it is only undefined, as in OPA; left out:
                     it is undefined, and an error where that leaves the whole query undefined
         entrypoint  "x/y", instead of a query
         input_term  the input as a Rego term, for what JSON cannot say
check  compiles the modules in the given files and lists their problems as file:line:column: message.
"""
# data.a["b c"][0]
_REF = re.compile(
    r"\s*[A-Za-z_]\w*"
    r'(\.[A-Za-z_]\w*|\[(?:"(?:[^"\\]|\\.)*"|\d+)\])*\s*'
)


# OPA's own cases call it strict_error.
_STRICT = ("strict", "strict_builtin_errors", "strict_error")


class _BadLineError(AppError):
    code = "bad_line"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m apps.decision.rego",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="eval | check")
    commands.add_parser("eval", help="judge the policies that come as JSON lines")
    check = commands.add_parser("check", help="list what is wrong with policy files")
    check.add_argument("files", nargs="+", type=argparse.FileType("r", encoding="utf-8"))
    chosen = parser.parse_args(arguments)
    if chosen.command == "check":
        return _check(chosen.files, sys.stdout)
    for line in answers(sys.stdin.buffer):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    return 0


def answers(lines: Iterable[bytes]) -> Iterator[str]:
    """One line of JSON for every line that is not blank."""
    with Compiler() as compiler:
        for line in lines:
            if line.strip():
                yield json.dumps(_answer(compiler, line), ensure_ascii=True)


def _answer(compiler: Compiler, line: bytes) -> Mapping[str, Any]:
    try:
        return _evaluate(compiler, _parse(line))
    except RegoError as error:
        problems = [_shown(problem) for problem in error.problems]
        return {"error": {"code": error.code, "message": error.detail, "problems": problems}}
    except AppError as error:
        return {"error": {"code": error.code, "message": error.detail}}
    except (RecursionError, MemoryError):
        return {"error": {"code": "too_large", "message": "nested too deeply, or too large"}}


def _parse(line: bytes) -> dict[str, Any]:
    try:
        document = json.loads(line, parse_constant=_refuse, parse_float=read_number)
    except (ValueError, RecursionError):
        raise _BadLineError("the line is not JSON") from None
    if not isinstance(document, dict):
        raise _BadLineError("the line is not a JSON object")
    return document


def _refuse(text: str) -> None:
    raise ValueError(text)


def _modules(document: Mapping[str, Any]) -> dict[str, str]:
    modules = document.get("modules") or {}
    if isinstance(modules, list):
        modules = {f"module{number}.rego": source for number, source in enumerate(modules)}
    if not isinstance(modules, dict) or not all(isinstance(source, str) for source in modules.values()):
        raise _BadLineError("modules must be an object of name and source")
    return modules


def _evaluate(compiler: Compiler, document: dict[str, Any]) -> Mapping[str, Any]:
    modules = _modules(document)
    query, now_ns = document.get("query"), document.get("now_ns", time.time_ns())
    if query is None and isinstance(document.get("entrypoint"), str):
        query = "data." + document["entrypoint"].replace("/", ".")
    if not isinstance(query, str) or not query.strip():
        raise _BadLineError("query must be a text such as data.x.y")
    if type(now_ns) is not int:
        raise _BadLineError("now_ns must be an integer")
    plain = _REF.fullmatch(query) is not None
    plan = compiler.compile(modules, (), query=f"result = {query}" if plain else query)
    program = load(plan, document.get("data"))
    given = _input(compiler, document)
    strict = next((document[name] for name in _STRICT if name in document), None)
    found = program.rows(given, now_ns=now_ns, strict=strict is True)
    if not found and strict is None:
        program.rows(given, now_ns=now_ns, strict=True)
    if not plain:
        bindings = [row.get("bindings", {}) for row in found]
        if len(found) == 1 and not bindings[0]:
            values = [expression["value"] for expression in found[0]["expressions"]]
            return {"result": values[0] if len(values) == 1 else values}
        return {"result": bindings} if found else {}
    values = [row["bindings"]["result"] for row in found]
    if len(values) > 1:
        raise EvaluationError("the query has more than one answer")
    return {"result": values[0]} if values else {}


def _input(compiler: Compiler, document: Mapping[str, Any]) -> Any:
    """The input document; `input_term` gives it as a Rego term, which can hold what JSON cannot."""
    term = document.get("input_term")
    if not isinstance(term, str):
        return document.get("input", UNDEFINED)
    return load(compiler.compile({}, (), query=f"input_term = {term}")).binding("input_term")


def _shown(problem: Problem) -> Mapping[str, Any]:
    names = ("file", "line", "column", "code", "message")
    return {name: getattr(problem, name) for name in names}


def _check(files: Iterable[IO[str]], output: IO[str]) -> int:
    modules = {}
    for file in files:
        with file:
            modules[file.name] = file.read()
    try:
        with Compiler() as compiler:
            compiler.compile(modules, (), query="true")
    except RegoError as error:
        output.writelines(f"{problem}\n" for problem in error.problems)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
