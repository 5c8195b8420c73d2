"""What an exception would have covered: asked of the log before anybody grants it. Changes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import orjson

from apps.agents.models import Agent, McpServer
from apps.audit.models import AuditEntry, DecisionInput
from apps.decision import exceptions
from apps.decision.errors import BadInput
from apps.decision.events import EventKind
from apps.decision.facts import ExceptionGrant
from apps.decision.packs import FILE_KINDS
from apps.decision.reach import reach_of
from apps.decision.types import NO_REACH, Action, Call, Decision, DlpAction, Effect, Finding, Reach, Severity, Verdict
from apps.exceptions.models import Escalation

MOST: Final = 5_000
SHOWN: Final = 100
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


class Would(StrEnum):
    """What the exception would have done for a call that it covers."""

    ALLOW = "allow"
    NOTHING = "nothing"  # the call was allowed without it
    STAY = "stay"  # no exception loosens that refusal


@dataclass(frozen=True, slots=True)
class Covered:
    """`sure` where the call's own (masked) input was kept; else only tool and target are known."""

    entry: AuditEntry
    would: Would
    sure: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """`covered` is newest first, and no longer than what is shown; the numbers are of all."""

    looked_at: int
    numbers: Mapping[Would, int]
    covered: Sequence[Covered]


def preview(*, agent_id: UUID, tool: str, resource: str, mcp_server: str = "", last: int = 1_000) -> Preview:
    """Looks at the agent's last calls. Raises BadInput for what could not be granted either."""
    tool, resource = tool.strip(), exceptions.tidied(resource)
    flaws = exceptions.flaws(tool, resource)
    if not 1 <= last <= MOST:
        flaws["last"] = f"From 1 to {MOST}."
    if not Agent.objects.filter(pk=agent_id).exists():
        flaws["agent_id"] = "There is no such agent."
    if flaws:
        raise BadInput("Some fields are not valid.", fields=flaws)
    grant = ExceptionGrant("", str(agent_id), mcp_server, tool, resource, _NEVER)
    rows = AuditEntry.objects.filter(agent_id=str(agent_id), kind=EventKind.CALL_DECISION.label)
    entries = list(rows.order_by("-seq")[:last])
    inputs = dict(DecisionInput.objects.filter(seq__in=[entry.seq for entry in entries]).values_list("seq", "document"))
    kinds = dict(McpServer.objects.values_list("name", "kind"))
    asked = _asked(entries)
    covered = []
    for entry in entries:
        kept = inputs.get(entry.seq)
        call = _call_of_input(orjson.loads(kept)) if kept else _call_of_entry(entry, kinds.get(entry.mcp_server, ""))
        if exceptions.covers(grant, call):
            covered.append(Covered(entry, _would(entry, asked.get(_escalation(entry))), kept is not None))
    numbers = {would: sum(one.would is would for one in covered) for would in Would}
    return Preview(len(entries), numbers, covered[:SHOWN])


def _asked(entries: Sequence[AuditEntry]) -> dict[str, Escalation]:
    """What people were asked about these calls, by id."""
    ids = {_escalation(entry) for entry in entries if entry.stage == "approval"} - {""}
    return {str(row.pk): row for row in Escalation.objects.filter(pk__in=ids)}


def _escalation(entry: AuditEntry) -> str:
    return str(entry.extra.get("escalation", ""))


def _would(entry: AuditEntry, asked: Escalation | None) -> Would:
    if entry.policy_result == Effect.ALLOW:
        return Would.NOTHING
    findings = tuple(_finding(one) for one in entry.dlp_findings)
    decision = Decision(Effect(entry.policy_result), "", entry.policy_id, entry.stage, findings)
    if entry.stage == "approval":  # an exception is asked before a person is: what counts is why one was to be
        decision = replace(decision, effect=Effect.ESCALATE, stage="policy")
        if asked is not None:
            verdicts = tuple(Verdict(Effect(one["result"]), "", one["policy"]) for one in asked.verdicts)
            decision = replace(decision, policy=asked.policy_id, verdicts=verdicts)
    return Would.ALLOW if exceptions.softenable(decision) else Would.STAY


def _finding(said: Mapping[str, Any]) -> Finding:
    severity, action = Severity(said["severity"]), DlpAction(said["action"])
    return Finding(said["scanner"], said["rule"], severity, action, said["path"], "")


def _call_of_input(document: Mapping[str, Any]) -> Call:
    request = document["request"]
    reach = request["reach"]
    return Call(
        server=request["mcp_server"],
        method=request["method"],
        tool=request["tool_name"],
        action=Action(request["action"]),
        resource=request["resource"],
        resource_kind=request["resource_kind"],
        resource_count=request["resource_count"],
        arguments=request["parameters"],
        input_hash="",
        reach=Reach(tuple(reach["paths"]), recipients=reach["recipients"], unread=reach["unread"]),
    )


def _call_of_entry(entry: AuditEntry, kind: str) -> Call:
    return Call(
        server=entry.mcp_server,
        method=entry.method,
        tool=entry.tool_name,
        action=Action(entry.action),
        resource=entry.target,
        resource_kind=kind,
        resource_count=1,
        arguments={},
        input_hash="",
        reach=reach_of(kind, {"path": entry.target}) if kind in FILE_KINDS else NO_REACH,
    )
