"""Fixtures for whole calls: a committed tenant, an upstream, and a gateway process of its own."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from apps.agents import services as agents
from apps.policies.services import limits, tenant
from apps.tenants.context import in_operator, in_tenant
from apps.tenants.models import TenantConfig
from behavry.tests.house import House, Upstream

CALLS_PER_MINUTE = 1_000_000  # these tests are about other limits


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream().serving() as serving:
        yield serving


@pytest.fixture
def tenant_house(fresh_tenant: Callable[[], str], upstream: Upstream, tmp_path: Path) -> Iterator[tuple[str, House]]:
    """A tenant's schema and a house that is not started yet; whatever runs is stopped at the end."""
    schema = fresh_tenant()
    house = furnish(schema, upstream.port, dict(os.environ), tmp_path)
    try:
        yield schema, house
    finally:
        house.stop()


def furnish(schema: str, upstream_port: int, env: dict[str, str], logs: Path) -> House:
    """Register the server `notes` and an agent that may read it, and get the agent a token."""
    with in_operator():
        TenantConfig.objects.filter(tenant__schema_name=schema).update(max_rpm_per_agent=CALLS_PER_MINUTE)
    with in_tenant(schema):
        rates = {"per_minute": CALLS_PER_MINUTE, "burst": CALLS_PER_MINUTE, "concurrent": 1_000}
        limits.configure_rate_limits(actor="system", changes=rates)
        url = f"http://127.0.0.1:{upstream_port}/mcp"
        agents.register_server(name="notes", transport="http", actor="system", kind="filesystem", url=url)
        made = agents.register(name="reader", actor="system", permissions=["filesystem:read"])
        grant = agents.issue_token(client_id=made.agent.client_id, client_secret=made.client_secret)
    return House(env, logs, grant.access_token, f"{schema.removeprefix('t_')}.test")


@pytest.fixture
def full_payloads() -> Callable[[str], None]:
    """Makes a tenant keep its calls' arguments, so that a test can tell the entries apart."""

    def keep(schema: str) -> None:
        with in_tenant(schema):
            tenant.configure(actor="system", changes={"payload_mode": "full"})

    return keep
