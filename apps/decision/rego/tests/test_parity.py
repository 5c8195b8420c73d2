"""Generated Python against rego-cpp, the oracle, on generated inputs: both must give the same answer."""

import json
from typing import Any

import regopy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.decision.rego import UNDEFINED, Compiler, load

# A small rulebook in the shape of the product's own: packages of verdicts, collected and combined.
MODULES = {
    "main.rego": """package book

verdicts contains v if {
	some name
	some v in data.book.rules[name].verdicts
}

default decision := {"result": "deny", "reason": "nothing matched"}

decision := first("deny") if {
	some v in verdicts
	v.result == "deny"
} else := first("escalate") if {
	some v in verdicts
	v.result == "escalate"
} else := first("allow") if {
	some v in verdicts
	v.result == "allow"
}

# Sorted, because rego-cpp leaves the members of a set in the order they were added.
first(result) := sort([v | some v in verdicts; v.result == result])[0]

everything := {"decision": decision, "verdicts": verdicts, "facts": data.book.facts}
""",
    "allow.rego": """package book.rules.allow

verdicts contains {"result": "allow", "reason": permission} if {
	some permission in input.agent.permissions
	permission in {sprintf("%s:%s", [input.request.kind, input.request.action]), "*:*"}
}
""",
    "limits.rego": """package book.rules.limits

verdicts contains {"result": "escalate", "reason": "many"} if input.request.count > 10

verdicts contains {"result": "deny", "reason": "critical"} if {
	input.agent.tier in {"high", "critical"}
	not "admin" in input.agent.roles
}

verdicts contains {"result": "deny", "reason": "etc"} if {
	startswith(input.request.resource, "/etc/")
}
""",
    "facts.rego": """package book.facts

roles := {role | some role in input.agent.roles}

sorted_roles := sort(input.agent.roles)

longest := max([count(role) | some role in input.agent.roles])

pairs[role] := count([1 | some other in input.agent.roles; other == role]) if some role in input.agent.roles

all_short if {
	every role in input.agent.roles {
		count(role) < 6
	}
}

swapped := v if {
	v := data.book.rules.limits.verdicts with input.request.count as 11
}

half := input.request.count / 2

same if input.request.count == input.request.limit

kind := type_name(input.request.resource)

joined := concat(",", input.agent.roles)

parts := split(input.request.resource, "/")
""",
}

texts = st.sampled_from(["dev", "admin", "ops", "auditor", "", "é"]) | st.text(
    st.characters(min_codepoint=32, max_codepoint=126, exclude_characters='"\\'), max_size=8
)
inputs = st.fixed_dictionaries(
    {},
    optional={
        "agent": st.fixed_dictionaries(
            {},
            optional={
                "roles": st.lists(texts, max_size=4),
                "permissions": st.lists(st.sampled_from(["fs:read", "fs:write", "db:read", "*:*"]), max_size=3)
                | st.none(),
                "tier": st.sampled_from(["low", "high", "critical", 3, None, True]),
            },
        ),
        "request": st.fixed_dictionaries(
            {},
            optional={
                "kind": st.sampled_from(["fs", "db"]),
                "action": st.sampled_from(["read", "write"]),
                "resource": st.sampled_from(["/etc/passwd", "/srv/x", "a//b", ""]) | texts | st.integers(0, 9),
                # Numbers only: rego-cpp orders values of different types by their text, OPA and this room by type.
                "count": st.integers(-20, 20) | st.sampled_from([1.5, 10.5, 11.0]),
                "limit": st.sampled_from([1, 1.0, 10, "10", True]),
            },
        ),
    },
)


class Oracle:
    """rego-cpp itself. JSON text goes in and comes out: its other ways confuse escapes."""

    def __init__(self) -> None:
        self._interpreter = regopy.Interpreter()
        for name, source in MODULES.items():
            self._interpreter.add_module(name, source)
        self._bundle = self._interpreter.build(None, ["book/everything"])

    def evaluate(self, document: Any) -> Any:
        self._interpreter.set_input_term(json.dumps(document, ensure_ascii=False))
        output = self._interpreter.query_bundle_entrypoint(self._bundle, "book/everything")
        return json.loads(str(output))["expressions"][0] if str(output) != "undefined" else UNDEFINED


def _plain(value: Any) -> Any:
    """Sets come in any order from rego-cpp."""
    if isinstance(value, list):
        return sorted((_plain(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    return {key: _plain(item) for key, item in value.items()} if isinstance(value, dict) else value


def test_it_answers_as_rego_cpp_does(compiler: Compiler) -> None:
    ours, oracle = load(compiler.compile(MODULES, ["data.book.everything"])), Oracle()

    @settings(max_examples=1000, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(inputs)
    def agree(document: Any) -> None:
        assert _plain(ours.evaluate("book/everything", document)) == _plain(oracle.evaluate(document))

    agree()
