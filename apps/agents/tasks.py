"""Background doors of this room: count what sessions did, and clear up after them."""

import os
import socket
from datetime import timedelta

from django.utils import timezone

from apps.agents import reader, services
from apps.audit import readers
from apps.tenants.services import config_of
from apps.tenants.tasks import tenant_task


@tenant_task(name="agents.count_sessions", time_limit=60)
def count_sessions(schema: str) -> int:
    """Bring the sessions' counters up to the log; returns how many entries were read."""
    return readers.drain(reader.SESSIONS, schema, owner=f"{socket.gethostname()}:{os.getpid()}")


@tenant_task(name="agents.tidy", time_limit=600)
def tidy(schema: str) -> int:
    """Note the end of sessions whose token has expired, and drop what is older than the log; returns how many ended."""
    now = timezone.now()
    ended = services.close_expired(now)
    services.forget_ended(now - timedelta(days=config_of(schema).audit_retention_days))
    services.forget_sign_ins(now - timedelta(days=1))
    return ended
