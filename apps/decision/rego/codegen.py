"""Plan → Python source → functions. One function per planned rule; rules remember their answer for one evaluation.

The source is built from numbers, literals and names of this package only: no text of a policy is ever used as code.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from apps.decision.rego import calls, support
from apps.decision.rego.builtins.table import BUILTINS
from apps.decision.rego.errors import BuiltinError, Problem, RegoError
from apps.decision.rego.exprs import Names
from apps.decision.rego.facts import answers_with_set, input_paths
from apps.decision.rego.flow import Usage, analyse
from apps.decision.rego.plan import Block, Plan
from apps.decision.rego.renaming import renamed
from apps.decision.rego.statements import FunctionWriter
from apps.decision.rego.values import UNDEFINED, RegoSet, canon, equal

Entrypoint: TypeAlias = Callable[[support.World], list[Any]]

# How often a plan is written again at most.
_AGAIN: Final = 2
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
    """Generated entry points, how many slots a world needs for them, and what fills some of these beforehand."""

    entrypoints: Mapping[str, Entrypoint]
    prepare: Callable[[support.World], None]
    world_size: int
    source: str


@dataclass(frozen=True, slots=True)
class _Part:
    """A function or an entry point, ready to be written as often as needed."""

    name: str
    params: Sequence[int]
    blocks: Sequence[Block]
    usage: Usage


def generate(plan: Plan) -> Code:
    """Written again while writing shows more about the plan, such as rules that are constants."""
    parts = [_part(function.name, function.params, function.blocks) for function in plan.functions.values()]
    entrypoints = [_part(name, (0, 1), blocks) for name, blocks in plan.entrypoints.items()]
    names, lines, size = _write(plan, parts, entrypoints, Names())
    for _ in range(_AGAIN):
        if names.answers.keys() == names.found_answers.keys() and names.given == names.found_given:
            break
        shown = Names(answers=names.found_answers, given=names.found_given)
        names, lines, size = _write(plan, parts, entrypoints, shown)
    source = "\n".join(lines) + "\n"
    namespace = _run(source, names)
    rules = namespace["RULES"]
    for function in plan.functions.values():
        if len(function.params) == 2 and function.path[0] == "g0":
            rules[function.path[1:]] = namespace[names.functions[function.name][0]]
    doors = {name: namespace[code] for name, code in names.entrypoints.items()}
    return Code(doors, namespace["prepare"], size, source)


def _part(name: str, params: Sequence[int], blocks: Sequence[Block]) -> _Part:
    apart = renamed(blocks, params)
    return _Part(name, params, apart, analyse(apart, params))


def _write(
    plan: Plan, parts: Sequence[_Part], entrypoints: Sequence[_Part], names: Names
) -> tuple[Names, list[str], int]:
    slots = support.FIRST_SLOT
    for number, function in enumerate(plan.functions.values()):
        is_rule = len(function.params) == 2
        names.functions[function.name] = (f"f{number}", slots if is_rule else 0)
        slots += is_rule
        if is_rule and answers_with_set(function):
            names.sets.add(function.name)
    paths = input_paths(plan)
    names.paths = {path: slots + number for number, path in enumerate(paths)}
    slots += len(paths)
    lines = _prepare(names)
    for function, part in zip(plan.functions.values(), parts, strict=True):
        writer = FunctionWriter(names, names.functions[part.name][0], part.params, part.blocks, part.usage)
        kinds = names.given.get(function.name, ())
        lines += writer.function(names.functions[function.name][1], function.result, kinds)
        if writer.answer is not None:
            names.found_answers[function.name] = writer.answer.value
    for number, part in enumerate(entrypoints):
        writer = FunctionWriter(names, f"e{number}", part.params, part.blocks, part.usage)
        lines += writer.entrypoint()
        names.entrypoints[part.name] = f"e{number}"
    return names, lines, slots


def _prepare(names: Names) -> list[str]:
    """What looks up parts of the input once for all rules."""
    lines = ["def prepare(w):", "\tp0 = w[0]"]
    known: dict[tuple[str, ...], str] = {(): "p0"}
    for path, slot in names.paths.items():
        for length in range(1, len(path) + 1):
            if path[:length] not in known:
                above, key = known[path[: length - 1]], path[length - 1]
                known[path[:length]] = f"p{len(known)}"
                found = f"{above}.get({key!r}, U) if type({above}) is dict else dot({above}, {key!r})"
                lines.append(f"\t{known[path[:length]]} = {found}")
        lines.append(f"\tw[{slot}] = {known[path]}")
    return lines


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
