"""Sightings of secrets, remembered per agent over all processes, and what is said when they spread over sessions.

No call waits for any of it; where Redis is away nothing is remembered, and no call is judged either.
"""

from collections.abc import Iterable
from typing import Final

from apps.decision import correlation
from apps.decision.correlation import COOLDOWN_SECONDS, RING, WINDOW_SECONDS, Sighting
from apps.decision.events import EventKind
from apps.decision.scan.scanner import SCAN_LIMIT
from apps.decision.types import Finding
from apps.gateway import entries
from apps.gateway.context import Request
from apps.gateway.counters import hashed
from apps.gateway.io import Io

# KEYS: the ring. ARGV: its length, seconds, the session, patterns. Returns the time and the whole ring.
SEEN: Final = """
local time = redis.call('TIME')
for i = 4, #ARGV do redis.call('RPUSH', KEYS[1], ARGV[i] .. ' ' .. ARGV[3] .. ' ' .. time[1]) end
redis.call('LTRIM', KEYS[1], -tonumber(ARGV[1]), -1)
redis.call('EXPIRE', KEYS[1], ARGV[2])
return {tonumber(time[1]), redis.call('LRANGE', KEYS[1], 0, -1)}
"""


def seen(io: Io, request: Request, findings: Iterable[Finding]) -> None:
    """Secrets of one message, whichever way it went. Returns at once."""
    patterns = sorted({one.rule for one in findings if one.scanner == "dlp" and one.rule != SCAN_LIMIT})
    if patterns:
        io.soon(_correlate(io, request, patterns))


async def _correlate(io: Io, request: Request, patterns: list[str]) -> None:
    schema, caller = request.schema, request.facts.caller
    session = hashed(schema, caller.agent.id, caller.session_id)
    more = (str(RING), str(WINDOW_SECONDS), session, *patterns)
    answer = await io.script(SEEN, schema, "dlp_seen", caller.agent.id, arguments=more)
    if not isinstance(answer, list) or not isinstance(answer[0], int) or not isinstance(answer[1], list):
        return
    ring = [_sighting(row) for row in answer[1] if isinstance(row, bytes)]
    found = correlation.correlate(ring, answer[0], patterns)
    if found is None:
        return
    if await io.once(schema, "told", "dlp_correlation", caller.agent.id, seconds=COOLDOWN_SECONDS):
        extra = {
            "patterns": [{"pattern": name, "sessions": sessions} for name, sessions in found.patterns],
            "sightings": found.sightings,
            "score": found.score,
            "window_seconds": WINDOW_SECONDS,
        }
        io.record_soon(schema, entries.of_agent(request, EventKind.DLP_CROSS_SESSION_CORRELATION, extra=extra))


def _sighting(row: bytes) -> Sighting:
    pattern, session, at = row.decode().rsplit(" ", 2)
    return Sighting(pattern, session, float(at))
