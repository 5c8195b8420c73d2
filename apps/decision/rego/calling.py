"""Calls as lines of Python: of built-ins, of the plan's own functions, and what is known once they have answered."""

from apps.decision.rego import calls
from apps.decision.rego.emit import Writer
from apps.decision.rego.exprs import Expr
from apps.decision.rego.flow import Place
from apps.decision.rego.plan import Local, Statement


class CallWriter(Writer):
    """Of the statements, those that call."""

    def _write_call(self, statement: Statement, place: Place) -> None:
        name, result = statement.fields["func"], statement.fields["result"]
        if name in self.names.functions:
            if name in self.names.answers and result in self.usage.simple:
                self.env[result] = self.names.constant(self.names.answers[name])
            else:
                self._call_planned(statement, *self.names.functions[name])
            return
        args = [self.needs(operand) for operand in statement.fields["args"]]
        kind = calls.ANSWERS.get(name, "")
        code, tests = calls.written_out(self.names, name, args)
        if code is not None and not tests:
            if kind == "boolean" and self._is_condition(result):
                self.env[result] = Expr(f"({code})", "boolean", defined=True)
            else:
                self.line(f"v{result} = {code}")
                self.bind(result, kind, defined=True, item="string" if name == "split" else "")
            return
        call = calls.call(self.names, name, args, self.world)
        if code is not None:
            call = f"{code} if {' and '.join(tests)} else {call}"
        self.line(f"try: v{result} = {call}")
        self.line(f"except BuiltinError as error: v{result} = failed({self.world}[2], error)")
        if kind == "boolean" and self._is_condition(result):
            self.guard(f"v{result} is True")
            self.env[result] = self.names.constant(True)
        else:
            self.bind(result, kind, defined=False, item="string" if name == "split" else "")
            self._defined(result)
        # It has an answer, so its arguments were what it takes.
        for operand, wanted in zip(statement.fields["args"], calls.TAKES.get(name, ()), strict=False):
            if type(operand) is Local:
                self.know(operand.index, wanted)

    def _is_condition(self, result: int) -> bool:
        """Whether all that is asked of an answer comes next: that it is not false."""
        upcoming = self.upcoming
        return (
            upcoming is not None
            and result in self.usage.simple
            and self.usage.reads.get(result) == 1
            and upcoming.kind == "NotEqualStmt"
            and upcoming.fields["a"] == Local(result)
            and upcoming.fields["b"] is False
        )

    def _call_planned(self, statement: Statement, function: str, slot: int) -> None:
        result = statement.fields["result"]
        if slot:
            self.line(f"v{result} = {self.world}[{slot}]")
            self.line(f"if v{result} is M: v{result} = {function}({self.world})")
        else:
            args = [self.needs(operand) for operand in statement.fields["args"][2:]]
            self.names.calls(statement.fields["func"], [arg.kind for arg in args])
            self.line(f"v{result} = {function}({', '.join([self.world, *(arg.code for arg in args)])})")
        if statement.fields["func"] in self.names.sets:
            self.bind(result, "set", defined=True)
            return
        if self._is_condition(result):
            self.guard(f"v{result} is not U and v{result} is not False")
            self.env[result] = self.names.constant(True)
            return
        self.bind(result, "", defined=False)
        self._defined(result)

    def _write_call_dynamic(self, statement: Statement, place: Place) -> None:
        fields = statement.fields
        path = "".join(f"{self.needs(operand).code}, " for operand in fields["path"])
        self.assign(fields["result"], f"call_dynamic({self.world}, RULES, ({path}))")
        self._defined(fields["result"])

    def _defined(self, target: int) -> None:
        """The variable has to be defined; comparing it with text, which may follow, says so as well."""
        upcoming = self.upcoming
        if upcoming is None or upcoming.kind != "EqualStmt" or not self._with_text(upcoming, target):
            self.guard(f"v{target} is not U")
        self.know(target)

    def _with_text(self, statement: Statement, local: int) -> bool:
        sides = (statement.fields["a"], statement.fields["b"])
        return Local(local) in sides and any(
            self.operand(side).constant and self.operand(side).kind == "string" for side in sides
        )
