"""A loaded policy: immutable, shared by threads; all state of an evaluation lives in the evaluation."""

from collections.abc import Mapping
from typing import Any, Final

from apps.decision.rego.codegen import Code, generate
from apps.decision.rego.errors import BuiltinError, EvaluationError
from apps.decision.rego.plan import Plan, plan_name
from apps.decision.rego.support import MISSING, Budget, sized
from apps.decision.rego.values import UNDEFINED, Undefined, to_json
from apps.decision.types import JSON

MAX_STEPS: Final = 1_000_000
MAX_SECONDS: Final = 2.0


class Program:
    """Compiled entry points over one data document, which must not change as long as this object is used."""

    __slots__ = ("_code", "_data", "_query", "_template")

    def __init__(self, code: Code, query: str, data: JSON) -> None:
        self._code = code
        self._query = query
        self._data = {} if data is None else data
        self._template: tuple[Any, ...] = (MISSING,) * code.world_size

    @property
    def entrypoints(self) -> tuple[str, ...]:
        return tuple(name for name in self._code.entrypoints if name != self._query)

    @property
    def source(self) -> str:
        """The generated Python, for the curious and for error reports."""
        return self._code.source

    def evaluate(
        self,
        entrypoint: str,
        input: JSON | Undefined = UNDEFINED,
        *,
        now_ns: int = 0,
        max_steps: int = MAX_STEPS,
        max_seconds: float = MAX_SECONDS,
        strict: bool = False,
    ) -> JSON | Undefined:
        """The value of an entry point (`a/b` or `data.a.b`), or UNDEFINED.

        `now_ns` is what the policy takes for the present. With `strict`, a built-in that fails is an error, not
        undefined.
        """
        name = plan_name(entrypoint)
        rows = self._run(name, input, Budget(max_steps, max_seconds, now_ns, strict))
        return rows[0] if rows else UNDEFINED

    def rows(
        self,
        input: JSON | Undefined = UNDEFINED,
        *,
        now_ns: int = 0,
        max_steps: int = MAX_STEPS,
        max_seconds: float = MAX_SECONDS,
        strict: bool = False,
    ) -> list[Mapping[str, JSON]]:
        """The answers of the plan's query, each `{"bindings": …, "expressions": […]}`."""
        return self._run(self._query, input, Budget(max_steps, max_seconds, now_ns, strict))

    def binding(self, name: str) -> Any:
        """A variable of the query's first answer, as a Rego value and not as JSON: sets stay sets."""
        found = self._run(self._query, UNDEFINED, Budget(MAX_STEPS, MAX_SECONDS, 0, False), as_json=False)
        return found[0]["bindings"].get(name, UNDEFINED) if found else UNDEFINED

    def _run(self, name: str, input: JSON | Undefined, budget: Budget, *, as_json: bool = True) -> list[Any]:
        run = self._code.entrypoints.get(name)
        if run is None:
            raise EvaluationError(f"there is no entry point {name}")
        world = list(self._template)
        world[0], world[1], world[2] = input, self._data, budget
        self._code.prepare(world)
        try:
            found = [row["result"] for row in run(world)]
            return [to_json(sized(budget, value)) for value in found] if as_json else found
        except RecursionError:
            raise EvaluationError("the policy is recursive or nested too deeply") from None
        except BuiltinError as error:
            raise EvaluationError(str(error)) from None


def load(plan: bytes, data: JSON = None) -> Program:
    """A program from what `compile_modules` returned. `data` is the base document beneath the rules."""
    parsed = Plan.parse(plan)
    return Program(generate(parsed), parsed.query, data)
