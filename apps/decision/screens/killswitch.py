"""A stopped tenant does nothing at all, unless somebody broke the glass for this agent and the time is not over."""

from typing import Final

from apps.decision.facts import Facts, Stop
from apps.decision.types import Call, Decision, Effect, Finding

# How long after its facts were asked for a call may still be sent. Whoever engages the kill switch waits as long before
# saying so, hence nothing that was judged before reaches an upstream after.
FRESH_SECONDS: Final = 0.25


def screen(call: Call, facts: Facts, findings: tuple[Finding, ...]) -> Decision | None:
    stop = stopped_by(facts)
    if stop is None:
        return None
    reason = "All agents are stopped" if stop.scope == "tenant" else "All agents of this installation are stopped"
    return Decision(Effect.DENY, reason, f"kill_switch.{stop.scope}", "kill_switch", findings)


def stopped_by(facts: Facts) -> Stop | None:
    """The stop that holds for this caller now."""
    for stop in facts.book.human.stops:
        if not _lifted(stop, facts):
            return stop
    return None


def _lifted(stop: Stop, facts: Facts) -> bool:
    now, agent = facts.now, facts.caller.agent.id
    return now is not None and any(lift.until > now and lift.agent_id in ("", agent) for lift in stop.lifts)
