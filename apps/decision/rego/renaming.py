"""One variable per assignment: what a plan assigns in several places that never meet becomes several variables.

Rules of several bodies use the same variable in each; apart, each of them is simple (see `flow`).
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from apps.decision.rego.flow import BARE_READS, analyse, dominates, places, reads, writes
from apps.decision.rego.plan import Block, Local, Statement, walk


def renamed(blocks: Sequence[Block], params: Sequence[int]) -> tuple[Block, ...]:
    """The same blocks, without any change of meaning."""
    apart = _apart(blocks, params)
    if not apart:
        return tuple(blocks)
    highest = max((local for statement in walk(blocks) for local in (*reads(statement), *writes(statement))), default=0)
    numbers = count(max(highest, *params) + 1)
    return tuple(_block(block, {}, apart, numbers) for block in blocks)


def _apart(blocks: Sequence[Block], params: Sequence[int]) -> set[int]:
    """Variables written by assignments only, none of which comes before another, each read behind one of them."""
    usage = analyse(blocks, params)
    candidates = {
        local
        for local, writers in usage.written.items()
        if len(writers) > 1
        and local not in params
        and local not in usage.mutated
        and all(writer.kind == "AssignVarStmt" for writer in writers)
    }
    if not candidates:
        return candidates
    written: dict[int, list[tuple[int, ...]]] = {}
    read: dict[int, list[tuple[int, ...]]] = {}
    for place, statement in places(blocks, ()):
        for local in candidates.intersection(writes(statement)):
            written.setdefault(local, []).append(place)
        for local in candidates.intersection(reads(statement)):
            read.setdefault(local, []).append(place)
    return {
        local
        for local in candidates
        if not any(dominates(one, other) for one in written[local] for other in written[local])
        and all(any(dominates(one, place) for one in written[local]) for place in read.get(local, ()))
    }


def _block(block: Block, known: Mapping[int, int], apart: set[int], numbers: Iterator[int]) -> Block:
    names = dict(known)
    found = []
    for statement in block:
        fields = _fields(statement, names)
        if statement.kind == "AssignVarStmt" and statement.fields["target"] in apart:
            names[statement.fields["target"]] = fields["target"] = next(numbers)
        inner = tuple(_block(one, names, apart, numbers) for one in statement.blocks)
        found.append(Statement(statement.kind, fields, inner, statement.file, statement.row, statement.column))
    return tuple(found)


def _fields(statement: Statement, names: Mapping[int, int]) -> dict[str, Any]:
    bare = BARE_READS.get(statement.kind, ())
    fields = dict(statement.fields)
    for name, value in fields.items():
        if type(value) is Local:
            fields[name] = Local(names.get(value.index, value.index))
        elif type(value) is tuple:
            fields[name] = tuple(
                Local(names.get(item.index, item.index)) if type(item) is Local else item for item in value
            )
        elif name in bare and type(value) is int:
            fields[name] = names.get(value, value)
    return fields
