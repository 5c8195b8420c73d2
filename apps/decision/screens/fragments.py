"""A credential that leaves in pieces is denied with the piece that makes it whole, whatever the pieces went to."""

from apps.decision.facts import Facts
from apps.decision.types import Call, Decision, DlpAction, Effect, Finding, Severity

STAGE = "fragments"


def screen(call: Call, facts: Facts, findings: tuple[Finding, ...]) -> Decision | None:
    judge = facts.book.fragments
    if judge is None or not call.pieces:
        return None
    completed = judge.completed(facts.earlier, call.pieces)
    if not completed:
        return None
    found = tuple(Finding(STAGE, one.pattern, Severity.CRITICAL, DlpAction.DENY, "$", "***") for one in completed)
    reason = f"{completed[0].pattern} was put together from several calls"
    return Decision(Effect.DENY, reason, f"fragments.{completed[0].pattern}", STAGE, findings + found)
