"""Every kind of statement of a plan, as lines of Python."""

import re
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Final

from apps.decision.rego.calling import CallWriter
from apps.decision.rego.errors import Problem, RegoError
from apps.decision.rego.exprs import Expr, canonical, same
from apps.decision.rego.facts import step
from apps.decision.rego.flow import Place, writes
from apps.decision.rego.literals import Literals
from apps.decision.rego.plan import Block, Local, Statement, walk

_CAPITAL: Final = re.compile(r"(?<!^)([A-Z])")


class FunctionWriter(CallWriter):
    """Statements write themselves in `_write_<kind>`."""

    _literals: Literals | None = None

    def statement(self, block: Block, index: int, place: Place) -> None:
        if self._literals is None:
            self._literals = Literals(self)
        if self._literals.take(block, index):
            return
        statement = block[index]
        write = getattr(self, f"_write_{_snake(statement.kind)}", None)
        if write is None:
            raise RegoError([Problem("", 0, 0, "unsupported", f"the plan uses {statement.kind}")])
        write(statement, place)

    # --- values

    def _write_nop(self, statement: Statement, place: Place) -> None:
        """Nothing to do."""

    def _write_reset_local(self, statement: Statement, place: Place) -> None:
        target = statement.fields["target"]
        if target in self.usage.used:
            self.assign(target, "U")

    def _write_make_object(self, statement: Statement, place: Place) -> None:
        self.assign(statement.fields["target"], "{}", kind="object", defined=True)

    def _write_make_array(self, statement: Statement, place: Place) -> None:
        self.assign(statement.fields["target"], "[]", kind="array", defined=True)

    def _write_make_set(self, statement: Statement, place: Place) -> None:
        self.assign(statement.fields["target"], "RegoSet()", kind="set", defined=True)

    def _write_make_null(self, statement: Statement, place: Place) -> None:
        self.alias(statement.fields["target"], self.names.constant(None))

    def _write_make_number_ref(self, statement: Statement, place: Place) -> None:
        self.alias(statement.fields["target"], self.names.constant(statement.fields["number"]))

    def _write_make_number_int(self, statement: Statement, place: Place) -> None:
        self.alias(statement.fields["target"], self.names.constant(statement.fields["value"]))

    def _write_assign_int(self, statement: Statement, place: Place) -> None:
        self.alias(statement.fields["target"], self.names.constant(statement.fields["value"]))

    def _write_assign_var(self, statement: Statement, place: Place) -> None:
        if statement.fields["source"] == Local(1):
            self.base.add(statement.fields["target"])
        self.alias(statement.fields["target"], self.operand(statement.fields["source"]))

    def _write_assign_var_once(self, statement: Statement, place: Place) -> None:
        target, source = statement.fields["target"], self.operand(statement.fields["source"])
        if target == self.result and self.early is not None and source.constant and source.value is self.early.value:
            self._return(source)
            return
        if not source.defined:
            self.line(f"if {source.code} is U: pass")
        test = "if" if source.defined else "elif"
        rivals = [writer for writer in self.usage.written[target] if writer.kind == "AssignVarOnceStmt"]
        if len(rivals) == 1 and not any(part.kind == "ScanStmt" for part in self.around(place)):
            only = all(writer.kind in {"ResetLocalStmt", statement.kind} for writer in self.usage.written[target])
            if only and target == self.result and source.constant and self.indent == 1 and self.slot:
                self.answer = source
            self.line(f"{test} True: v{target} = {source.code}")
        else:
            self.line(f"{test} v{target} is U: v{target} = {source.code}")
            differs = f"v{target} is not {source.code} and " if not source.constant else ""
            clash = same(Expr(f"v{target}"), source)
            self.line(f"elif {differs}not ({clash}): conflict({len(self.params) > 2})")
        self.defined.discard(target)
        self.env.pop(target, None)

    def _write_len(self, statement: Statement, place: Place) -> None:
        source = self.needs(statement.fields["source"])
        if source.kind not in {"array", "object", "set", "string"}:
            self.guard(f"type({source.code}) in (list, dict, RegoSet, str)")
        self.assign(statement.fields["target"], f"len({source.code})", kind="number", defined=True)

    def _write_dot(self, statement: Statement, place: Place) -> None:
        target = statement.fields["target"]
        if self._looked_up(statement):
            return
        source, key = self.operand(statement.fields["source"]), self.operand(statement.fields["key"])
        if source.kind == "array" and type(key.value) is int and key.value >= 0:
            code = f"{source.code}[{key.value}] if len({source.code}) > {key.value} else U"
        elif key.constant and key.kind == "string":
            code = f"{source.code}.get({key.code}, U)"
            if source.kind != "object":
                code += f" if type({source.code}) is dict else dot({source.code}, {key.code})"
        else:
            code = f"{'dot_base' if self._is_base(statement) else 'dot'}({source.code}, {key.code})"
        if target in self.usage.mutated:
            self.assign(target, f"copied({code})")
        else:
            self.assign(target, code, kind=source.item if source.kind == "array" else "")
        if self._is_base(statement) and target in self.usage.simple:
            self.base.add(target)
        self._defined(target)

    def _looked_up(self, statement: Statement) -> bool:
        """Whether the value lies in the world already, or is only the way to one that does."""
        path = step(statement, {0: (), **{local: path for local, (_, path) in self.paths.items()}})
        target = statement.fields["target"]
        if path is None or target not in self.usage.simple or target in self.usage.mutated:
            return False
        source = statement.fields["source"].index
        world = self.paths[source][0] if source else self.world
        self.paths[target] = (world, path)
        following = self.upcoming
        if (
            following is not None
            and self.usage.reads.get(target) == 1
            and step(following, {target: path}) in self.names.paths
        ):
            end = following.fields["target"]
            if end in self.usage.simple and end not in self.usage.mutated:
                return True
        if path not in self.names.paths:
            return False
        self.line(f"v{target} = {world}[{self.names.paths[path]}]")
        self.bind(target, "", defined=False)
        self._defined(target)
        return True

    def _is_base(self, statement: Statement) -> bool:
        source = statement.fields["source"]
        return type(source) is Local and source.index in self.base

    def _write_object_merge(self, statement: Statement, place: Place) -> None:
        fields = statement.fields
        a, b = (self.needs(Local(fields[name])) for name in ("a", "b"))
        self.assign(fields["target"], f"merge({a.code}, {b.code})", defined=True)

    # --- collections

    def _write_array_append(self, statement: Statement, place: Place) -> None:
        value = self.needs(statement.fields["value"])
        self.line(f"v{statement.fields['array']}.append({value.code})")

    def _write_set_add(self, statement: Statement, place: Place) -> None:
        value = self.needs(statement.fields["value"])
        self.line(f"v{statement.fields['set']}[{canonical(value)}] = {value.code}")

    def _write_object_insert(self, statement: Statement, place: Place) -> None:
        key, value = self.needs(statement.fields["key"]), self.needs(statement.fields["value"])
        self.line(f"v{statement.fields['object']}[{canonical(key)}] = {value.code}")

    def _write_object_insert_once(self, statement: Statement, place: Place) -> None:
        key, value = self.needs(statement.fields["key"]), self.needs(statement.fields["value"])
        self.line(f"insert_once(v{statement.fields['object']}, {key.code}, {value.code})")

    def _write_result_set_add(self, statement: Statement, place: Place) -> None:
        self.line(f"rows.append({self.operand(Local(statement.fields['value'])).code})")

    # --- conditions

    def _write_is_defined(self, statement: Statement, place: Place) -> None:
        self.needs(Local(statement.fields["source"]))

    def _write_is_undefined(self, statement: Statement, place: Place) -> None:
        self.guard(f"{self.local(statement.fields['source']).code} is U")

    def _write_is_array(self, statement: Statement, place: Place) -> None:
        self._of_kind(statement, "list", "array")

    def _write_is_object(self, statement: Statement, place: Place) -> None:
        self._of_kind(statement, "dict", "object")

    def _write_is_set(self, statement: Statement, place: Place) -> None:
        self._of_kind(statement, "RegoSet", "set")

    def _of_kind(self, statement: Statement, name: str, kind: str) -> None:
        source = statement.fields["source"]
        expr = self.operand(source)
        if expr.kind != kind or not expr.defined:
            self.guard(f"type({expr.code}) is {name}")
        if type(source) is Local:
            self.know(source.index, kind)

    def _write_equal(self, statement: Statement, place: Place) -> None:
        a, b = self.needs(statement.fields["a"]), self.needs(statement.fields["b"])
        self.guard(same(a, b))
        for side, other in ((statement.fields["a"], b), (statement.fields["b"], a)):
            if type(side) is Local and other.kind == "string":
                self.know(side.index, "string")

    def _write_not_equal(self, statement: Statement, place: Place) -> None:
        a, b = self.needs(statement.fields["a"]), self.needs(statement.fields["b"])
        if b.constant and b.value is False:
            if not a.constant and a.kind in {"", "boolean"}:
                self.guard(a.code if a.kind == "boolean" else f"{a.code} is not False")
            elif a.value is False:
                self.guard("False")
            return
        self.guard(f"not ({same(a, b)})")

    def _write_not(self, statement: Statement, place: Place) -> None:
        flag = self.fresh("n")
        self.line(f"{flag} = True")
        self.nested(statement.blocks[0], (*place, 0), closing=f"{flag} = False")
        self.guard(flag)

    # --- blocks

    def _write_block(self, statement: Statement, place: Place) -> None:
        repeated = _repeated(statement.blocks)
        for number, block in enumerate(statement.blocks):
            if number not in repeated:
                self.nested(block, (*place, number))

    def _write_scan(self, statement: Statement, place: Place) -> None:
        fields, body = statement.fields, statement.blocks[0]
        source = self.local(fields["source"])
        needs_key = fields["key"] in self.usage.used
        if (
            source.defined
            and not needs_key
            and (source.kind == "array" or (source.kind == "set" and not _order_matters(statement)))
        ):
            self._scan_known(source, fields["value"], body, place)
            return
        name = f"scan_{'items' if needs_key else 'values'}{'_sorted' if _order_matters(statement) else ''}"
        found = self.fresh("s")
        self.line(f"{found} = {name}({self.world}[2], {source.code})")
        self.guard(f"{found} is not None")
        key = f"v{fields['key']}, " if needs_key else ""
        self.line(f"for {key}v{fields['value']} in {found}:")
        self._loop((fields["key"], fields["value"]), body, place)

    def _scan_known(self, source: Expr, value: int, body: Block, place: Place) -> None:
        """A loop over what is known to be an array or a set. The keys of a set's members are at hand."""
        if source.constant:
            self.charge(str(len(source.value)))
        else:
            self.line(f"if {source.code}:")
            self.indent += 1
            self.charge(f"len({source.code})")
        if source.kind == "array" or source.item == "string":
            self.line(f"for v{value} in {source.code}:")
            self._loop((value,), body, place, item=source.item)
        else:
            key = self.fresh("q")
            self.line(f"for {key}, v{value} in {source.code}.items():")
            self._loop((value,), body, place, key=key)
        self.indent -= not source.constant

    def _loop(self, bound: Sequence[int], body: Block, place: Place, *, key: str = "", item: str = "") -> None:
        indent, leave, known, env = self.indent, self.leave, set(self.defined), dict(self.env)
        self.indent, self.leave = indent + 1, "continue"
        for local in bound:
            self.bind(local, item, defined=True, key=key)
        self.statements(body, (*place, 0))
        self.line("pass")
        self.indent, self.leave = indent, leave
        self.defined &= known
        self.env = env

    def _write_with(self, statement: Statement, place: Place) -> None:
        fields = statement.fields
        if fields["local"] not in (0, 1):
            raise RegoError([Problem("", 0, 0, "unsupported", "the plan replaces a local variable by `with`")])
        value = self.needs(fields["value"])
        world, documents = self.world, (self.env[0], self.env[1])
        self.world = self.fresh("w")
        path = "".join(f"{part!r}, " for part in fields.get("path", ()))
        self.line(f"{self.world} = with_value({world}, {fields['local']}, ({path}), {value.code})")
        self.line(f"prepare({self.world})")
        for local in (0, 1):
            name = self.fresh("d")
            self.line(f"{name} = {self.world}[{local}]")
            self.env[local] = Expr(name)
        self.statements(statement.blocks[0], (*place, 0))
        self.world = world
        self.env[0], self.env[1] = documents

    def _write_return_local(self, statement: Statement, place: Place) -> None:
        self._return(self.local(statement.fields["source"]))

    def _return(self, value: Expr) -> None:
        if self.slot:
            self.line(f"w[{self.slot}] = {value.code}")
        self.line(f"return {value.code}")


def _repeated(blocks: Sequence[Block]) -> set[int]:
    """Blocks that put a rule's answer where an earlier pair has put it: a package lists a rule once per definition."""
    seen: set[tuple[str, str, int]] = set()
    found: set[int] = set()
    for number, (asking, keeping) in enumerate(pairwise(blocks)):
        if len(asking) == 1 and len(keeping) == 2 and asking[0].kind == "CallStmt":
            insert = keeping[1]
            if insert.kind == "ObjectInsertOnceStmt" and insert.fields["value"] == Local(asking[0].fields["result"]):
                rule = (asking[0].fields["func"], str(insert.fields["key"]), insert.fields["object"])
                if rule in seen:
                    found |= {number, number + 1}
                seen.add(rule)
    return found


@cache
def _snake(kind: str) -> str:
    """`MakeSetStmt` → `make_set`."""
    return _CAPITAL.sub(r"_\1", kind.removesuffix("Stmt")).lower()


def _order_matters(scan: Statement) -> bool:
    """Whether the loop fills an array made outside it."""
    inside = list(walk(scan.blocks))
    made = {local for statement in inside for local in writes(statement)}
    return any(statement.kind == "ArrayAppendStmt" and statement.fields["array"] not in made for statement in inside)
