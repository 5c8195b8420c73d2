"""Puts the columns side by side and says where the gateway gives another result than the server behind it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from behavry.conformance.suite import NOTHING, Outcome, Suite, Verdict

Column = Mapping[str, Outcome]

# Checks that need not be made through the gateway, with the reason. They are optional wherever they stand.
NOT_MADE_THROUGH_A_GATEWAY = {
    "server-sse-streams-functional": "an answer without notifications may come as JSON where the server streams it",
}
NOT_MADE_OVER_STDIO = {
    "server-sse-priming-event": "an answer that comes as JSON has no stream to open with an event",
    "server-sse-retry-field": "an answer that comes as JSON has no stream to come back to",
    "server-sse-disconnect-resume": "a stdio server has no HTTP stream that it could close in the middle of a call",
}
# From best to worst; a gateway may do better than the server behind it (it may send what is only recommended).
_RANKS = (Verdict.PASSED, Verdict.WARNED, Verdict.FAILED, Verdict.MISSING)


@dataclass(frozen=True, slots=True)
class Difference:
    suite: str
    scenario: str
    column: str
    why: str


def compare(suite: Suite, direct: Column, other: Column, name: str) -> Iterator[Difference]:
    """A scenario differs when it passes in one column only, when it became worse, or when a check got lost."""
    excused = NOT_MADE_THROUGH_A_GATEWAY.keys() | (NOT_MADE_OVER_STDIO.keys() if "stdio" in name else set())
    for scenario in sorted({*direct, *other}):
        expected, got = direct.get(scenario, NOTHING), other.get(scenario, NOTHING)
        if expected.passed is not got.passed or _RANKS.index(got.verdict) > _RANKS.index(expected.verdict):
            yield Difference(suite.title, scenario, name, f"{expected.verdict} became {got.verdict}{_first_error(got)}")
        elif lost := sorted(_passed(expected) - _passed(got) - excused):
            yield Difference(suite.title, scenario, name, f"no longer checked: {', '.join(lost)}")


def _passed(outcome: Outcome) -> set[str]:
    return {check.id for check in outcome.checks if check.status == "SUCCESS"}


def _first_error(outcome: Outcome) -> str:
    return next((f": {check.id}: {check.error}" for check in outcome.checks if check.status == "FAILURE"), "")


def cell(outcome: Outcome) -> str:
    counts = outcome.counts
    passed, failed = counts.get("SUCCESS", 0), counts.get("FAILURE", 0)
    return f"{outcome.verdict} {passed}/{passed + failed}"


def table(suite: Suite, columns: Mapping[str, Column]) -> list[str]:
    names = list(columns)
    scenarios = list(dict.fromkeys(scenario for column in columns.values() for scenario in column))
    rows = [[scenario, *(cell(columns[name].get(scenario, NOTHING)) for name in names)] for scenario in scenarios]
    total = ["", *(_total(columns[name]) for name in names)]
    return [suite.title, *_aligned([["scenario", *names], *rows, total]), ""]


def _total(column: Column) -> str:
    good = sum(outcome.passed for outcome in column.values())
    return f"{good} of {len(column)}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    return [
        "  " + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
