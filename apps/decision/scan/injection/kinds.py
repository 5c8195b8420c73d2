"""What the inbound scanner speaks of: classes, what they weigh, and what it found."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from apps.decision.types import InboundAction, Severity


class InjectionClass(StrEnum):
    """What an injected text tries to do."""

    IMPERATIVE_COMMAND = "imperative_command"
    AUTHORITY_CLAIM = "authority_claim"
    PERMISSION_EXPANSION = "permission_expansion"
    ROLE_REASSIGNMENT = "role_reassignment"
    ENCODED_PAYLOAD = "encoded_payload"
    STRUCTURED_ESCALATION = "structured_escalation"
    URGENCY_FRAMING = "urgency_framing"


CLASS_SEVERITY: dict[InjectionClass, Severity] = {
    InjectionClass.IMPERATIVE_COMMAND: Severity.CRITICAL,
    InjectionClass.AUTHORITY_CLAIM: Severity.CRITICAL,
    InjectionClass.PERMISSION_EXPANSION: Severity.CRITICAL,
    InjectionClass.ROLE_REASSIGNMENT: Severity.HIGH,
    InjectionClass.ENCODED_PAYLOAD: Severity.HIGH,
    InjectionClass.STRUCTURED_ESCALATION: Severity.HIGH,
    InjectionClass.URGENCY_FRAMING: Severity.MEDIUM,
}
RANK: dict[Severity, int] = {severity: rank for rank, severity in enumerate(Severity)}
_ACTIONS = {Severity.CRITICAL: InboundAction.WITHHOLD, Severity.HIGH: InboundAction.FLAG}


def action_for(severity: Severity | None) -> InboundAction:
    """Critical is withheld, high flagged; medium and low are delivered."""
    return InboundAction.ALLOW if severity is None else _ACTIONS.get(severity, InboundAction.ALLOW)


@dataclass(frozen=True, slots=True)
class Injection:
    """One finding. `start` and `end` are code point offsets into the text as it came."""

    kind: InjectionClass
    rule: str
    severity: Severity
    start: int
    end: int
    via: str = ""  # the disguise it was found under: "base64", "tags", "letters" …; empty when it stood there plainly
    words: tuple[str, ...] = ()  # what weighed most, for a finding of the statistical scorer
    quoted: bool = False  # the text talks about it; severity was lowered for that
    chance: float = 0.0  # the statistical scorer's


@dataclass(frozen=True, slots=True)
class Report:
    """What one text came to. `severity` is None when nothing was found."""

    findings: tuple[Injection, ...] = ()
    score: float = 0.0
    severity: Severity | None = None

    @property
    def action(self) -> InboundAction:
        return action_for(self.severity)


def strongest(findings: Iterable[Injection]) -> Severity | None:
    return max((finding.severity for finding in findings), key=RANK.__getitem__, default=None)
