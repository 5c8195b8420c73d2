"""Runs the Rego tests beside the base rules: `python -m apps.policies.rego_tests [folder]`. Needs no database.

Each `*_test.rego` is compiled with all modules that are no tests and its `test_*` rules must be true. A failing one is
named by file and rule, and the command ends with 1.
"""

import re
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from apps.decision.rego import EvaluationError, Limits, RegoError, Undefined, compile_modules, load
from apps.decision.types import JSON

FOLDER = Path(__file__).resolve().parents[2] / "policies"
_PACKAGE = re.compile(r"^package\s+([\w.]+)", re.MULTILINE)
_TEST = re.compile(r"^(test_\w+)\b", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One test rule. `problem` is empty where it passed."""

    file: str
    rule: str
    problem: str


def run(folder: Path = FOLDER) -> Iterator[Outcome]:
    sources = {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*.rego"))
        if "templates" not in path.parts
    }
    base = {name: text for name, text in sources.items() if not name.endswith("_test.rego")}
    tests = {name: text for name, text in sources.items() if name not in base}
    with ThreadPoolExecutor(2) as pool:
        for outcomes in pool.map(lambda item: list(_run_file(base, *item)), tests.items()):
            yield from outcomes


def rules_of(text: str) -> list[str]:
    """The names of the tests in a module."""
    return list(dict.fromkeys(_TEST.findall(text)))


def run_module(base: Mapping[str, str], name: str, text: str, limits: Limits, seconds: float) -> Iterator[Outcome]:
    """Run one module's tests, all together in that time. Raises RegoError when it does not compile with the base."""
    package = _PACKAGE.search(text)
    entrypoints = {rule: f"data.{package.group(1)}.{rule}" for rule in rules_of(text)} if package else {}
    if not entrypoints:
        yield Outcome(name, "", "has no package or no tests")
        return
    program = load(compile_modules({**base, name: text}, list(entrypoints.values()), limits=limits))
    end = time.monotonic() + seconds
    for rule, entrypoint in entrypoints.items():
        try:
            answer = program.evaluate(entrypoint, max_seconds=max(0.0, end - time.monotonic()))
            problem = "" if answer is True else f"is {_shown(answer)}, not true"
        except EvaluationError as error:
            problem = error.detail
        yield Outcome(name, rule, problem)


def _run_file(base: Mapping[str, str], name: str, text: str) -> Iterator[Outcome]:
    try:
        yield from run_module(base, name, text, Limits(), 60.0)
    except RegoError as error:
        yield Outcome(name, "", error.detail)


def _shown(answer: JSON | Undefined) -> str:
    return "undefined" if isinstance(answer, Undefined) else repr(answer)[:200]


def main(arguments: list[str]) -> int:
    outcomes = list(run(Path(arguments[0]) if arguments else FOLDER))
    failed = [outcome for outcome in outcomes if outcome.problem]
    for outcome in failed:
        sys.stdout.write(f"FAIL {outcome.file}: {outcome.rule} {outcome.problem}\n")
    sys.stdout.write(f"{len(outcomes) - len(failed)} Rego tests passed, {len(failed)} failed\n")
    return 1 if failed or not outcomes else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
