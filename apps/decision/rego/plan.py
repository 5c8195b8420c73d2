"""OPA's intermediate representation as rego-cpp writes it, read into frozen objects. Says nothing about meaning."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Block: TypeAlias = tuple["Statement", ...]


@dataclass(frozen=True, slots=True)
class Local:
    """A numbered variable. 0 is the input and 1 the data document."""

    index: int


Operand: TypeAlias = Local | str | bool


@dataclass(frozen=True, slots=True)
class Statement:
    """One instruction. `fields` holds what is neither a nested block nor a place."""

    kind: str
    fields: Mapping[str, Any]
    blocks: tuple[Block, ...] = ()
    file: int = -1
    row: int = -1
    column: int = -1


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    path: tuple[str, ...]
    params: tuple[int, ...]
    result: int
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything the code generator needs. `builtins` maps names to their number of arguments (-1: any)."""

    entrypoints: Mapping[str, tuple[Block, ...]]
    functions: Mapping[str, Function]
    builtins: Mapping[str, int]
    query: str = ""
    files: tuple[str, ...] = field(default=())

    @staticmethod
    def parse(text: bytes) -> "Plan":
        # rego-cpp leaves control characters as they are.
        document = json.loads(text.decode("utf-8", "surrogateescape"), strict=False)
        static = document["static"]
        strings = [entry["value"] for entry in static.get("strings", ())]
        reader = _Reader(strings)
        functions: dict[str, Function] = {}
        for entry in document["funcs"]["funcs"]:
            # A rule planned twice is listed twice; the copies are equal.
            functions.setdefault(
                entry["name"],
                Function(
                    name=entry["name"],
                    path=tuple(entry["path"]),
                    params=tuple(entry["params"]),
                    result=entry["return"],
                    blocks=reader.blocks(entry["blocks"]),
                ),
            )
        builtins = {}
        for entry in static.get("builtin_funcs", ()):
            declared = entry.get("decl", {}).get("args")
            builtins[entry["name"]] = -1 if declared is None else len(declared)
        return Plan(
            entrypoints={plan["name"]: reader.blocks(plan["blocks"]) for plan in document["plans"]["plans"]},
            functions=functions,
            builtins=builtins,
            query=document.get("query", ""),
            files=tuple(entry["value"] for entry in static.get("files", ())),
        )


class _Reader:
    def __init__(self, strings: Sequence[str]) -> None:
        self._raw = strings
        self._strings: list[str] = [_unescape(text) for text in strings]

    def blocks(self, blocks: Sequence[Any]) -> tuple[Block, ...]:
        return tuple(self._block(block) for block in blocks)

    def _block(self, block: Any) -> Block:
        return tuple(self._statement(entry["type"], entry["stmt"]) for entry in block["stmts"])

    def _statement(self, kind: str, body: Mapping[str, Any]) -> Statement:
        fields: dict[str, Any] = {}
        blocks: tuple[Block, ...] = ()
        for name, value in body.items():
            if name == "block":
                blocks = (self._block(value),)
            elif name == "blocks":
                blocks = self.blocks(value)
            elif name in {"file", "row", "col"}:
                continue
            elif name in {"args", "path"} and value and isinstance(value[0], dict):
                fields[name] = tuple(self._operand(entry) for entry in value)
            elif name == "path":
                fields[name] = tuple(self._strings[entry] for entry in value or ())
            elif isinstance(value, dict):
                fields[name] = self._operand(value)
            else:
                fields[name] = value
        if kind == "MakeNumberRefStmt":
            fields["number"] = read_number(self._raw[fields["index"]])
        return Statement(kind, fields, blocks, body.get("file", -1), body.get("row", -1), body.get("col", -1))

    def _operand(self, entry: Mapping[str, Any]) -> Operand:
        kind: str = entry["type"]
        value = entry["value"]
        if kind == "local":
            return Local(value)
        if kind == "string_index":
            text: str = self._strings[value]
            return text
        if kind == "bool":
            return bool(value)
        raise ValueError(f"unknown operand {kind}")


def _unescape(text: str) -> str:
    """Strings of the plan are the inside of a JSON string, some with their quotes still on."""
    inside = text[1:-1] if len(text) > 1 and text[0] == '"' == text[-1] else text
    try:
        value = json.loads(f'"{inside}"', strict=False)
    except ValueError:
        return text  # the text of a query, which nobody escaped
    assert isinstance(value, str)
    return value


def read_number(text: str) -> int | float:
    if not any(mark in text for mark in ".eE"):
        return int(text)
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("number out of range")
    return value


def walk(blocks: Sequence[Block]) -> Iterator[Statement]:
    for block in blocks:
        for statement in block:
            yield statement
            yield from walk(statement.blocks)


def plan_name(entrypoint: str) -> str:
    """`data.a.b` → `a/b`, the way plans name their entry points."""
    if entrypoint == "data" or entrypoint.startswith("data."):
        return entrypoint[5:].replace(".", "/")
    return entrypoint
