"""Background doors of this room: replays, shadows, and the end of recorded inputs.

A turn is short and beat brings the next one, so that one replay does not keep a worker from everything else, and a
worker that dies leaves nothing that another cannot go on with.
"""

import os
import socket
import threading

from django.utils import timezone

from apps.policies.services import inputs, replays, shadows
from apps.tenants.tasks import tenant_task

REPLAY_SECONDS = 8.0
SHADOW_SECONDS = 2.0


@tenant_task(name="policies.run_replays", time_limit=120)
def run_replays(schema: str) -> bool:
    """A turn on the oldest replay."""
    return replays.work(_owner(), seconds=REPLAY_SECONDS)


@tenant_task(name="policies.run_shadows", time_limit=120)
def run_shadows(schema: str) -> int:
    """A turn on every shadow."""
    return shadows.work(_owner(), seconds=SHADOW_SECONDS)


@tenant_task(name="policies.tidy", time_limit=600)
def tidy(schema: str) -> int:
    """Delete recorded inputs whose time is over."""
    return inputs.tidy(timezone.now())


def _owner() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{threading.get_ident()}"
