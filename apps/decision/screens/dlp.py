"""Secrets on their way out: denied here, before any policy sees them, where their pattern's action says so.

Findings to redact or to log ride along; whoever forwards the call redacts. What is not an argument (the name of a
tool, the address of a resource) cannot be redacted without naming something else, so there a redaction is a denial.
"""

from apps.decision.facts import Facts
from apps.decision.types import Call, Decision, DlpAction, Effect, Finding

_NAMES = frozenset({"$.name", "$.uri"})


def screen(call: Call, facts: Facts, findings: tuple[Finding, ...]) -> Decision | None:
    for finding in findings:
        if finding.action is DlpAction.DENY or (finding.action is DlpAction.REDACT and finding.path in _NAMES):
            reason = f"{finding.rule} ({finding.severity}) found at {finding.path}"
            return Decision(Effect.DENY, reason, f"dlp.{finding.rule}", "dlp", findings)
    return None
