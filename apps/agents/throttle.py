"""Limits on guessing: so many attempts per key and window, counted in Redis; without Redis nobody gets in."""

import hashlib
import ipaddress
from dataclasses import dataclass

import redis
from django.http import HttpRequest
from rest_framework.request import Request

from apps.decision.errors import RateLimited, Unavailable
from apps.tenants.context import here, tenant_key
from apps.tenants.redis import redis_client

# Only what is still counted: a counter whose window has passed must not come back without an end.
GIVE_BACK = "if redis.call('EXISTS', KEYS[1]) == 1 then return redis.call('DECR', KEYS[1]) end return 0"


@dataclass(frozen=True, slots=True)
class Throttle:
    """`limit` attempts per `window` seconds, from the first attempt on."""

    name: str
    limit: int
    window: int

    def take(self, *parts: str) -> None:
        """Count an attempt before it is made; raises RateLimited when it is one too many."""
        key = self._key(parts)
        try:
            with redis_client().pipeline(transaction=True) as pipe:
                pipe.set(key, 0, ex=self.window, nx=True)
                pipe.incr(key)
                pipe.ttl(key)
                _, attempts, ttl = pipe.execute()
        except redis.RedisError:
            raise _unavailable() from None
        if attempts > self.limit:
            raise RateLimited("Too many attempts. Try again later.", retry_after=max(1, int(ttl)))

    def give_back(self, *parts: str) -> None:
        """The attempt was no guess: it does not count."""
        try:
            redis_client().eval(GIVE_BACK, 1, self._key(parts))
        except redis.RedisError:
            raise _unavailable() from None

    def _key(self, parts: tuple[str, ...]) -> str:
        # Digests, so that what callers send cannot shape a key or be read there.
        digest = hashlib.sha256("\x00".join(parts).encode("utf-8", "replace")).hexdigest()
        return tenant_key(here.schema_name, "throttle", self.name, digest)


PER_PERSON = Throttle("sign_in", limit=5, window=300)
PER_ADDRESS = Throttle("sign_in_address", limit=50, window=300)


def place_of(request: Request | HttpRequest) -> str:
    """Where a guess comes from: an IPv4 address, or an IPv6 /64, all of which one machine may have."""
    text = str(request.META.get("REMOTE_ADDR", ""))
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.IPv6Network((address, 64), strict=False))
    return text


def _unavailable() -> Unavailable:
    return Unavailable("Sign-in is not possible right now.", retry_after=1)
