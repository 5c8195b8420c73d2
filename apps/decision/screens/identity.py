"""The caller as the rulebook knows it now, not as its token remembers it."""

from apps.decision.facts import Facts
from apps.decision.types import Call, Decision, Effect, Finding


def screen(call: Call, facts: Facts, findings: tuple[Finding, ...]) -> Decision | None:
    agent = facts.book.agents.get(facts.caller.agent.id)
    if agent is None:
        return _denied("Agent is not known", "identity.unknown_agent", findings)
    if agent.status != "active":
        return _denied(f"Agent is {agent.status}", f"identity.{agent.status}", findings)
    if facts.caller.session_id in facts.book.revoked_sessions:
        return _denied("Session was revoked", "identity.session_revoked", findings)
    return None


def _denied(reason: str, policy: str, findings: tuple[Finding, ...]) -> Decision:
    return Decision(Effect.DENY, reason, policy, "identity", findings)
