"""Arrays, objects and sets that a plan builds piece by piece, as one display; constant ones are built only once."""

from dataclasses import dataclass, field

from apps.decision.rego.emit import Writer
from apps.decision.rego.exprs import Expr, canonical
from apps.decision.rego.flow import MUTATIONS, reads
from apps.decision.rego.plan import Block, Local, Statement, walk
from apps.decision.rego.values import canon, make_set

_MAKERS = {
    "MakeArrayStmt": ("array", "ArrayAppendStmt"),
    "MakeSetStmt": ("set", "SetAddStmt"),
    "MakeObjectStmt": ("object", "ObjectInsertStmt"),
}

# A member of so few is compared with one after the other.
_FEW = 4


@dataclass(slots=True)
class _Pending:
    kind: str
    last: Statement
    parts: list[tuple[Expr | None, Expr]] = field(default_factory=list)  # key (objects only), value


class Literals:
    """Follows one function's displays. `take` says whether it has dealt with a statement."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._pending: dict[int, _Pending] = {}

    def take(self, block: Block, index: int) -> bool:
        statement = block[index]
        if statement.kind in _MAKERS:
            return self._begin(block, index)
        container = MUTATIONS.get(statement.kind)
        if container is None or statement.fields[container] not in self._pending:
            return False
        target = statement.fields[container]
        pending = self._pending[target]
        key = self._kept(statement.fields["key"]) if pending.kind == "object" else None
        pending.parts.append((key, self._kept(statement.fields["value"])))
        if statement is pending.last:
            self._finish(target, self._pending.pop(target))
        return True

    def _begin(self, block: Block, index: int) -> bool:
        target = block[index].fields["target"]
        kind, insert = _MAKERS[block[index].kind]
        usage = self._writer.usage
        if target not in usage.simple:
            return False
        changes = usage.mutated.get(target, [])
        if not changes:
            self._finish(target, _Pending(kind, block[index]))
            return True
        if any(change.kind != insert for change in changes):
            return False
        wanted = {id(change) for change in changes}
        for position in range(index + 1, len(block)):
            statement = block[position]
            if id(statement) in wanted:
                wanted.discard(id(statement))
                if not wanted:
                    self._pending[target] = _Pending(kind, statement)
                    return True
            elif any(target in reads(inner) for inner in walk(((statement,),))):
                return False
        return False

    def _kept(self, operand: object) -> Expr:
        """The operand's value as of now, under a name that lasts until the display is written."""
        writer = self._writer
        expr = writer.needs(operand)  # type: ignore[arg-type]  # fields are untyped, operands by construction
        if writer.lasting(expr):
            return expr
        name = writer.fresh("t")
        writer.line(f"{name} = {expr.code}")
        return Expr(name, expr.kind, defined=True)

    def _finish(self, target: int, pending: _Pending) -> None:
        writer, parts = self._writer, pending.parts
        if all(value.constant and (key is None or key.constant) for key, value in parts):
            if pending.kind == "array":
                writer.env[target] = writer.names.constant([value.value for _, value in parts])
            elif pending.kind == "set":
                writer.env[target] = writer.names.constant(make_set(value.value for _, value in parts))
            else:
                writer.env[target] = writer.names.constant(
                    {canon(key.value): value.value for key, value in parts if key}
                )
            return
        if pending.kind == "array":
            code = f"[{', '.join(value.code for _, value in parts)}]"
            if self._read_next(target, len(parts)):
                writer.env[target] = Expr(code, "array", defined=True, parts=tuple(value for _, value in parts))
                return
        elif pending.kind == "set":
            code = f"RegoSet({{{', '.join(f'{canonical(value)}: {value.code}' for _, value in parts)}}})"
            if len(parts) <= _FEW and self._read_next(target, len(parts)):
                writer.env[target] = Expr(code, "set", defined=True, parts=tuple(value for _, value in parts))
                return
        else:
            code = f"{{{', '.join(f'{canonical(key)}: {value.code}' for key, value in parts if key)}}}"
        writer.assign(target, code, kind=pending.kind, defined=True)

    def _read_next(self, target: int, parts: int) -> bool:
        """Whether the display is for one call only, which comes next and may do without it."""
        upcoming = self._writer.upcoming
        return (
            upcoming is not None
            and upcoming.kind == "CallStmt"
            and upcoming.fields["func"] in {"concat", "internal.member_2"}
            and upcoming.fields["args"][1] == Local(target)
            and self._writer.usage.reads[target] == 1 + parts
        )
