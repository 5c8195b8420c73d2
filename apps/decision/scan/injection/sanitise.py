"""A text without what was found in it: each span replaced by a placeholder that says what stood there."""

from collections.abc import Callable, Iterable

from apps.decision.scan.injection.kinds import RANK, Injection, InjectionClass, Report
from apps.decision.types import Severity

_ROUNDS = 4


def placeholder(kind: InjectionClass) -> str:
    return f"[REMOVED:{kind}]"


def replaced(text: str, findings: Iterable[Injection], least: Severity = Severity.HIGH) -> str:
    """The text with the spans of all findings from `least` on replaced; overlapping spans become one."""
    parts: list[str] = []
    done = 0
    spans = sorted(
        (found.start, found.end, -RANK[found.severity], found.kind)
        for found in findings
        if RANK[found.severity] >= RANK[least]
    )
    for start, end, _, kind in spans:
        if end <= done:
            continue
        if start >= done:
            parts.append(text[done:start])
            parts.append(placeholder(kind))
        done = end
    parts.append(text[done:])
    return "".join(parts)


def sanitise(text: str, scan: Callable[[str], Report], report: Report | None = None) -> str:
    """The text without findings from high on, as `scan` sees it: taking one away may join what then makes another.

    What still offends after a few rounds is withheld as a whole.
    """
    report = report or scan(text)
    for _ in range(_ROUNDS):
        offending = [found for found in report.findings if RANK[found.severity] >= RANK[Severity.HIGH]]
        if not offending:
            return text
        text = replaced(text, offending)
        report = scan(text)
    if report.severity is None or RANK[report.severity] < RANK[Severity.CRITICAL]:
        return text
    return placeholder(max(report.findings, key=lambda found: RANK[found.severity]).kind)
