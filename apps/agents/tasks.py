"""Background doors of this room: count what sessions did, and note when they ended."""

import os
import socket

from django.utils import timezone

from apps.agents import reader, services
from apps.audit import readers
from apps.tenants.tasks import tenant_task


@tenant_task(name="agents.count_sessions", time_limit=60)
def count_sessions(schema: str) -> int:
    """Bring the sessions' counters up to the log; returns how many entries were read."""
    return readers.drain(reader.SESSIONS, schema, owner=f"{socket.gethostname()}:{os.getpid()}")


@tenant_task(name="agents.close_sessions", time_limit=60)
def close_sessions(schema: str) -> int:
    """Note the end of sessions whose token has expired; returns how many."""
    return services.close_expired(timezone.now())
