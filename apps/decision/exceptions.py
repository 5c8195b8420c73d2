"""Whether a person's time-boxed permission covers a call that policy would not let pass.

An exception covers a call when agent, server and tool fit and **everything** that the call reaches is covered by one of
the lines of its `resource`: every path (`Call.reach`, in one spelling, and as it was written where that is not plain),
and the thing it names where that is no path. What is known only by number (recipients) needs the line `**`. Patterns
are explained in `globs.py`. For a message that calls no tool, its method stands for the tool (`resources/read`).

Never softened: whatever a screen denied, a critical DLP finding, and the verdicts in `HARD`, even where another verdict
was the stronger one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from apps.decision import globs
from apps.decision.globs import Sort
from apps.decision.types import JSON, Call, Decision, Effect, ExceptionGrant, Facts, Severity

# What no exception and no approval loosens, beside everything that the screens deny. A trailing dot is a whole family.
HARD: Final = ("blast_radius.shallow_delete", "agent_state.", "policy_error", "risk_tier.unknown")
MAX_LINES: Final = 10
MAX_TOOL: Final = 200
MAX_RESOURCE: Final = 1000
_SOFT: Final = {
    ("policy", Effect.DENY),
    ("policy", Effect.ESCALATE),
    ("blast_radius", Effect.ESCALATE),
}
_MAX_WRITTEN: Final = 4096  # longer texts are no paths


def spelled(text: str) -> str:
    return text


def soften(call: Call, facts: Facts, decision: Decision) -> Decision:
    """The decision, or an allow by the exception that covers the call."""
    if not softenable(decision):
        return decision
    grant = covering(call, facts)
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


def covering(call: Call, facts: Facts) -> ExceptionGrant | None:
    """The first live exception that covers the call at the call's own time."""
    agent, now = facts.caller.agent.id, facts.now
    if now is None:
        return None
    for grant in facts.book.human.grants.get(agent, ()):
        if grant.agent_id == agent and grant.expires_at > now and covers(grant, call):
            return grant
    return None


def covers(grant: ExceptionGrant, call: Call) -> bool:
    """Agent and time aside."""
    if grant.server not in ("", call.server) or not globs.covers(grant.tool, name_of(call), Sort.TOOL):
        return False
    lines = grant.resource.split("\n")
    return any(one is not None and one.anything for one in map(globs.compiled, lines)) or _all_covered(lines, call)


def name_of(call: Call) -> str:
    return call.tool if call.method == "tools/call" else call.method


def names(facts: Facts, method: str, tool: str) -> bool:
    """Whether a live exception of the caller speaks of this tool: then it may know that there is one."""
    agent, now = facts.caller.agent.id, facts.now
    name = tool if method == "tools/call" else method
    return now is not None and any(
        grant.agent_id == agent
        and grant.expires_at > now
        and grant.server in ("", facts.server.name)
        and globs.covers(grant.tool, name, Sort.TOOL)
        for grant in facts.book.human.grants.get(agent, ())
    )


def _all_covered(lines: list[str], call: Call) -> bool:
    written: dict[str, set[str]] = {}
    for text in (call.resource, *_texts(call.arguments)):
        if 0 < len(text) <= _MAX_WRITTEN and (path := spelled(text)) in call.reach.paths:
            written.setdefault(path, set()).add(text)
    for path in call.reach.paths:
        if not all(_path_covered(lines, path, text) for text in written.get(path, {path})):
            return False
    things = _things(call, written)
    if not all(any(globs.covers(line, thing, Sort.TEXT) for line in lines) for thing in things):
        return False
    reached = len(things) + len(call.reach.paths)
    return reached > 0 and call.reach.recipients <= reached


def _path_covered(lines: list[str], path: str, text: str) -> bool:
    """A path that could be read otherwise than the house reads it is covered only as it was written."""
    if _written_plainly(text):
        return any(globs.covers(line, path, Sort.PATH) or globs.covers(line, text, Sort.PATH) for line in lines)
    return any((one := globs.compiled(line)) is not None and one.literal == text for line in lines)


def _written_plainly(text: str) -> bool:
    """A backslash is a separator where a drive or a share says so, and a character of a name elsewhere."""
    if text[1:3] == ":\\" or text.startswith("\\\\"):
        text = text.replace("\\", "/")
    if text.startswith("./") and len(text) > 2:
        text = text[2:]
    return globs.plain(text, Sort.PATH)


def _things(call: Call, written: Mapping[str, set[str]]) -> frozenset[str]:
    """What the call names that is no path, and whatever stands beside it in a list or deeper under the same key."""
    if any(call.resource in texts for texts in written.values()) or (call.reach.paths and not call.resource):
        return frozenset()
    things = {call.resource}
    if isinstance(call.arguments, dict):
        keys = {key for key, value in call.arguments.items() if value == call.resource}
        things.update(_under(keys, call.arguments))
        for value in call.arguments.values():
            if isinstance(value, list) and call.resource in value:
                things.update(item if isinstance(item, str) else "" for item in value)  # "" is covered by no line
    return frozenset(things)


def _under(keys: set[str], value: JSON) -> Iterator[str]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield from (item for key, item in one.items() if key in keys and isinstance(item, str))
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


def _texts(value: JSON) -> Iterator[str]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            waiting.extend(one)
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


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
