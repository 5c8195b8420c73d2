"""How far one call may reach. A shallow deletion is denied here; the other limits ask for a person.

The Rego rule of the same name says the same once more, in the same words; a test holds them together.
"""

import re
from functools import lru_cache
from typing import Final

from apps.decision.facts import BlastRadius, Facts
from apps.decision.packs import FILE_KINDS
from apps.decision.spelling import depth
from apps.decision.types import Action, Call, Decision, Effect, Finding, Verdict

SHALLOW: Final = Verdict(
    Effect.DENY,
    "A deletion must name a path deep enough, counted from its root",
    "blast_radius.shallow_delete",
)
UNREAD: Final = Verdict(Effect.ESCALATE, "The arguments cannot be read as a whole", "blast_radius.unreadable")
TARGETLESS: Final = Verdict(Effect.ESCALATE, "A deletion of files names no path", "blast_radius.unreadable")
RECIPIENTS: Final = Verdict(Effect.ESCALATE, "So many recipients need a person", "blast_radius.recipients")
BULK: Final = Verdict(Effect.ESCALATE, "So many things at once need a person", "blast_radius.bulk")
CONFIG: Final = Verdict(
    Effect.ESCALATE, "A change below a configuration directory needs a person", "blast_radius.config_path"
)
PROTECTED: Final = Verdict(
    Effect.ESCALATE, "A file of this name is protected, so it needs a person", "blast_radius.protected_file"
)
_HOME: Final = re.compile(r"(?:/root|/home/[^/]+|/users/[^/]+|/var/root|[a-z]:/users/[^/]+)(?=/|$)")


def screen(call: Call, facts: Facts, findings: tuple[Finding, ...]) -> Decision | None:
    """Denies what no exception may loosen."""
    if _shallow(call, facts.book.blast_radius):
        return Decision(SHALLOW.result, SHALLOW.reason, SHALLOW.policy, "blast_radius", findings, (SHALLOW,))
    return None


def raised(call: Call, facts: Facts) -> tuple[Verdict, ...]:
    """What needs a person. Policy is asked all the same, since it may deny."""
    reach, limits = call.reach, facts.book.blast_radius
    found = []
    if reach.unread:
        found.append(UNREAD)
    if _targetless(call):
        found.append(TARGETLESS)
    if reach.recipients > limits.email_recipient_limit:
        found.append(RECIPIENTS)
    if reach.items > limits.bulk_action_threshold:
        found.append(BULK)
    if call.action is not Action.READ and reach.paths and any(_configures(path, limits) for path in reach.paths):
        found.append(CONFIG)
    if reach.names and any(_protected(name, limits) for name in reach.names):
        found.append(PROTECTED)
    return tuple(found)


def _shallow(call: Call, limits: BlastRadius) -> bool:
    reach, deleting = call.reach, call.action is Action.DELETE
    if deleting and reach.unread:
        return True
    targets = reach.paths + reach.deletes if deleting else reach.deletes
    return any(depth(path) < limits.min_delete_depth for path in targets)


def _targetless(call: Call) -> bool:
    return (
        call.action is Action.DELETE
        and call.method == "tools/call"
        and call.resource_kind in FILE_KINDS
        and not call.reach.paths
    )


def _configures(path: str, limits: BlastRadius) -> bool:
    below = spelled(limits)[0]
    return _below(path, below) or _below(_HOME.sub("~", path, count=1), below)


def _below(path: str, directories: tuple[str, ...]) -> bool:
    """A wildcard may stand for any of them that begins as the path does."""
    if "*" not in path:
        return f"{path}/".startswith(directories)
    start = path.partition("*")[0]
    return start != "" and any(one.startswith(start) or start.startswith(one) for one in directories)


def _protected(name: str, limits: BlastRadius) -> bool:
    names = spelled(limits)[1]
    if "*" not in name:
        return name in names
    start, _, end = name.partition("*")
    return any((start and one.startswith(start)) or (end and one.endswith(end)) for one in names)


@lru_cache(64)
def spelled(limits: BlastRadius) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Configuration directories, each with a slash at its end, and protected names, as reaches are spelled."""
    directories = tuple(f"{one.lower().rstrip('/')}/" for one in limits.config_paths)
    return directories, tuple(one.lower() for one in limits.protected_names)
