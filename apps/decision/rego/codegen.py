"""Plan → Python source → functions. One function per planned rule; rules remember their answer for one evaluation.

The source is built from numbers, literals and names of this package only: no text of a policy is ever used as code.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from apps.decision.rego import calls, support
from apps.decision.rego.builtins.table import BUILTINS
from apps.decision.rego.errors import BuiltinError, Problem, RegoError
from apps.decision.rego.exprs import Names
from apps.decision.rego.plan import Function, Plan
from apps.decision.rego.statements import FunctionWriter
from apps.decision.rego.values import UNDEFINED, RegoSet, canon, equal

Entrypoint: TypeAlias = Callable[[support.World], list[Any]]

_NAMESPACE: Mapping[str, Any] = {
    "U": UNDEFINED,
    "M": support.MISSING,
    "RegoSet": RegoSet,
    "BuiltinError": BuiltinError,
    "canon": canon,
    "equal": equal,
    "sized": support.sized,
    "dot": support.dot,
    "dot_base": support.dot_base,
    "scan_values": support.scan_values,
    "scan_items": support.scan_items,
    "scan_values_sorted": support.scan_values_sorted,
    "scan_items_sorted": support.scan_items_sorted,
    "insert_once": support.insert_once,
    "conflict": support.conflict,
    "failed": support.failed,
    "copied": support.copied,
    "merge": support.merge,
    "with_value": support.with_value,
    "call_dynamic": support.call_dynamic,
    **calls.NAMESPACE,
}


@dataclass(frozen=True, slots=True)
class Code:
    """Generated entry points, and how many slots a world needs for them."""

    entrypoints: Mapping[str, Entrypoint]
    world_size: int
    source: str


def generate(plan: Plan) -> Code:
    names = Names()
    slots = support.FIRST_SLOT
    for number, function in enumerate(plan.functions.values()):
        is_rule = len(function.params) == 2
        names.functions[function.name] = (f"f{number}", slots if is_rule else 0)
        slots += is_rule
    lines: list[str] = []
    for function in plan.functions.values():
        lines += _function(names, function)
    for number, (name, blocks) in enumerate(plan.entrypoints.items()):
        writer = FunctionWriter(names, f"e{number}", (0, 1), blocks)
        lines += writer.entrypoint()
        names.entrypoints[name] = f"e{number}"
    source = "\n".join(lines) + "\n"
    namespace = _run(source, names)
    rules = namespace["RULES"]
    for function in plan.functions.values():
        if len(function.params) == 2 and function.path[0] == "g0":
            rules[function.path[1:]] = namespace[names.functions[function.name][0]]
    return Code({name: namespace[code] for name, code in names.entrypoints.items()}, slots, source)


def _function(names: Names, function: Function) -> Sequence[str]:
    writer = FunctionWriter(names, names.functions[function.name][0], function.params, function.blocks)
    return writer.function(names.functions[function.name][1], function.result)


def _run(source: str, names: Names) -> dict[str, Any]:
    namespace: dict[str, Any] = {**_NAMESPACE, "RULES": {}, **names.constants}
    for name, code in names.builtins.items():
        namespace[code] = BUILTINS[name]
    try:
        module = compile(source, "<policy>", "exec")
    except (SyntaxError, RecursionError, MemoryError, ValueError):
        raise RegoError([Problem("", 0, 0, "too_large", "the policy is nested too deeply")]) from None
    exec(module, namespace)  # noqa: S102 (our own generator's output)
    return namespace
