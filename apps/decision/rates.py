"""How often one agent may call: the tenant's rate limit and the agent's risk tier become one window."""

import math
from dataclasses import dataclass

from apps.decision.facts import RateLimit

MINUTE_US = 60_000_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """At most `calls` within any `window_us` microseconds, and `concurrent` of them at once."""

    calls: int
    window_us: int
    concurrent: int


def allowance(limit: RateLimit, tier: str) -> Allowance:
    """In the long run `per_minute` times the tier's factor, at once `burst` times the factor. An unknown tier is the
    strictest one."""
    factor = limit.factors.get(tier)
    if factor is None:
        factor = min(limit.factors.values(), default=0.01)
    calls = max(1, math.floor(limit.burst * factor + 1e-9))
    return Allowance(calls, math.ceil(calls * MINUTE_US / (limit.per_minute * factor) - 1e-6), limit.concurrent)
