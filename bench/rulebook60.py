"""A rulebook of 60 rules in 12 modules, of the kinds that tenants write, and calls to judge with it.

Used by the benchmark's `policy_us` and `regocpp_us`: the same modules, the same calls, in the same run.
"""

import json
import time
from collections.abc import Sequence
from statistics import median

import regopy

from apps.decision.rego import Program, compile_modules, load
from apps.decision.types import JSON

ENTRYPOINT = "data.behavry.authz.decision"
MODULES = 12
RULES_PER_MODULE = 5
KINDS = ("filesystem", "github", "database", "slack", "web", "generic")

_MAIN = """package behavry.authz

default decision := {"result": "deny", "reason": "No policy allows this call", "policy": "default", "verdicts": set()}

decision := _strongest(verdicts)

%s

_strongest(said) := _first(said, "deny") if {
	_contains(said, "deny")
} else := _first(said, "escalate") if {
	_contains(said, "escalate")
} else := _first(said, "allow") if {
	_contains(said, "allow")
}

_contains(said, result) if {
	some verdict in said
	verdict.result == result
}

_first(said, result) := object.union(first, {"verdicts": said}) if {
	first := min({verdict | some verdict in said; verdict.result == result})
}
"""

_RULES = (
    # a permission of the agent
    """verdicts contains {"result": "allow", "reason": "Permitted", "policy": "pack%(n)d.permission"} if {
	input.request.resource_kind == "%(kind)s"
	some permission in input.agent.permissions
	[resource, verb] := split(permission, ":")
	resource in {"*", "%(kind)s"}
	verb in {"*", input.request.action}
}
""",
    # a path
    """verdicts contains {"result": "deny", "reason": "Out of bounds", "policy": "pack%(n)d.path"} if {
	some prefix in ["/etc/%(n)d", "/root/%(n)d", "/proc/%(n)d"]
	startswith(input.request.resource, prefix)
}
""",
    # a role and a tier
    """verdicts contains {"result": "escalate", "reason": "Needs a person", "policy": "pack%(n)d.tier"} if {
	input.request.resource_kind == "%(kind)s"
	input.agent.risk_tier in {"high", "critical"}
	input.request.action in {"delete", "execute"}
	not "operator%(n)d" in input.agent.roles
}
""",
    # a pattern
    """verdicts contains {"result": "deny", "reason": "Forbidden tool", "policy": "pack%(n)d.tool"} if {
	input.request.resource_kind == "%(kind)s"
	regex.match(`(drop|truncate|purge)_(table|repo|channel)_%(n)d`, input.request.tool_name)
}
""",
    # a number
    """verdicts contains {"result": "escalate", "reason": "Many at once", "policy": "pack%(n)d.count"} if {
	input.request.resource_kind == "%(kind)s"
	input.request.resource_count > %(limit)d
	input.requester.id != "operator-%(n)d"
}
""",
)


def modules() -> dict[str, str]:
    """Twelve modules of five rules, and the one that collects them."""
    names = [f"pack{number}" for number in range(MODULES)]
    lines = [f"verdicts contains verdict if some verdict in data.behavry.rules.{name}.verdicts" for name in names]
    found = {"main.rego": _MAIN % "\n\n".join(lines)}
    for number, name in enumerate(names):
        words = {"n": number, "kind": KINDS[number % len(KINDS)], "limit": 50 + number}
        found[f"{name}.rego"] = f"package behavry.rules.{name}\n\n" + "\n".join(rule % words for rule in _RULES)
    return found


def calls() -> list[JSON]:
    """A dozen different calls: some allowed, some denied, some escalated."""
    actions = ("read", "write", "delete", "execute")
    return [
        {
            "agent": {
                "id": f"agent-{number}",
                "name": "Reporter",
                "status": "active",
                "roles": ["reporter", f"operator{number}"],
                "permissions": [f"{KINDS[number % 6]}:read", f"{KINDS[number % 6]}:write", "generic:*"],
                "risk_tier": ("low", "medium", "high", "critical")[number % 4],
            },
            "request": {
                "method": "tools/call",
                "tool_name": "read_file" if number % 5 else f"drop_table_{number}",
                "action": actions[number % 4],
                "resource": "/srv/data/report.csv" if number % 7 else f"/etc/{number}/passwd",
                "resource_kind": KINDS[number % 6],
                "resource_count": 1 if number % 3 else 80,
                "parameters": {"path": "/srv/data/report.csv", "limit": 10, "tags": ["a", "b"]},
                "mcp_server": "files",
            },
            "context": {"session_id": f"session-{number}"},
            "requester": {"id": "ada", "channel": "chat", "verified": False},
            "workflow_session": None,
            "delegation": None,
            "dlp": {"has_findings": False, "findings": []},
            "inbound": {"has_findings": False, "findings": []},
        }
        for number in range(12)
    ]


def program() -> Program:
    return load(compile_modules(modules(), [ENTRYPOINT]))


def policy_us(program: Program, inputs: Sequence[JSON], rounds: int = 200) -> float:
    """The median of one decision in this process, in microseconds."""
    times = []
    for _ in range(rounds):
        for one in inputs:
            begun = time.perf_counter_ns()
            program.evaluate(ENTRYPOINT, one)
            times.append(time.perf_counter_ns() - begun)
    return median(times) / 1000


def regocpp_us(inputs: Sequence[JSON], rounds: int = 5) -> float:
    """The same in rego-cpp, with its modules compiled once; its input is handed over as text, as it must be."""
    interpreter = regopy.Interpreter()
    for name, source in modules().items():
        interpreter.add_module(name, source)
    bundle = interpreter.build(None, ["behavry/authz/decision"])
    texts = [json.dumps(one, ensure_ascii=False) for one in inputs]
    times = []
    for _ in range(rounds):
        for text in texts:
            begun = time.perf_counter_ns()
            interpreter.set_input_term(text)
            interpreter.query_bundle_entrypoint(bundle, "behavry/authz/decision")
            times.append(time.perf_counter_ns() - begun)
    return median(times) / 1000


def measure() -> dict[str, float]:
    made, inputs = program(), calls()
    policy_us(made, inputs, 20)
    return {"policy_us": round(policy_us(made, inputs), 1), "regocpp_us": round(regocpp_us(inputs), 1)}


if __name__ == "__main__":
    print(json.dumps(measure()))
