"""One planned function as Python source. Undefined leaves the block: a nested `if`, or `continue` in a loop's body."""

import re
from collections.abc import Sequence
from dataclasses import replace

from apps.decision.rego.exprs import Expr, Names
from apps.decision.rego.facts import Path
from apps.decision.rego.flow import Place, Usage
from apps.decision.rego.plan import Block, Local, Operand, Statement, walk

# Python allows 100 levels of indentation. A block that could need more than this is a loop that is left by `break`.
_DEEP = 60


class Writer:
    """Lines, blocks, variables and what is known about them. `statement` is left to the class that knows all kinds."""

    def __init__(self, names: Names, name: str, params: Sequence[int], blocks: Sequence[Block], usage: Usage) -> None:
        self.names = names
        self.name = name
        self.params = params
        self.blocks = blocks
        self.usage = usage
        self.env: dict[int, Expr] = {0: Expr("d0"), 1: Expr("d1")}
        self.defined: set[int] = set()
        self.lines: list[str] = []
        self.indent = 0
        self.leave = ""  # "" nests, else the statement that leaves the block
        self.world = "w"
        self.slot = 0
        self.result = -1
        self.counter = 0
        self.early: Expr | None = None
        self.answer: Expr | None = None  # what the rule says whatever it is asked
        self.paths: dict[int, tuple[str, Path]] = {}  # variables that hold a part of the input, of which world
        self.base: set[int] = {1}  # what was looked up in the base document by one reference
        self.upcoming: Statement | None = None

    # --- whole functions

    def function(self, slot: int, result: int, kinds: Sequence[str] = ()) -> list[str]:
        """A rule, which has a slot, or a function, the kinds of whose arguments may be known."""
        self.slot, self.result = slot, result
        self.early = self._early_answer()
        arguments = [f"v{local}" for local in self.params[2:]]
        self.line(f"def {self.name}({', '.join(['w', *arguments])}):")
        self.indent = 1
        for local, kind in zip(self.params[2:], kinds or [""] * len(self.params), strict=False):
            self.env[local] = Expr(f"v{local}", kind, defined=True)
        # What calls nothing is paid for by its caller.
        if not slot and any(s.kind.startswith("Call") and self._planned(s) for s in walk(self.blocks)):
            self.charge("1")
        self._resets(())
        self.nested_all(self.blocks, ())
        self.line(f"w[{slot}] = U" if slot else "pass")
        self.line("return U")
        return self._with_prologue()

    def entrypoint(self) -> list[str]:
        self.line(f"def {self.name}(w):")
        self.indent = 1
        self.line("rows = []")
        self._resets(())
        self.nested_all(self.blocks, ())
        self.line("return rows")
        return self._with_prologue()

    def _planned(self, statement: Statement) -> bool:
        return statement.kind != "CallStmt" or statement.fields["func"] in self.names.functions

    def charge(self, steps: str) -> None:
        self.line(f"budget.left -= {steps}")
        self.line("if budget.left < 0: budget.refill()")

    def _with_prologue(self) -> list[str]:
        """The lines, with what they use of the world in variables."""
        body = "\n".join(self.lines[1:])
        names = enumerate(("d0", "d1", "budget"))
        used = [f"\t{name} = w[{number}]" for number, name in names if re.search(rf"\b{name}\b", body)]
        return [self.lines[0], *used, *self.lines[1:]]

    def _early_answer(self) -> Expr | None:
        """The constant that all bodies of a rule agree on: the first body that holds is the answer."""
        answers: list[Expr] = []
        for statement, guarded in self._answers(self.blocks):
            source = statement.fields["source"]
            if guarded:
                continue
            if type(source) is Local:
                return None
            answers.append(self.names.constant(source))
        if not answers or any(answer.value is not answers[0].value for answer in answers[1:]):
            return None
        return answers[0] if type(answers[0].value) is bool else None

    def _answers(self, blocks: Sequence[Block]) -> list[tuple[Statement, bool]]:
        found = []
        for block in blocks:
            guarded = False
            for statement in block:
                if statement.kind == "IsUndefinedStmt" and statement.fields["source"] == self.result:
                    guarded = True
                if statement.kind == "AssignVarOnceStmt" and statement.fields["target"] == self.result:
                    found.append((statement, guarded))
                found += self._answers(statement.blocks)
        return found

    # --- lines and blocks

    def line(self, text: str) -> None:
        self.lines.append("\t" * self.indent + text)

    def fresh(self, prefix: str) -> str:
        self.counter += 1
        return f"{prefix}{self.counter}"

    def guard(self, condition: str) -> None:
        """What follows in this block runs only if the condition holds."""
        if self.leave:
            self.line(f"if not ({condition}): {self.leave}")
        else:
            self.line(f"if {condition}:")
            self.indent += 1

    def _resets(self, place: Place) -> None:
        for local in self.usage.resets.get(place, ()):
            self.line(f"v{local} = U")
            self.defined.discard(local)

    def nested_all(self, blocks: Sequence[Block], place: Place) -> None:
        for number, block in enumerate(blocks):
            self.nested(block, (*place, number))

    def nested(self, block: Block, place: Place, closing: str = "") -> None:
        """A block of its own; `closing` is written where it completes."""
        indent, leave, known, env = self.indent, self.leave, set(self.defined), dict(self.env)
        once = indent + 2 * _weight(block) > _DEEP
        if once:
            self.line("while True:")
            self.indent += 1
        self.leave = "break" if once else ""
        self.statements(block, place)
        self.line(closing or "pass")
        self.indent = indent
        if once:
            self.line("\tbreak")
        self.leave = leave
        # Only what was known before holds whether or not the block was left early.
        self.defined &= known
        self.env = env

    def statements(self, block: Block, place: Place) -> None:
        for index in range(len(block)):
            here = (*place, index)
            self._resets(here)
            self.upcoming = block[index + 1] if index + 1 < len(block) else None
            self.statement(block, index, here)

    def statement(self, block: Block, index: int, place: Place) -> None:
        raise NotImplementedError

    # --- operands

    def operand(self, operand: Operand) -> Expr:
        return self.local(operand.index) if type(operand) is Local else self.names.constant(operand)

    def local(self, local: int) -> Expr:
        known = self.env.get(local)
        return known if known is not None else Expr(f"v{local}", defined=local in self.defined)

    def needs(self, operand: Operand) -> Expr:
        """An operand that has to be defined."""
        expr = self.operand(operand)
        if not expr.defined:
            self.guard(f"{expr.code} is not U")
            if type(operand) is Local:
                self.know(operand.index)
                expr = self.operand(operand)
        return expr

    def know(self, local: int, kind: str = "") -> None:
        """From here on in this block the variable is defined, and of a kind where that is known too."""
        known = self.env.get(local)
        if known is None and not (kind and (local in self.usage.simple or local in self.params)):
            self.defined.add(local)
            return
        known = known or Expr(f"v{local}")
        if not known.constant:
            self.env[local] = replace(known, kind=known.kind or kind, defined=True)

    def assign(self, target: int, code: str, *, kind: str = "", defined: bool = False) -> None:
        """Write a variable; one that nobody reads is still computed, for its errors."""
        self.line(f"v{target} = {code}")
        self.bind(target, kind, defined)

    def bind(self, target: int, kind: str, defined: bool, *, key: str = "", item: str = "") -> None:
        if target in self.usage.simple and (kind or key):
            self.env[target] = Expr(f"v{target}", kind, defined=defined, key=key, item=item)
            return
        self.env.pop(target, None)
        if defined:
            self.defined.add(target)
        else:
            self.defined.discard(target)

    def alias(self, target: int, expr: Expr) -> None:
        if target in self.usage.simple and (expr.constant or expr.defined) and self.lasting(expr):
            self.env[target] = expr
        elif target in self.usage.used:
            self.assign(target, expr.code, defined=expr.defined)

    def lasting(self, expr: Expr) -> bool:
        """The expression's own variable cannot change while an alias of it is in use."""
        if expr.constant or not expr.code.startswith("v"):
            return True
        local = int(expr.code[1:])
        return local in self.usage.simple or local in self.params

    def around(self, place: Place) -> list[Statement]:
        """The statements around a place, outermost first, and itself."""
        found: list[Statement] = []
        blocks: Sequence[Block] = self.blocks
        for depth in range(0, len(place) - 1, 2):
            statement = blocks[place[depth]][place[depth + 1]]
            found.append(statement)
            blocks = statement.blocks
        return found


def _weight(block: Block) -> int:
    """How many statements may each indent what follows them; the block of a `with` continues its own."""
    return sum(1 + (_weight(s.blocks[0]) if s.kind == "WithStmt" else 0) for s in block)
