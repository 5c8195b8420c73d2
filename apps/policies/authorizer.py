"""A compiled program as the judge of calls. It raises nothing: an error, a limit or silence is a denial."""

import logging
import time
from typing import Final

from apps.decision.rego import EvaluationError, Program
from apps.decision.types import JSON, Effect, Ruling, Verdict
from apps.policies import base

logger = logging.getLogger(__name__)

# Evaluation runs on the gateway's event loop, so a policy gets what a decision may cost at worst.
MAX_STEPS: Final = 300_000
MAX_SECONDS: Final = 0.25
FAILED: Final = Ruling(
    Effect.DENY,
    "The policy could not be evaluated",
    "policy_error",
    (Verdict(Effect.DENY, "The policy could not be evaluated", "policy_error"),),
)


class ProgramAuthorizer:
    """Judges in this process. `quiet` is for replays, which count what fails instead of logging each."""

    __slots__ = ("_program", "_quiet")

    def __init__(self, program: Program, *, quiet: bool = False) -> None:
        self._program = program
        self._quiet = quiet

    def __call__(self, document: JSON) -> Ruling:
        try:
            answer = self._program.evaluate(
                base.ENTRYPOINT, document, now_ns=present(document), max_steps=MAX_STEPS, max_seconds=MAX_SECONDS
            )
            return ruling_of(answer)
        except EvaluationError as error:
            if not self._quiet:
                logger.warning("policy not evaluated: %s", error.detail)
        except Exception as error:
            # Whatever a policy can provoke, the answer is no. The message may hold what was judged: not logged.
            if not self._quiet:
                logger.error("policy evaluation failed: %s", type(error).__name__)
        return FAILED


def refuse(document: JSON) -> Ruling:
    """For a rulebook whose policies do not compile any more: nothing is allowed until somebody mends it."""
    return FAILED


def ruling_of(answer: JSON) -> Ruling:
    """Raises KeyError, TypeError or ValueError when the answer is not a decision."""
    verdicts = tuple(_verdict(said) for said in answer["verdicts"])
    chosen = _verdict(answer)
    return Ruling(chosen.result, chosen.reason, chosen.policy, verdicts)


def _verdict(said: JSON) -> Verdict:
    reason, policy = said["reason"], said["policy"]
    if not isinstance(reason, str) or not isinstance(policy, str):
        raise TypeError("a verdict's reason and policy are strings")
    return Verdict(Effect(said["result"]), reason, policy)


def present(document: JSON) -> int:
    """The call's own time where the document has it, so that a decision can be repeated later."""
    context = document.get("context") if isinstance(document, dict) else None
    given = context.get("time_ns") if isinstance(context, dict) else None
    return given if type(given) is int else time.time_ns()
