"""What a whole plan shows about its parts: which parts of the input are asked for often, and what rules answer with."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from apps.decision.rego.flow import reads
from apps.decision.rego.plan import Block, Function, Local, Plan, Statement, walk

Path = tuple[str, ...]
# More than this would cost an evaluation more to look up beforehand than it saves.
_MOST: Final = 40


def input_paths(plan: Plan) -> tuple[Path, ...]:
    """Paths into the input that are asked for in several places; they are looked up once for an evaluation."""
    found: Counter[Path] = Counter()
    for blocks in (*(function.blocks for function in plan.functions.values()), *plan.entrypoints.values()):
        found.update(_asked(blocks))
    return tuple(path for path, times in found.most_common(_MOST) if times > 1)


def _asked(blocks: Sequence[Block]) -> Iterator[Path]:
    times = Counter(local for statement in walk(blocks) for local in reads(statement))
    known: dict[int, Path] = {0: ()}
    for block in _blocks(blocks):
        for index, statement in enumerate(block):
            following = block[index + 1] if index + 1 < len(block) else None
            path = step(statement, known)
            if path is None:
                continue
            target = statement.fields["target"]
            known[target] = path
            if not (times[target] == 1 and following is not None and step(following, {target: path}) is not None):
                yield path


def step(statement: Statement, known: Mapping[int, Path]) -> Path | None:
    """The path that a lookup arrives at, if it starts from a known one."""
    if statement.kind != "DotStmt":
        return None
    source, key = statement.fields["source"], statement.fields["key"]
    if type(source) is not Local or source.index not in known or type(key) is not str:
        return None
    return (*known[source.index], key)


def _blocks(blocks: Sequence[Block]) -> Iterator[Block]:
    for block in blocks:
        yield block
        for statement in block:
            yield from _blocks(statement.blocks)


def answers_with_set(function: Function) -> bool:
    """Whether the function begins with an empty set and answers with what it has put into it, always."""
    made = False
    for statement in walk(function.blocks):
        if statement.kind in {"ResetLocalStmt", "MakeSetStmt", "AssignVarStmt", "AssignVarOnceStmt", "DotStmt"}:
            if statement.fields["target"] != function.result:
                continue
            if statement.kind != "MakeSetStmt" and (made or statement.kind != "ResetLocalStmt"):
                return False
            made = made or statement.kind == "MakeSetStmt"
        elif statement.fields.get("result") == function.result or statement.fields.get("target") == function.result:
            return False
    first = function.blocks[0] if function.blocks else ()
    return (
        made
        and all(statement.kind in {"ResetLocalStmt", "MakeSetStmt"} for statement in first)
        and any(s.kind == "MakeSetStmt" and s.fields["target"] == function.result for s in first)
    )
