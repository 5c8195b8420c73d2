"""Which variables a statement reads and writes, and which of them need no variable of their own.

A variable is *simple* when it is written once and every read follows that write in the same block or deeper: it can
never be seen unset or stale. All others are set to undefined where the smallest block that holds all their uses begins.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from apps.decision.rego.plan import Block, Local, Statement

_TARGETS = ("target", "result")
# Fields that name a variable by its bare number and read it.
BARE_READS = {
    "IsDefinedStmt": ("source",),
    "IsUndefinedStmt": ("source",),
    "ReturnLocalStmt": ("source",),
    "ScanStmt": ("source",),
    "ArrayAppendStmt": ("array",),
    "SetAddStmt": ("set",),
    "ObjectInsertStmt": ("object",),
    "ObjectInsertOnceStmt": ("object",),
    "ObjectMergeStmt": ("a", "b"),
    "ResultSetAddStmt": ("value",),
}
MUTATIONS = {
    "ArrayAppendStmt": "array",
    "SetAddStmt": "set",
    "ObjectInsertStmt": "object",
    "ObjectInsertOnceStmt": "object",
}

Place = tuple[int, ...]  # alternating statement and block numbers from the root: the last is a statement


def reads(statement: Statement) -> Iterator[int]:
    for name in BARE_READS.get(statement.kind, ()):
        value = statement.fields[name]
        if type(value) is int:
            yield value
    for value in statement.fields.values():
        if type(value) is Local:
            yield value.index
        elif type(value) is tuple:
            for item in value:
                if type(item) is Local:
                    yield item.index


def writes(statement: Statement) -> Iterator[int]:
    fields = statement.fields
    if statement.kind == "ScanStmt":
        yield fields["key"]
        yield fields["value"]
        return
    for name in _TARGETS:
        if name in fields:
            yield fields[name]


@dataclass(slots=True)
class Usage:
    """What a function does with its variables."""

    simple: set[int] = field(default_factory=set)
    resets: dict[Place, list[int]] = field(default_factory=dict)  # statement → variables to unset before it
    used: set[int] = field(default_factory=set)
    reads: dict[int, int] = field(default_factory=dict)  # how often each is named by a reading statement
    mutated: dict[int, list[Statement]] = field(default_factory=dict)
    written: dict[int, list[Statement]] = field(default_factory=dict)


def analyse(blocks: Sequence[Block], params: Sequence[int]) -> Usage:
    usage = Usage()
    read_at: dict[int, list[Place]] = {}
    written_at: dict[int, list[Place]] = {}
    for place, statement in places(blocks, ()):
        for local in reads(statement):
            read_at.setdefault(local, []).append(place)
        for local in writes(statement):
            # What a scan binds is first seen inside its block.
            written_at.setdefault(local, []).append((*place, 0, -1) if statement.kind == "ScanStmt" else place)
            usage.written.setdefault(local, []).append(statement)
        if statement.kind in MUTATIONS:
            usage.mutated.setdefault(statement.fields[MUTATIONS[statement.kind]], []).append(statement)
    usage.used = set(read_at)
    usage.reads = {local: len(places) for local, places in read_at.items()}
    for local, writers in written_at.items():
        if local in params:
            continue
        readers = read_at.get(local, [])
        if len(writers) == 1 and all(dominates(writers[0], reader) for reader in readers):
            usage.simple.add(local)
        elif readers:
            usage.resets.setdefault(_first_common(writers + readers), []).append(local)
    return usage


def places(blocks: Sequence[Block], prefix: Place) -> Iterator[tuple[Place, Statement]]:
    for number, block in enumerate(blocks):
        for index, statement in enumerate(block):
            place = (*prefix, number, index)
            yield place, statement
            yield from places(statement.blocks, place)


def dominates(writer: Place, reader: Place) -> bool:
    depth = len(writer)
    return reader[: depth - 1] == writer[:-1] and len(reader) >= depth and reader[depth - 1] > writer[-1]


def _first_common(places: Sequence[Place]) -> Place:
    """The statement before which all uses begin: in their innermost common block, or the function's start: ()."""
    first, last = min(places), max(places)
    common = 0
    while common < min(len(first), len(last)) and first[common] == last[common]:
        common += 1
    place = first[: common + common % 2]
    return place[:-2] if place and place[-1] < 0 else place
