"""What tells gateways, without a question to the database, that results of an agent are kept here.

A flag may stay too long, which costs a look; one that is missing has the call carried out again. So whoever keeps a
result sets it, it ends by itself, and a task sets again what Redis has lost.
"""

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Final

import redis
from django.db import transaction
from django.db.models import Case, DateTimeField, F, Max, Q, When
from django.utils import timezone

from apps.agents.services.locking import one_at_a_time
from apps.exceptions.models import Escalation
from apps.tenants.context import current_schema, tenant_key
from apps.tenants.redis import redis_client

logger = logging.getLogger(__name__)

# Sets a flag only where it makes it last longer.
PROLONG: Final = """
for i, key in ipairs(KEYS) do
  if redis.call('PTTL', key) < tonumber(ARGV[i]) then redis.call('SET', key, '1', 'PX', ARGV[i]) end
end
return 1
"""
INBOUND: Final = Escalation.Subject.INBOUND.value


def flag_key(schema: str, agent_id: str) -> str:
    return tenant_key(schema, "withheld", agent_id)


def flag_after_commit(agent_id: str, until: datetime) -> None:
    schema = current_schema()
    transaction.on_commit(lambda: _prolong(schema, [(agent_id, until)]))


def flag_all() -> int:
    """Set the flags of all agents whose results are kept, or whose blocked calls are not to be repeated yet."""
    now = timezone.now()
    until = Case(When(status="approved", then=F("usable_until")), default=F("expires_at"), output_field=DateTimeField())
    rows = Escalation.objects.filter(_standing(now)).values_list("agent_id").annotate(until=Max(until))
    wanted = list(rows.order_by("agent_id"))
    _prolong(current_schema(), wanted)
    return len(wanted)


@transaction.atomic
def unflag(agent_id: str) -> bool:
    """Take the flag away where nothing of this agent stands any more. Whoever keeps a result has this lock, and sets
    the flag after that; so none is taken away that was just set."""
    one_at_a_time(f"escalations:{agent_id}")
    if Escalation.objects.filter(_standing(timezone.now()), agent_id=agent_id).exists():
        return False
    try:
        redis_client().delete(flag_key(current_schema(), agent_id))
    except redis.RedisError:
        return False  # it ends by itself
    return True


def _standing(now: datetime) -> Q:
    waiting = Q(status__in=["pending", "denied"], expires_at__gt=now)
    return Q(subject=INBOUND) & (waiting | Q(status="approved", usable_until__gt=now))


def _prolong(schema: str, wanted: Iterable[tuple[str, datetime]]) -> None:
    now = timezone.now()
    lasting = {flag_key(schema, agent): int((until - now).total_seconds() * 1000) + 1 for agent, until in wanted}
    lasting = {key: left for key, left in lasting.items() if left > 0}
    if not lasting:
        return
    try:
        redis_client().eval(PROLONG, len(lasting), *lasting, *lasting.values())
    except redis.RedisError as error:
        # Without Redis every call is refused; the task that lets time run out sets it again when Redis is back.
        logger.warning("flag of a withheld result not set", extra={"schema": schema, "error": type(error).__name__})
