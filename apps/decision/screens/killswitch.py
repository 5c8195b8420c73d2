"""A stopped tenant does nothing at all."""

from apps.decision.types import Call, Decision, Effect, Facts, Finding


def screen(call: Call, facts: Facts, findings: tuple[Finding, ...]) -> Decision | None:
    if not facts.kill_switch:
        return None
    return Decision(Effect.DENY, "All agents are stopped", "kill_switch", "kill_switch", findings)
