"""Small honest examples of what crosses the rooms; tests change what they are about."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from apps.decision.facts import Facts, Rulebook
from apps.decision.types import (
    JSON,
    Action,
    Agent,
    Call,
    Caller,
    DlpAction,
    Effect,
    Finding,
    PayloadMode,
    Requester,
    Ruling,
    Screened,
    Server,
    Severity,
    Verdict,
)

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
ALLOWED = Ruling(
    Effect.ALLOW,
    "Permitted",
    "permission_match.granted",
    (Verdict(Effect.ALLOW, "Permitted", "permission_match.granted"),),
)


def allow_all(document: JSON) -> Ruling:
    return ALLOWED


def find_nothing(value: JSON) -> tuple[Finding, ...]:
    return ()


def pass_through(value: JSON, server: str, salt: bytes, before: str = "", fetched: tuple[str, ...] = ()) -> Screened:
    return Screened(value)


def make_agent(**changes: Any) -> Agent:
    fields: dict[str, Any] = {
        "id": "agent-1", "name": "Reporter", "status": "active", "roles": ("reporter",),
        "permissions": ("filesystem:read",), "risk_tier": "low",
    }  # fmt: skip
    return Agent(**(fields | changes))


def make_server(**changes: Any) -> Server:
    fields: dict[str, Any] = {"name": "files", "kind": "filesystem", "transport": "http", "enabled": True}
    return Server(**(fields | changes))


def make_call(**changes: Any) -> Call:
    fields: dict[str, Any] = {
        "server": "files", "method": "tools/call", "tool": "read_file", "action": Action.READ,
        "resource": "/srv/report.csv", "resource_kind": "filesystem", "resource_count": 1,
        "arguments": {"path": "/srv/report.csv"}, "input_hash": "0" * 64,
    }  # fmt: skip
    return Call(**(fields | changes))


def make_rulebook(
    *, agents: Mapping[str, Agent] | None = None, servers: Mapping[str, Server] | None = None, **changes: Any
) -> Rulebook:
    fields: dict[str, Any] = {
        "schema": "t_acme", "version": 7, "issuer": "behavry", "audiences": (), "keys": {},
        "agents": {"agent-1": make_agent()} if agents is None else agents,
        "servers": {"files": make_server()} if servers is None else servers,
        "revoked_sessions": frozenset(), "authorize": allow_all, "scan_dlp": find_nothing,
        "screen_inbound": pass_through, "payload_mode": PayloadMode.METADATA_ONLY,
    }  # fmt: skip
    return Rulebook(**(fields | changes))


def make_facts(**changes: Any) -> Facts:
    fields: dict[str, Any] = {
        "now": NOON, "book": make_rulebook(), "server": make_server(), "caller": Caller(make_agent(), "session-1"),
        "requester": Requester("ada", "chat"),
    }  # fmt: skip
    return Facts(**(fields | changes))


def make_finding(**changes: Any) -> Finding:
    fields: dict[str, Any] = {
        "scanner": "dlp", "rule": "credit_card", "severity": Severity.HIGH, "action": DlpAction.DENY,
        "path": "$.arguments.path", "excerpt": "***",
    }  # fmt: skip
    return Finding(**(fields | changes))
