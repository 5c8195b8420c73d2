"""How long recorded inputs live, and that they go when their time is over."""

from datetime import datetime, timedelta
from typing import Final

from apps.policies import recorded
from apps.policies.services import comparisons
from apps.tenants.context import current_schema
from apps.tenants.services import config_of

BATCH: Final = 5_000
RESULTS: Final = timedelta(days=90)  # how long ended replays and shadows can be looked at
SHADOW: Final = timedelta(hours=1)  # kept for a shadow alone, where nothing is kept for replays


def tidy(now: datetime, *, batches: int = 200) -> int:
    """Delete expired inputs, a bounded number at a time, and old results; returns how many inputs went."""
    days = config_of(current_schema()).replay_days
    kept = timedelta(days=days) if days else SHADOW if comparisons.shadowing() else timedelta(0)
    gone = 0
    for _ in range(batches):
        deleted = recorded.forget(now - kept, BATCH)
        gone += deleted
        if deleted < BATCH:
            break
    while comparisons.forget_finished(now - RESULTS):
        pass
    return gone
