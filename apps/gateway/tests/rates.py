"""Two gateways in front of one tenant, and the tenant's limits, which are put back."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import httpx
import pytest
from django.conf import settings
from redis.asyncio import Redis

from apps.gateway.app import Gateway
from apps.gateway.limits import Limits
from apps.gateway.tests.conftest import Caller, FakeUpstream, Settling, Tenant
from apps.policies.services import limits

Configure = Callable[..., Awaitable[None]]
Pair = Callable[[Tenant, str], tuple[Caller, Caller]]


@pytest.fixture
def ready(tenant: Tenant, upstream: FakeUpstream) -> Tenant:
    tenant.server(transport="http", url=upstream.url)
    return tenant


@pytest.fixture
async def configure(tenant: Tenant) -> AsyncIterator[Configure]:
    """Waited for, since a gateway that writes its log on this loop may hold the lock that a change needs."""

    async def set_to(**changes: Any) -> None:
        change = partial(limits.configure_rate_limits, actor="system", changes=changes)
        await asyncio.to_thread(tenant.inside, change)

    before = await asyncio.to_thread(tenant.inside, limits.rate_limits)
    yield set_to
    await set_to(**before)


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    """Callers of two gateways, which know nothing of each other."""
    given = Limits(call_seconds=10.0, lease_seconds=1.0)
    async with (
        Gateway(given) as one,
        Gateway(given) as two,
        httpx.AsyncClient(transport=Settling(one), timeout=20) as to_one,
        httpx.AsyncClient(transport=Settling(two), timeout=20) as to_two,
    ):
        yield lambda tenant, token: (Caller(to_one, tenant.host, token), Caller(to_two, tenant.host, token))


@pytest.fixture
async def redis() -> AsyncIterator[Redis]:
    client: Redis = Redis.from_url(settings.REDIS_URL)
    yield client
    await client.aclose()
