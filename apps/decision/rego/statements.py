"""Every kind of statement of a plan, as lines of Python."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from apps.decision.rego import calls
from apps.decision.rego.emit import Writer
from apps.decision.rego.errors import Problem, RegoError
from apps.decision.rego.exprs import Expr, canonical, same
from apps.decision.rego.flow import Place, writes
from apps.decision.rego.literals import Literals
from apps.decision.rego.plan import Block, Local, Statement, walk

_CAPITAL: Final = re.compile(r"(?<!^)([A-Z])")


class FunctionWriter(Writer):
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
        self.guard(f"type({source.code}) in (list, dict, RegoSet, str)")
        self.assign(statement.fields["target"], f"len({source.code})", kind="number", defined=True)

    def _write_dot(self, statement: Statement, place: Place) -> None:
        target = statement.fields["target"]
        source, key = self.operand(statement.fields["source"]), self.operand(statement.fields["key"])
        if key.constant and key.kind == "string":
            code = f"{source.code}.get({key.code}, U)"
            if source.kind != "object":
                code += f" if type({source.code}) is dict else dot({source.code}, {key.code})"
        else:
            code = f"{'dot_base' if self._is_base(statement) else 'dot'}({source.code}, {key.code})"
        self.assign(target, f"copied({code})" if target in self.usage.mutated else code)
        if self._is_base(statement) and target in self.usage.simple:
            self.base.add(target)
        self._defined(target)

    def _is_base(self, statement: Statement) -> bool:
        source = statement.fields["source"]
        return type(source) is Local and source.index in self.base

    def _write_object_merge(self, statement: Statement, place: Place) -> None:
        fields = statement.fields
        a, b = (self.needs(Local(fields[name])) for name in ("a", "b"))
        self.assign(fields["target"], f"merge({a.code}, {b.code})", defined=True)

    def _defined(self, target: int) -> None:
        self.guard(f"v{target} is not U")
        self.know(target)

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
        self.guard(f"type({self.operand(statement.fields['source']).code}) is list")

    def _write_is_object(self, statement: Statement, place: Place) -> None:
        self.guard(f"type({self.operand(statement.fields['source']).code}) is dict")

    def _write_is_set(self, statement: Statement, place: Place) -> None:
        self.guard(f"type({self.operand(statement.fields['source']).code}) is RegoSet")

    def _write_equal(self, statement: Statement, place: Place) -> None:
        a, b = self.needs(statement.fields["a"]), self.needs(statement.fields["b"])
        self.guard(same(a, b))

    def _write_not_equal(self, statement: Statement, place: Place) -> None:
        a, b = self.needs(statement.fields["a"]), self.needs(statement.fields["b"])
        if b.constant and b.value is False:
            if not a.constant:
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
        name = f"scan_{'items' if needs_key else 'values'}{'_sorted' if _order_matters(statement) else ''}"
        found = self.fresh("s")
        self.line(f"{found} = {name}({self.world}[2], {source.code})")
        self.guard(f"{found} is not None")
        key = f"v{fields['key']}, " if needs_key else ""
        self.line(f"for {key}v{fields['value']} in {found}:")
        indent, leave, known = self.indent, self.leave, set(self.defined)
        self.indent, self.leave = indent + 1, "continue"
        for local in (fields["key"], fields["value"]):
            self.bind(local, "", defined=True)
        self.statements(body, (*place, 0))
        self.line("pass")
        self.indent, self.leave = indent, leave
        self.defined &= known

    def _write_with(self, statement: Statement, place: Place) -> None:
        fields = statement.fields
        if fields["local"] not in (0, 1):
            raise RegoError([Problem("", 0, 0, "unsupported", "the plan replaces a local variable by `with`")])
        value = self.needs(fields["value"])
        world, documents = self.world, (self.env[0], self.env[1])
        self.world = self.fresh("w")
        path = "".join(f"{part!r}, " for part in fields.get("path", ()))
        self.line(f"{self.world} = with_value({world}, {fields['local']}, ({path}), {value.code})")
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

    # --- calls

    def _write_call(self, statement: Statement, place: Place) -> None:
        name, result = statement.fields["func"], statement.fields["result"]
        if name in self.names.functions:
            self._call_planned(statement, *self.names.functions[name])
            return
        args = [self.needs(operand) for operand in statement.fields["args"]]
        condition = calls.condition(name, args)
        if condition is not None:
            upcoming = self.upcoming
            if (
                upcoming is not None
                and result in self.usage.simple
                and self.usage.reads[result] == 1
                and upcoming.kind == "NotEqualStmt"
                and upcoming.fields["a"] == Local(result)
                and upcoming.fields["b"] is False
            ):
                self.env[result] = Expr(f"({condition})", "boolean", defined=True)
            else:
                self.assign(result, condition, kind="boolean", defined=True)
            return
        self.line(f"try: v{result} = {calls.call(self.names, name, args, self.world)}")
        self.line(f"except BuiltinError as error: v{result} = failed({self.world}[2], error)")
        self.bind(result, "", defined=False)
        self._defined(result)

    def _call_planned(self, statement: Statement, function: str, slot: int) -> None:
        result = statement.fields["result"]
        if slot:
            self.line(f"v{result} = {self.world}[{slot}]")
            self.line(f"if v{result} is M: v{result} = {function}({self.world})")
        else:
            args = [self.needs(operand).code for operand in statement.fields["args"][2:]]
            self.line(f"v{result} = {function}({', '.join([self.world, *args])})")
        self.bind(result, "", defined=False)
        self._defined(result)

    def _write_call_dynamic(self, statement: Statement, place: Place) -> None:
        fields = statement.fields
        path = "".join(f"{self.needs(operand).code}, " for operand in fields["path"])
        self.assign(fields["result"], f"call_dynamic({self.world}, RULES, ({path}))")
        self._defined(fields["result"])


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


def _snake(kind: str) -> str:
    """`MakeSetStmt` → `make_set`."""
    return _CAPITAL.sub(r"_\1", kind.removesuffix("Stmt")).lower()


def _order_matters(scan: Statement) -> bool:
    """Whether the loop fills an array made outside it."""
    inside = list(walk(scan.blocks))
    made = {local for statement in inside for local in writes(statement)}
    return any(statement.kind == "ArrayAppendStmt" and statement.fields["array"] not in made for statement in inside)
