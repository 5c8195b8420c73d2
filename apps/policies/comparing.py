"""Two rulebooks judge the same recorded inputs, and what they say differently is counted. Reads and writes no rows.

Both sides judge the same masked document with the same engine, so a difference is the candidate's doing: neither what
masking hides nor what has changed since the call was recorded can look like a flip.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import orjson

from apps.decision.types import JSON, Authorizer, Ruling
from apps.policies.authorizer import FAILED
from apps.policies.contributing import Same
from apps.policies.recorded import Recorded

SAMPLES_PER_GROUP: Final = 20
_POLICY_STAGES: Final = frozenset({"policy"})


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules in effect and the candidate. Neither judges an input that both decide alike, which `same` knows."""

    before: Authorizer
    after: Authorizer
    same: Same


@dataclass(frozen=True, slots=True)
class Group:
    """Whose calls of what, and how they would end otherwise."""

    agent_id: str
    agent_name: str
    mcp_server: str
    tool: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Sample:
    group: Group
    recorded: Recorded
    resource: str
    before: Ruling
    after: Ruling


@dataclass(slots=True)
class Tally:
    """What came of a run of inputs, up to and including `cursor`."""

    cursor: int
    done: int = 0
    masked: int = 0
    unreadable: int = 0
    unchanged: int = 0
    drifted: int = 0
    errors_before: int = 0
    errors_after: int = 0
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    groups: Counter[Group] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)

    @property
    def flips(self) -> int:
        return sum(self.groups.values())


def compare(inputs: Sequence[Recorded], rules: Rules, *, start: int, until: float) -> Tally:
    """Judge inputs in turn until the clock (`time.monotonic`) says `until`, and at least one."""
    tally, kept = Tally(start), Counter[Group]()
    for one in inputs:
        _judge(one, rules, tally, kept)
        tally.cursor = one.seq
        tally.done += 1
        if time.monotonic() > until:
            break
    return tally


def _judge(one: Recorded, rules: Rules, tally: Tally, kept: Counter[Group]) -> None:
    try:
        document = orjson.loads(one.document)
    except orjson.JSONDecodeError:
        document = None
    if type(document) is not dict:
        tally.unreadable += 1
        return
    dlp = document.get("dlp")
    tally.masked += type(dlp) is dict and dlp.get("has_findings") is True
    if rules.same(document):
        tally.unchanged += 1
        return
    was, would = rules.before(document), rules.after(document)
    tally.errors_before += was is FAILED
    tally.errors_after += would is FAILED
    tally.drifted += one.stage in _POLICY_STAGES and one.result != was.result
    pair = (was.result.value, would.result.value)
    tally.pairs[pair] += 1
    if was.result is would.result:
        return
    group = _group(document, *pair)
    tally.groups[group] += 1
    if kept[group] < SAMPLES_PER_GROUP:
        kept[group] += 1
        resource = _text(_part(document, "request"), "resource", 500)
        tally.samples.append(Sample(group, one, resource, was, would))


def _group(document: Mapping[str, JSON], before: str, after: str) -> Group:
    agent, request = _part(document, "agent"), _part(document, "request")
    tool = _text(request, "tool_name", 200) or _text(request, "method", 200)
    names = _text(agent, "id", 100), _text(agent, "name", 200), _text(request, "mcp_server", 63)
    return Group(*names, tool, before, after)


def _part(document: Mapping[str, JSON], name: str) -> Mapping[str, JSON]:
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def _text(part: Mapping[str, JSON], name: str, longest: int) -> str:
    """As text that a column takes."""
    found = part.get(name)
    return found[:longest].replace("\0", "\ufffd") if isinstance(found, str) else ""
