"""Filters of the log, as the query string states them. Refuses what it does not know rather than ignoring it."""

from collections.abc import Mapping
from datetime import UTC, datetime

from django.db.models import Q

from apps.audit import services
from apps.decision.errors import BadInput
from apps.decision.events import EventKind

EXACT = (
    "agent_id", "session_id", "requester_id", "tool_name", "mcp_server", "method", "action", "actor", "policy_result",
    "policy_id", "stage", "workflow_session_id", "input_hash",
)  # fmt: skip
SEARCHED = ("target", "tool_name", "policy_reason", "error", "actor", "agent_id", "session_id")
NAMES = (*EXACT, "kind", "from", "to", "q", "parent_event_id")
MAX_QUERY = 200
_KINDS = frozenset(kind.label for kind in EventKind)


def conditions(given: Mapping[str, str], *, besides: tuple[str, ...] = ()) -> Q:
    """The filter that these parameters ask for. `besides` are parameters that mean something else."""
    unknown = sorted(set(given) - set(NAMES) - set(besides))
    if unknown:
        raise _bad(unknown[0], "There is no such filter.")
    wanted = Q()
    for name in EXACT:
        if name in given:
            wanted &= Q(**{f"{name}__in": given[name].split(",")}) if "," in given[name] else Q(**{name: given[name]})
    if "kind" in given:
        kinds = given["kind"].split(",")
        wrong = [kind for kind in kinds if kind not in _KINDS]
        if wrong:
            raise _bad("kind", f"{wrong[0]!r} is not a kind of entry.")
        wanted &= Q(kind__in=kinds) if len(kinds) > 1 else Q(kind=kinds[0])
    if "from" in given:
        wanted &= Q(timestamp__gte=_time("from", given["from"]))
    if "to" in given:
        wanted &= Q(timestamp__lt=_time("to", given["to"]))
    if "parent_event_id" in given:
        parent = services.entry_id(given["parent_event_id"])
        if parent is None:
            raise _bad("parent_event_id", "Give the id of an entry.")
        wanted &= Q(parent_event_id=parent)
    if given.get("q"):
        wanted &= _contains(given["q"])
    for name, value in given.items():
        if "\0" in value:
            raise _bad(name, "NUL cannot be searched for.")
    return wanted


def _contains(text: str) -> Q:
    if len(text) > MAX_QUERY:
        raise _bad("q", f"At most {MAX_QUERY} characters.")
    wanted = Q()
    for name in SEARCHED:
        wanted |= Q(**{f"{name}__icontains": text})
    return wanted


def _time(name: str, text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text.replace(" ", "+"))
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # an offset can lead out of the calendar
        raise _bad(name, "Give an ISO 8601 time, such as 2026-01-31T12:00:00Z.") from None


def _bad(name: str, message: str) -> BadInput:
    return BadInput(f"{name}: {message}", fields={name: message})
