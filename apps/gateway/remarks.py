"""What is said of what a server sent, in the log and to its reader: where and what kind, never the text itself."""

from collections.abc import Iterable
from typing import Final

from apps.decision.scan.scanner import strongest
from apps.decision.types import JSON, DlpAction, Finding, InboundAction, InboundFinding, Screened, Tier

MAX_FINDINGS: Final = 50
MAX_DOMAINS: Final = 20
MAX_WORDS: Final = 8


def remarks(screened: Screened) -> dict[str, JSON]:
    """For an entry's `extra`, whose numbers know no fractions."""
    said: dict[str, JSON] = {"action": screened.action.value}
    if screened.severity is not None:
        said |= {"severity": screened.severity.value, "score": f"{screened.score:.3f}"}
    if screened.tier is not None:
        said |= {"tier": screened.tier.value, "source_rule": screened.source_rule}
    if screened.domains:
        said["domains"] = [domain[:253] for domain in screened.domains[:MAX_DOMAINS]]
    if screened.findings:
        said["findings"] = [_finding(one, screened) for one in screened.findings[:MAX_FINDINGS]]
        said["found"] = len(screened.findings)
    return said


def _finding(finding: InboundFinding, screened: Screened) -> dict[str, JSON]:
    said: dict[str, JSON] = {
        "class": finding.kind,
        "rule": finding.rule,
        "severity": finding.severity.value,
        "path": finding.path,
        "start": finding.start,
        "end": finding.end,
    }
    if finding.via:
        said["via"] = finding.via
    if finding.words and not screened.secrets:  # a word may be one of them
        said["words"] = list(finding.words[:MAX_WORDS])
    if finding.quoted:
        said["quoted"] = True
    return said


def secrets_of(findings: Iterable[Finding]) -> tuple[tuple[JSON, ...], str]:
    """An entry's `dlp_findings` and `dlp_action`."""
    found = tuple(findings)
    return tuple(_secret(one) for one in found[:MAX_FINDINGS]), strongest(found).value if found else ""


def _secret(finding: Finding) -> dict[str, JSON]:
    return {
        "scanner": finding.scanner,
        "rule": finding.rule,
        "severity": finding.severity.value,
        "action": finding.action.value,
        "path": finding.path,
        "excerpt": finding.excerpt,
    }


def why_withheld(screened: Screened) -> tuple[str, str]:
    """What withheld it and why."""
    if screened.tier is Tier.BLOCK:
        return "inbound.source", "It comes from a blocked source"
    if screened.secrets_action is DlpAction.DENY:
        return "inbound.secrets", f"It holds secrets ({_few({one.rule for one in screened.secrets})})"
    if screened.action is InboundAction.ALLOW or not screened.findings:
        return "inbound.screen", "It could not be screened"
    return (
        "inbound.injection",
        f"It holds orders to its reader ({_few({one.kind or one.rule for one in screened.findings})})",
    )


def _few(names: set[str]) -> str:
    some = sorted(names)
    return ", ".join(some[:5]) + (" …" if len(some) > 5 else "")
