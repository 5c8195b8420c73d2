"""How far one call may reach. A shallow deletion is denied here; the other limits ask for a person."""

from apps.decision.types import Call, Decision, Facts, Finding, Verdict


def screen(call: Call, facts: Facts, findings: tuple[Finding, ...]) -> Decision | None:
    """Denies what no exception may loosen."""
    return None


def raised(call: Call, facts: Facts) -> tuple[Verdict, ...]:
    """What needs a person. Policy is asked all the same, since it may deny."""
    return ()
