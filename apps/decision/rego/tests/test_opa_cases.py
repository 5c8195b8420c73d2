"""OPA's own evaluation cases through the generated code. The data is not part of this project: skipped where absent.

Not applicable, and why:
- cases whose built-ins are left out of the table (see `builtins/table.py`), or exist in OPA's test runner only;
- the cases named below, each with its reason.
"""

import gzip
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from apps.decision.rego import UNDEFINED, Compiler, EvaluationError, RegoError, load

_PLACES = (
    os.environ.get("BEHAVRY_OPA_CASES", ""),
    str(Path(__file__).resolve().parents[5] / "shared" / "data" / "opa_cases_dev.jsonl.gz"),
)
_PATH = next((Path(place) for place in _PLACES if place and Path(place).is_file()), None)
_NOW = 1_700_000_000_000_000_000

_EXCEPTIONS: Mapping[str, str] = {
    "data/toplevel integer": "the plan of `data[2]` reads all of data, so that the rule would depend on itself",
    "refheads/general, multiple result-set entries": "order of the answers to a query with several",
    "strings/sprintf: float too big": "numbers beyond a double's range are refused",
    "time/time caching": "test.sleep exists in OPA's test runner only",
}


def _cases() -> list[dict[str, Any]]:
    if _PATH is None:
        return []
    with gzip.open(_PATH, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _unordered(value: Any) -> Any:
    if isinstance(value, list):
        return sorted(map(_unordered, value), key=lambda item: json.dumps(item, sort_keys=True))
    return {key: _unordered(item) for key, item in value.items()} if isinstance(value, dict) else value


def _answer(compiler: Compiler, case: dict[str, Any]) -> Any:
    """The rows of bindings, "error", or None where the case does not apply."""
    modules = {f"m{number}": source for number, source in enumerate(case["modules"])}
    try:
        plan = compiler.compile(modules, query=case["query"])
    except RegoError as error:
        return None if all(problem.code == "rego_unknown_builtin" for problem in error.problems) else "error"
    input = case.get("input", UNDEFINED)
    if "input_term" in case:
        input = load(compiler.compile({}, query=f"x = {case['input_term']}")).binding("x")
    try:
        rows = load(plan, case.get("data")).rows(input, now_ns=_NOW, strict=case.get("strict_error", False))
    except EvaluationError:
        return "error"
    return [row["bindings"] for row in rows]


@pytest.mark.skipif(_PATH is None, reason="OPA's cases are not here: set BEHAVRY_OPA_CASES to opa_cases_dev.jsonl.gz")
@pytest.mark.timeout(300)
def test_it_answers_as_opa_says(compiler: Compiler) -> None:
    wrong: list[str] = []
    applied = 0
    for case in _cases():
        if case["note"] in _EXCEPTIONS:
            continue
        wanted = "error" if "want_error" in case or "want_error_code" in case else case["want_result"]
        found = _answer(compiler, case)
        # A refused policy is an error, also where OPA would have failed later.
        if found is None:
            continue
        applied += 1
        if case.get("sort_bindings"):
            wanted, found = _unordered(wanted), _unordered(found)
        if found != wanted:
            wrong.append(f"{case['note']}: {json.dumps(found)[:200]} instead of {json.dumps(wanted)[:200]}")
    assert wrong == []
    assert applied > 800
