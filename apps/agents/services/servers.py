"""The registry of MCP servers. Environment and header values are sealed on the way in and leave only in a snapshot."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

import orjson
from django.conf import settings
from django.db import transaction

from apps.agents import server_rules
from apps.agents.models import McpServer
from apps.agents.services.checking import check
from apps.audit import services as audit
from apps.decision.errors import BadInput, Conflict, NotFound
from apps.decision.events import EventKind
from apps.tenants.context import current_schema
from apps.tenants.sealing import seal, unseal

Secret = Literal["environment", "headers"]
CHANGEABLE = frozenset({"kind", "description", "transport", "url", "command", "tool_actions", "enabled"})
SECRETS: tuple[Secret, ...] = ("environment", "headers")


@transaction.atomic
def register_server(
    *,
    name: str,
    transport: str,
    actor: str,
    kind: str = "generic",
    description: str = "",
    url: str = "",
    command: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    tool_actions: Mapping[str, str] | None = None,
    enabled: bool = True,
) -> McpServer:
    server = McpServer(
        name=name,
        kind=kind,
        description=description,
        transport=transport,
        url=url,
        command=list(command),
        tool_actions=dict(tool_actions or {}),
        enabled=enabled,
    )
    _seal_secrets(server, {"environment": environment or {}, "headers": headers or {}})
    if McpServer.objects.filter(name=name).exists():
        raise Conflict("A server of this name exists.", fields={"name": "Choose another name."})
    _check(server)
    server.save(force_insert=True)
    audit.record(EventKind.SERVER_REGISTERED, actor=actor, mcp_server=server.name, extra=_facts(server))
    return server


@transaction.atomic
def update_server(server_id: UUID, *, actor: str, changes: Mapping[str, Any]) -> McpServer:
    """`environment` and `headers` are merged into what is set; None removes a name. The server's own name stays."""
    server = _locked(server_id)
    if unknown := set(changes) - CHANGEABLE - set(SECRETS):
        raise BadInput("Some fields cannot be changed.", fields=dict.fromkeys(sorted(unknown), "Cannot be changed."))
    before = _facts(server)
    for name in CHANGEABLE & set(changes):
        setattr(server, name, changes[name])
    known = {name: unsealed(server, name) for name in SECRETS if changes.get(name)}
    merged = {name: _merged(values, changes[name]) for name, values in known.items()}
    touched = [name for name in known if merged[name] != known[name]]
    _seal_secrets(server, {name: merged[name] for name in touched})
    _check(server)
    after = _facts(server)
    changed = sorted({name for name in after if after[name] != before[name]} | set(touched))
    if not changed:
        return server
    server.save()
    extra = {"changed": changed, "before": before, "after": after}
    audit.record(EventKind.SERVER_UPDATED, actor=actor, mcp_server=server.name, extra=extra)
    return server


@transaction.atomic
def remove_server(server_id: UUID, *, actor: str) -> None:
    server = _locked(server_id)
    facts = _facts(server)
    server.delete()
    audit.record(EventKind.SERVER_REMOVED, actor=actor, mcp_server=server.name, extra=facts)


def unsealed(server: McpServer, what: Secret) -> dict[str, str]:
    """The secret values in clear. Raises Unavailable when the key that sealed them is not ours."""
    sealed = server.environment_sealed if what == "environment" else server.headers_sealed
    if not sealed:
        return {}
    values: dict[str, str] = orjson.loads(unseal(bytes(sealed), context=_context(server, what)))
    return values


def _locked(server_id: UUID) -> McpServer:
    server = McpServer.objects.select_for_update().filter(pk=server_id).first()
    if server is None:
        raise NotFound("There is no such server.")
    return server


def _merged(values: dict[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    merged: dict[str, str | None] = {**values, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def _seal_secrets(server: McpServer, values: Mapping[Secret, Mapping[str, str]]) -> None:
    if "environment" in values:
        _refuse(server_rules.check_environment(values["environment"]))
        server.environment_sealed = _sealed(server, "environment", values["environment"])
        server.environment_names = sorted(values["environment"])
    if "headers" in values:
        _refuse(server_rules.check_headers(values["headers"]))
        server.headers_sealed = _sealed(server, "headers", values["headers"])
        server.header_names = sorted(values["headers"])


def _sealed(server: McpServer, what: Secret, values: Mapping[str, str]) -> bytes | None:
    return seal(orjson.dumps(dict(values)), context=_context(server, what)) if values else None


def _context(server: McpServer, what: Secret) -> str:
    return f"{current_schema()}:mcp_server:{server.id}:{what}"


def _check(server: McpServer) -> None:
    found = server_rules.check(
        transport=server.transport, url=server.url, command=server.command, headers=server.header_names
    )
    if server.transport == "stdio" and not settings.BEHAVRY_STDIO_SERVERS:
        found["transport"] = "This installation runs no stdio servers; its operator may allow them."
    _refuse(found | server_rules.check_tool_actions(server.tool_actions))
    check(server, unique=False)


def _refuse(complaints: Mapping[str, str]) -> None:
    if complaints:
        raise BadInput("This server cannot be registered so.", fields=complaints)


def _facts(server: McpServer) -> dict[str, Any]:
    """What the log may know: no secret values, and no arguments or query, since people put secrets there too."""
    return {
        "kind": server.kind,
        "transport": server.transport,
        "url": server.url.partition("?")[0],
        "program": server.command[0] if server.command else "",
        "arguments": len(server.command[1:]),
        "environment_names": server.environment_names,
        "header_names": server.header_names,
        "tool_actions": server.tool_actions,
        "enabled": server.enabled,
        "description": server.description,
    }
