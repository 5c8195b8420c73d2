"""What the tests of this room share: a compiler that is started once, and a judge for one-module policies."""

from collections.abc import Mapping
from typing import Any

from apps.decision.rego import UNDEFINED, Compiler, Program, load

PACKAGE = "package a\n"


def program(compiler: Compiler, body: str, *, data: Any = None, others: Mapping[str, str] | None = None) -> Program:
    """The rules of `body` in package a, with the entry point data.a.p."""
    return load(compiler.compile({"a.rego": PACKAGE + body, **(others or {})}, ["data.a.p"]), data)


def judge(compiler: Compiler, body: str, input: Any = UNDEFINED, *, data: Any = None, **options: Any) -> Any:
    return program(compiler, body, data=data).evaluate("data.a.p", input, **options)
