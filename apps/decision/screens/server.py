"""The server a call is for: registered and enabled, or nothing goes there."""

from apps.decision.facts import Facts
from apps.decision.types import Call, Decision, Effect, Finding


def screen(call: Call, facts: Facts, findings: tuple[Finding, ...]) -> Decision | None:
    server = facts.book.servers.get(call.server)
    if server is None:
        return Decision(Effect.DENY, "Server is not known", "server.unknown", "server", findings)
    if not server.enabled:
        return Decision(Effect.DENY, "Server is disabled", "server.disabled", "server", findings)
    return None
