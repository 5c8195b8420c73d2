"""What the rulebook takes from this room, read in a handful of queries however many agents there are."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from django.conf import settings
from django.utils import timezone

from apps.agents import addresses
from apps.agents.models import Agent, McpServer, ServerPin, Session
from apps.agents.services.servers import unsealed
from apps.agents.services.signing_keys import public_keys
from apps.decision import types
from apps.decision.errors import Unavailable
from apps.tenants.context import current_schema
from apps.tenants.models import Domain


@dataclass(frozen=True, slots=True)
class AgentsSnapshot:
    """`servers` hold decrypted secrets: never log this object."""

    issuer: str
    audiences: tuple[str, ...]
    keys: Mapping[str, str]  # kid → public PEM
    agents: Mapping[str, types.Agent]  # by id
    servers: Mapping[str, types.Server]  # by name
    revoked_sessions: frozenset[str]
    pins: Mapping[str, Mapping[tuple[str, str], types.Pin]]  # by server's name, then by kind and name


def snapshot(now: datetime | None = None) -> AgentsSnapshot:
    now = now or timezone.now()
    names = hosts()
    return AgentsSnapshot(
        issuer=issuer(),
        audiences=addresses.audiences(names, scheme=settings.BEHAVRY_PUBLIC_URL_SCHEME),
        keys=MappingProxyType(public_keys(now)),
        agents=MappingProxyType(_agents()),
        servers=MappingProxyType({row.name: _server(row) for row in McpServer.objects.order_by("name")}),
        revoked_sessions=_revoked_sessions(now),
        pins=MappingProxyType(_pins()),
    )


def hosts() -> tuple[str, ...]:
    """The host names the current tenant answers on, the primary one first; never none."""
    rows = Domain.objects.filter(tenant__schema_name=current_schema()).order_by("-is_primary", "domain")
    found = tuple(rows.values_list("domain", flat=True))
    if not found:
        raise Unavailable("This tenant answers on no host, so no token can be meant for it", code="no_host")
    return found


def issuer() -> str:
    """`iss` of this tenant's tokens: the setting, or the tenant's primary address where the setting is empty."""
    if settings.BEHAVRY_JWT_ISSUER:
        return str(settings.BEHAVRY_JWT_ISSUER)
    return addresses.audience(hosts()[0], scheme=settings.BEHAVRY_PUBLIC_URL_SCHEME)


def _agents() -> dict[str, types.Agent]:
    rows = Agent.objects.order_by().values_list(
        "id", "name", "status", "roles", "permissions", "risk_tier", "system_prompt_hash"
    )
    agents = (
        types.Agent(str(id), name, status, tuple(roles), tuple(permissions), risk_tier, prompt)
        for id, name, status, roles, permissions, risk_tier, prompt in rows
    )
    return {agent.id: agent for agent in agents}


def _server(row: McpServer) -> types.Server:
    return types.Server(
        name=row.name,
        kind=row.kind,
        transport=row.transport,
        enabled=row.enabled and (row.transport != "stdio" or settings.BEHAVRY_STDIO_SERVERS),
        url=row.url,
        command=tuple(row.command),
        environment=MappingProxyType(unsealed(row, "environment")),
        headers=MappingProxyType(unsealed(row, "headers")),
        tool_actions=MappingProxyType(dict(row.tool_actions)),
    )


def _revoked_sessions(now: datetime) -> frozenset[str]:
    rows = Session.objects.filter(revoked_at__isnull=False, expires_at__gt=now).order_by()
    return frozenset(str(id) for id in rows.values_list("id", flat=True))


def _pins() -> dict[str, Mapping[tuple[str, str], types.Pin]]:
    found: dict[str, dict[tuple[str, str], types.Pin]] = {}
    rows = ServerPin.objects.order_by().values_list(
        "server__name", "kind", "name", "digest", "status", "candidate_digest"
    )
    for server, kind, name, digest, status, candidate in rows:
        found.setdefault(server, {})[kind, name] = types.Pin(digest, types.PinStatus(status), candidate)
    return {server: MappingProxyType(pins) for server, pins in found.items()}
