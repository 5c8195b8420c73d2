"""Makes what the tests of this room are about. Everything happens in the tenant of the given schema."""

import secrets
import urllib.parse
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from rest_framework.test import APIClient

from apps.agents import services
from apps.agents.models import McpServer
from apps.agents.services.access_tokens import NewAccessToken
from apps.audit.models import AuditEntry
from apps.tenants.context import in_tenant
from apps.tenants.roles import Role


def make_agent(schema: str, **changes: Any) -> services.Registered:
    fields: dict[str, Any] = {"name": "reader", "permissions": ["filesystem:read"], "actor": "user:root"}
    with in_tenant(schema):
        return services.register(**{**fields, **changes})


def make_server(schema: str, **changes: Any) -> McpServer:
    fields: dict[str, Any] = {
        "name": "files",
        "transport": "http",
        "url": "http://127.0.0.1:9/mcp",
        "actor": "user:root",
    }
    with in_tenant(schema):
        return services.register_server(**{**fields, **changes})


def make_access_token(schema: str, user: Any, role: Role, ttl: timedelta = timedelta(hours=1)) -> NewAccessToken:
    with in_tenant(schema):
        return services.create_access_token(user, name="script", role=role, ttl=ttl, actor=f"user:{user.username}")


def token_body(agent: services.Registered, **changes: str) -> dict[str, str]:
    body = {
        "grant_type": "client_credentials",
        "client_id": agent.agent.client_id,
        "client_secret": agent.client_secret,
    }
    return {**body, **changes}


def ask_token(client: APIClient, body: Mapping[str, Any], form: bool = False, address: str = "", **extra: Any) -> Any:
    """A token request from an address of its own, so that one test's failures do not throttle the next."""
    options: dict[str, Any] = {"REMOTE_ADDR": address or an_address(), **extra}
    if form:
        text = urllib.parse.urlencode(body)
        return client.post("/api/v1/auth/token", text, content_type="application/x-www-form-urlencoded", **options)
    return client.post("/api/v1/auth/token", body, format="json", **options)


def an_address() -> str:
    return ":".join(secrets.token_hex(2) for _ in range(8))


def kinds(schema: str) -> list[str]:
    """The kinds of the tenant's log entries, oldest first."""
    with in_tenant(schema):
        return list(AuditEntry.objects.order_by("seq").values_list("kind", flat=True))


def last_entry(schema: str) -> AuditEntry:
    with in_tenant(schema):
        entry = AuditEntry.objects.order_by("-seq").first()
    assert entry is not None
    return entry


def key_pair() -> tuple[bytes, str]:
    """A private and a public PEM."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), public.decode()
