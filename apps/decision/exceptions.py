"""Whether a person's time-boxed permission covers a call that policy would not let pass."""

from apps.decision.types import Call, Decision, Facts


def soften(call: Call, facts: Facts, decision: Decision) -> Decision:
    """The decision, or an allow by the exception that covers the call."""
    return decision
