"""Redis clients from the one setting. Keys come from `context.tenant_key`."""

from functools import lru_cache

import redis
import redis.asyncio
from django.conf import settings

TIMEOUT_SECONDS = 2.0


@lru_cache(maxsize=1)
def redis_client() -> "redis.Redis":
    """The process's synchronous client; it pools connections and is thread-safe."""
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
    )


def async_redis(max_connections: int = 64) -> "redis.asyncio.Redis":
    """A new asyncio client for the running loop; the caller closes it."""
    return redis.asyncio.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        max_connections=max_connections,
    )
