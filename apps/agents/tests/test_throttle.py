"""Attempts are counted for a window and no longer, per key, per tenant; giving back leaves nothing behind."""

import pytest

from apps.agents.tests.builders import an_address
from apps.agents.throttle import Throttle
from apps.decision.errors import RateLimited
from apps.tenants.context import in_tenant
from apps.tenants.redis import redis_client

TWO = Throttle("test", limit=2, window=60)


def test_it_stops_the_attempt_after_the_last(acme: str, globex: str) -> None:
    key = an_address()
    with in_tenant(acme):
        TWO.take(key)
        TWO.take(key)
        with pytest.raises(RateLimited) as caught:
            TWO.take(key)
        TWO.take(key, "other")
    assert caught.value.retry_after is not None
    assert 1 <= caught.value.retry_after <= 60
    with in_tenant(globex):
        TWO.take(key)


def test_it_does_not_count_what_is_given_back(acme: str) -> None:
    key = an_address()
    with in_tenant(acme):
        for _ in range(5):
            TWO.take(key)
            TWO.give_back(key)


def test_it_leaves_no_counter_without_an_end(acme: str) -> None:
    key = an_address()
    with in_tenant(acme):
        TWO.give_back(key)
        TWO.take(key)
        TWO.take(key)
        with pytest.raises(RateLimited):
            TWO.take(key)
    found = [name for name in redis_client().scan_iter("t_acme:throttle:test:*") if redis_client().ttl(name) < 0]
    assert found == []


def test_it_tells_keys_apart_however_they_are_spelt(acme: str) -> None:
    key = an_address()
    with in_tenant(acme):
        for parts in ((key + "a", "b"), (key, "ab"), (key + "ab", "")):
            TWO.take(*parts)
            TWO.take(*parts)
