"""What is said beside a decision when a message held secrets: canaries, put together pieces, and where they spread."""

from collections.abc import Sequence
from typing import Final

from apps.decision.events import Entry, EventKind
from apps.decision.scan.canary import CANARY, is_canary
from apps.decision.screens.fragments import STAGE
from apps.decision.types import JSON, Decision, Finding, Pieces
from apps.gateway import correlation, entries
from apps.gateway.context import Request
from apps.gateway.io import Io

COOLDOWN_SECONDS: Final = 300


def noticed(io: Io, request: Request, decision: Decision, entry: Entry, window: Sequence[Pieces]) -> None:
    """Nobody waits for it; canaries are said every time. `window`: what the last calls and this one carried."""
    findings = decision.findings
    canaries: dict[str, Finding] = {one.rule: one for one in reversed(findings) if is_canary(one.rule)}
    for rule in sorted(canaries):
        found: dict[str, JSON] = {"canary": rule.removeprefix(CANARY), "path": canaries[rule].path}
        found["in_pieces"] = canaries[rule].scanner == STAGE
        _say(io, request, entry, EventKind.CANARY_SIGHTED, found)
    if decision.stage == STAGE:
        size = {"calls": len(window), "characters": sum(len(one.tight) for pieces in window for one in pieces)}
        patterns = sorted({one.rule for one in findings if one.scanner == STAGE})
        io.soon(_put_together(io, request, entry, {"patterns": patterns, "window": size}))
    correlation.seen(io, request, findings)


async def _put_together(io: Io, request: Request, entry: Entry, extra: dict[str, JSON]) -> None:
    agent = request.facts.caller.agent.id
    if await io.once(request.schema, "told", "dlp_fragments", agent, seconds=COOLDOWN_SECONDS):
        _say(io, request, entry, EventKind.DLP_FRAGMENT_REASSEMBLY, extra)


def _say(io: Io, request: Request, entry: Entry, kind: EventKind, extra: dict[str, JSON]) -> None:
    """`decision` is the id of the entry that says what became of the message."""
    said = {**extra, "decision": str(entry.id)}
    io.record_soon(request.schema, entries.of_agent(request, kind, tool_name=entry.tool_name, extra=said))
