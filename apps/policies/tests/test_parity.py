"""The generated Python and rego-cpp agree about every base rule. OPA joins in `test_opa.py` where it is installed."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import regopy
from regopy import rego_shared

from apps.decision.rego import Program, compile_modules, load
from apps.policies import base
from apps.policies.tests.inputs import documents

RULES = (
    "agent_state",
    "blast_radius",
    "database",
    "domain_trust",
    "filesystem",
    "github",
    "permission_match",
    "requester",
    "risk_tier",
    "slack",
    "web",
)
KIND = {"database", "filesystem", "github", "slack", "web"}
PATHS = [f"behavry/rules/{rule}/verdicts" for rule in RULES]

Oracle = Callable[[str, Any], Any]


@pytest.fixture(scope="module")
def program() -> Program:
    return load(compile_modules(base.modules(), [base.ENTRYPOINT, *PATHS]))


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    """rego-cpp's own evaluator. Its results are read as text: its Python reader stumbles over some of them."""
    interpreter = regopy.Interpreter()
    for name, source in base.modules().items():
        interpreter.add_module(name, source)
    bundle = interpreter.build(None, ["behavry/authz/decision", *PATHS])

    def ask(path: str, document: Any) -> Any:
        interpreter.set_input_term(json.dumps(document, ensure_ascii=False))
        output = rego_shared.rego_bundle_query_entrypoint(interpreter._impl, bundle._impl, path)
        text = rego_shared.rego_output_string(output)
        return json.loads(text if isinstance(text, str) else text.decode())["expressions"][0]

    return ask


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
def test_it_agrees_with_rego_cpp_about_every_rule(rule: str, program: Program, oracle: Oracle) -> None:
    path = f"behavry/rules/{rule}/verdicts"
    fired = 0
    for document in documents(400, seed=len(rule), kind=rule if rule in KIND else ""):
        ours, theirs = program.evaluate(path, document), oracle(path, document)
        assert ours == theirs, document
        fired += bool(ours)
    assert fired > 10


@pytest.mark.slow
def test_it_agrees_with_rego_cpp_about_decisions(program: Program, oracle: Oracle) -> None:
    seen: set[str] = set()
    for document in documents(800, seed=1):
        ours, theirs = program.evaluate(base.ENTRYPOINT, document), oracle("behavry/authz/decision", document)
        assert ours == theirs, document
        seen.add(theirs["result"])
    assert seen == {"allow", "deny", "escalate"}
