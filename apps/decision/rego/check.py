"""What rego-cpp leaves unchecked in a plan: unknown functions, wrong numbers of arguments, unsafe variables, recursion.

OPA refuses these when it compiles; here they are found in the plan, before any of it is generated or run.
"""

from collections.abc import Iterator, Mapping, Sequence

from apps.decision.rego.builtins.table import BUILTINS
from apps.decision.rego.errors import Problem
from apps.decision.rego.flow import reads, writes
from apps.decision.rego.plan import Block, Function, Plan, Statement, walk


def check_plan(plan: Plan, names: Sequence[str], sources: Sequence[str]) -> list[Problem]:
    """The problems of a plan, by file and place. `names` and `sources` are the modules as they were compiled."""
    checker = _Checker(plan, names, sources)
    for function in plan.functions.values():
        checker.check(function.blocks, {0, 1, *function.params})
    for blocks in plan.entrypoints.values():
        checker.check(blocks, {0, 1})
    problems = dict.fromkeys(checker.problems)  # a rule under `with` is planned twice
    problems.update(dict.fromkeys(_recursion(plan, checker)))
    return sorted(problems, key=lambda problem: (problem.file, problem.line, problem.column))


class _Checker:
    def __init__(self, plan: Plan, names: Sequence[str], sources: Sequence[str]) -> None:
        self._plan = plan
        self._names = names
        self._lines = [source.split("\n") for source in sources]
        self._near: Statement | None = None
        self.problems: list[Problem] = []

    def check(self, blocks: Sequence[Block], known: set[int]) -> None:
        self._near = None
        statements = list(walk(blocks))
        for statement in statements:
            known.update(writes(statement))
        for statement in statements:
            if statement.file >= 0:
                self._near = statement
            if statement.kind == "CallStmt":
                self._check_call(statement)
            if any(local not in known for local in reads(statement)):
                self.add(statement, "rego_unsafe_var_error", "a variable here is never given a value (unsafe)")

    def _check_call(self, statement: Statement) -> None:
        name, given = statement.fields["func"], len(statement.fields["args"])
        function = self._plan.functions.get(name)
        if function is not None:
            if given != len(function.params):
                wanted = len(function.params) - 2
                message = f"{'.'.join(function.path[1:])} takes {wanted} arguments, not {given - 2}"
                self.add(statement, "rego_type_error", message)
        elif name in self._plan.builtins and name in BUILTINS:
            wanted = self._plan.builtins[name]
            if 0 <= wanted != given:
                self.add(statement, "rego_type_error", f"{name} takes {wanted} arguments, not {given}")
        elif name in self._plan.builtins:
            self.add(statement, "rego_unknown_builtin", f"built-in function {name} is not available here")
        else:
            self.add(statement, "rego_type_error", f"undefined function {name}")

    def add(self, statement: Statement, code: str, message: str) -> None:
        # A statement that stands for no text of its own is placed where the one before it is.
        placed = statement if statement.file >= 0 or self._near is None else self._near
        file, line, column = self.place(placed)
        self.problems.append(Problem(file, line, column, code, message))

    def place(self, statement: Statement) -> tuple[str, int, int]:
        files = self._plan.files
        if not 0 <= statement.file < len(files):
            return "", 0, 0
        # The worker named the modules m0, m1, …
        file = files[statement.file]
        index = int(file[1:]) if file[:1] == "m" and file[1:].isdigit() else -1
        if not 0 <= index < len(self._names):
            return "", 0, 0
        line, column = statement.row + 1, statement.column + 1
        lines = self._lines[index]
        if statement.kind == "CallStmt" and statement.row < len(lines):
            # The plan points at the whole expression; the name of the function is more useful.
            found = lines[statement.row].find(statement.fields["func"], statement.column)
            column = found + 1 if found >= 0 else column
        return self._names[index], line, column


def _recursion(plan: Plan, checker: _Checker) -> Iterator[Problem]:
    graph: Mapping[str, list[Statement]] = {
        name: [s for s in walk(function.blocks) if s.kind == "CallStmt" and s.fields["func"] in plan.functions]
        for name, function in plan.functions.items()
    }
    finished: set[str] = set()
    for start in graph:
        if start in finished:
            continue
        trail: dict[str, Iterator[Statement]] = {start: iter(graph[start])}
        while trail:
            current = next(reversed(trail))
            call = next(trail[current], None)
            if call is None:
                trail.popitem()
                finished.add(current)
                continue
            target = call.fields["func"]
            if target in trail:
                file, line, column = checker.place(call)
                rule = _rule_name(plan.functions[target])
                yield Problem(file, line, column, "rego_recursion_error", f"rule {rule} is recursive")
            elif target not in finished:
                trail[target] = iter(graph[target])


def _rule_name(function: Function) -> str:
    return ".".join(("data", *function.path[1:]))
