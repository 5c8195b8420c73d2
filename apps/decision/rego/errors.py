"""What goes wrong with a policy: refused when compiled (`RegoError`), failed when it judges (`EvaluationError`)."""

from collections.abc import Sequence
from dataclasses import dataclass

from apps.decision.errors import BadInput, Unavailable


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a module. Lines and columns count from 1; 0 where the compiler names no place."""

    file: str
    line: int
    column: int
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}" if self.file else self.message


class RegoError(BadInput):
    """The modules cannot be compiled; `problems` says where and why."""

    code = "bad_policy"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems) or "the policy was refused")
        self.problems = tuple(problems)


class EvaluationError(Unavailable):
    """A query has no answer: rules contradict each other or a limit was reached. The caller denies."""

    code = "policy_error"


class BuiltinError(Exception):
    """A built-in cannot work with its arguments: the call is undefined, or an error in strict mode."""
