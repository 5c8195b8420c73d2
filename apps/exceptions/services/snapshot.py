"""What the rulebook takes from this room, read in a handful of queries in the tenant the caller stands in."""

from collections import defaultdict
from types import MappingProxyType

from django.utils import timezone

from apps.decision import facts
from apps.decision.facts import Human, Lift, Stop
from apps.exceptions.models import BreakGlass, EscalationSetting, ExceptionGrant, KillSwitch
from apps.tenants.models import FleetStop


def human() -> Human:
    """Stops, live exceptions and how long callers are held. What expires later is judged by the call's own time."""
    setting = EscalationSetting.objects.first() or EscalationSetting()
    return Human(stops=_stops(), grants=MappingProxyType(_grants()), hold_seconds=float(setting.hold_seconds))


def _stops() -> tuple[Stop, ...]:
    rows = BreakGlass.objects.filter(mended_at__isnull=True, expires_at__gt=timezone.now()).order_by("broken_at")
    lifts = tuple(Lift(str(row.id), row.agent_id, row.expires_at) for row in rows)
    fleet = [Stop("fleet", row.reason, lifts) for row in FleetStop.objects.filter(released_at__isnull=True)]
    tenant = [Stop("tenant", row.reason, lifts) for row in KillSwitch.objects.filter(released_at__isnull=True)]
    return (*fleet, *tenant)


def _grants() -> dict[str, tuple[facts.ExceptionGrant, ...]]:
    found: dict[str, list[facts.ExceptionGrant]] = defaultdict(list)
    for row in ExceptionGrant.objects.filter(revoked_at__isnull=True, expires_at__gt=timezone.now()).order_by("id"):
        agent = str(row.agent_id)
        found[agent].append(
            facts.ExceptionGrant(str(row.id), agent, row.mcp_server, row.tool, row.resource, row.expires_at)
        )
    return {agent: tuple(grants) for agent, grants in found.items()}
