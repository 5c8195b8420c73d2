"""Whether a person's time-boxed permission covers a call that policy would not let pass.

An exception covers a call when agent, server and tool fit and **everything** that the call reaches is covered by one of
the lines of its `resource`. Text is compared as it was written, letter by letter; a path that could be read in more
than one way (encoded, climbing, of somebody's home, with a wildcard) only by a line that is the very same text. What is
left when all that is covered has been taken out of the arguments must reach nothing. `covering.py` does that part,
`globs.py` explains patterns. For a message that calls no tool, its method stands for the tool (`resources/read`).

Never softened: whatever a screen denied, a critical DLP finding, and the verdicts in `HARD`, even where another verdict
was the stronger one.
"""

from dataclasses import replace
from typing import Final

from apps.decision import covering, globs
from apps.decision.facts import ExceptionGrant, Facts
from apps.decision.globs import Sort
from apps.decision.types import Call, Decision, Effect, Severity

# What no exception and no approval loosens, beside everything that the screens deny. A trailing dot is a whole family.
HARD: Final = (
    "blast_radius.shallow_delete", "agent_state.", "domain_trust.", "policy_error", "risk_tier.unknown", "pin.",
)  # fmt: skip
MAX_LINES: Final = 10
MAX_TOOL: Final = 200
MAX_RESOURCE: Final = 1000
_SOFT: Final = {
    ("policy", Effect.DENY),
    ("policy", Effect.ESCALATE),
    ("blast_radius", Effect.ESCALATE),
}


def soften(call: Call, facts: Facts, decision: Decision) -> Decision:
    """The decision, or an allow by the exception that covers the call."""
    if not softenable(decision):
        return decision
    grant = granted(call, facts)
    if grant is None:
        return decision
    return replace(
        decision,
        effect=Effect.ALLOW,
        reason=f"Exception {grant.id} covers what {decision.policy} would {decision.effect}: {decision.reason}",
        policy="exception",
        stage="exception",
        exception=grant.id,
    )


def softenable(decision: Decision) -> bool:
    if (decision.stage, decision.effect) not in _SOFT or is_hard(decision.policy):
        return False
    if any(is_hard(one.policy) for one in decision.verdicts if one.result is not Effect.ALLOW):
        return False
    return not any(one.scanner == "dlp" and one.severity is Severity.CRITICAL for one in decision.findings)


def is_hard(policy: str) -> bool:
    return any(policy == one or (one.endswith(".") and policy.startswith(one)) for one in HARD)


def granted(call: Call, facts: Facts) -> ExceptionGrant | None:
    """The first live exception that covers the call."""
    return next((grant for grant in _live(facts) if covers(grant, call)), None)


def covers(grant: ExceptionGrant, call: Call) -> bool:
    """Agent and time aside."""
    if grant.server not in ("", call.server) or not globs.covers(grant.tool, _name(call.method, call.tool), Sort.TOOL):
        return False
    return covering.covered(grant.resource.split("\n"), call)


def names(facts: Facts, method: str, tool: str) -> bool:
    """Whether a live exception of the caller speaks of this tool: then it may know that there is one."""
    name = _name(method, tool)
    return any(
        grant.server in ("", facts.server.name) and globs.covers(grant.tool, name, Sort.TOOL) for grant in _live(facts)
    )


def _live(facts: Facts) -> tuple[ExceptionGrant, ...]:
    """The caller's exceptions at the call's own time."""
    agent, now = facts.caller.agent.id, facts.now
    grants = facts.book.human.grants.get(agent, ())
    if now is None or not grants:
        return ()
    return tuple(grant for grant in grants if grant.agent_id == agent and grant.expires_at > now)


def _name(method: str, tool: str) -> str:
    return tool if method == "tools/call" else method


# --- what a person may write ------------------------------------------------------------------------------------------


def tidied(resource: str) -> str:
    """One pattern per line, without the blanks around them that nobody sees."""
    return "\n".join(line for line in map(str.strip, resource.splitlines()) if line)


def flaws(tool: str, resource: str) -> dict[str, str]:
    """Why these patterns cannot be used, by field; a pattern that covers every call is no exception but a policy."""
    lines = resource.split("\n")
    found = {}
    if flaw := _flaw(tool, MAX_TOOL):
        found["tool"] = flaw
    if len(lines) > MAX_LINES or len(resource) > MAX_RESOURCE:
        found["resource"] = f"At most {MAX_LINES} lines and {MAX_RESOURCE} characters."
    elif flaw := next(filter(None, map(_flaw, lines)), ""):
        found["resource"] = flaw
    if not found and _vague(tool) and any(map(_vague, lines)):
        found["resource"] = "Tool and resource together cover everything. Say which tool or which resource."
    return found


def _flaw(pattern: str, most: int = MAX_RESOURCE) -> str:
    if not pattern:
        return "Required."
    if len(pattern) > most:
        return f"At most {most} characters."
    if not pattern.isprintable():
        return "Holds a character that cannot be seen."
    if globs.compiled(pattern) is None:
        return "The backslash at the end takes nothing."
    return ""


def _vague(pattern: str) -> bool:
    glob = globs.compiled(pattern)
    return glob is not None and glob.vague
