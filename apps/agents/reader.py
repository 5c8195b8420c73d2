"""Counts what happened in each session by reading the log; a session's counters have no other source."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import F
from django.db.models.functions import Coalesce, Greatest

from apps.agents.models import Session
from apps.audit.models import AuditEntry
from apps.audit.readers import Reader
from apps.decision.events import EventKind

DECISION = EventKind.CALL_DECISION.label
# What makes a session stand out, by the kind of the entry that says so.
FLAGS = {
    EventKind.REQUESTER_IDENTITY_MISMATCH.label: "several_requesters",
    EventKind.INBOUND_INJECTION_DETECTED.label: "inbound_injection",
    EventKind.INBOUND_INJECTION_BLOCKED.label: "inbound_injection",
    EventKind.SYSTEM_PROMPT_DRIFT.label: "system_prompt_drift",
    EventKind.DLP_FRAGMENT_REASSEMBLY.label: "fragment_reassembly",
    EventKind.CANARY_SIGHTED.label: "canary",
}
COUNTED = {DECISION, EventKind.CALL_OUTCOME.label, EventKind.CALL_REFUSED.label, EventKind.MESSAGE_RECORDED.label}


@dataclass(slots=True)
class Tally:
    last_seen: datetime
    tool_calls: int = 0
    denied: int = 0
    dlp_hits: int = 0


def project(entries: Sequence[AuditEntry]) -> None:
    """Adds a batch to the counters. Runs in one transaction with the cursor, so no entry counts twice."""
    tallies: dict[UUID, Tally] = {}
    flagged: dict[tuple[UUID, str], datetime] = {}
    for entry in entries:
        session_id = _uuid(entry.session_id)
        if session_id is None:
            continue
        if entry.kind in FLAGS:
            flagged.setdefault((session_id, FLAGS[entry.kind]), entry.timestamp)
        if entry.kind not in COUNTED:
            continue
        tally = tallies.setdefault(session_id, Tally(entry.timestamp))
        tally.last_seen = max(tally.last_seen, entry.timestamp)
        tally.dlp_hits += sum(finding.get("scanner") == "dlp" for finding in entry.dlp_findings)
        if entry.kind == DECISION:
            tally.tool_calls += entry.method == "tools/call"
            tally.denied += entry.policy_result == "deny"
    for session_id in sorted(tallies):  # one order for all, so that two readers cannot block each other
        tally = tallies[session_id]
        Session.objects.filter(pk=session_id).update(
            tool_call_count=F("tool_call_count") + tally.tool_calls,
            denied_count=F("denied_count") + tally.denied,
            dlp_hit_count=F("dlp_hit_count") + tally.dlp_hits,
            last_seen_at=Greatest(Coalesce(F("last_seen_at"), tally.last_seen), tally.last_seen),
        )
    for (session_id, flag), at in sorted(flagged.items()):
        _flag(session_id, flag, at)


def _flag(session_id: UUID, flag: str, at: datetime) -> None:
    session = Session.objects.select_for_update().filter(pk=session_id).first()
    if session is not None and flag not in session.flags:
        session.flags = [*session.flags, flag]
        session.flagged_at = session.flagged_at or at
        session.save(update_fields=["flags", "flagged_at"])


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


SESSIONS = Reader("agents.sessions", project)
