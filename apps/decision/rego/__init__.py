"""Rego in process: modules become a plan in a child process, the plan becomes Python, and Python judges."""

from apps.decision.rego.compile import Compiler, Limits, compile_modules
from apps.decision.rego.errors import EvaluationError, Problem, RegoError
from apps.decision.rego.runtime import Program, load
from apps.decision.rego.values import UNDEFINED, Undefined

__all__ = [
    "UNDEFINED",
    "Compiler",
    "EvaluationError",
    "Limits",
    "Problem",
    "Program",
    "RegoError",
    "Undefined",
    "compile_modules",
    "load",
]
