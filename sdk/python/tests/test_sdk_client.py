"""Tokens: fetched once however many ask, renewed in time, replaced after a refusal, and never shown."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sdk_gateway
from behavry_sdk import Behavry, BehavryError, ConfigurationError, TokenRefused, Unavailable
from sdk_gateway import Gateway

SECRET = "kept-" + "to-myself"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with sdk_gateway.running() as found:
        yield found


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def behavry(gateway: Gateway, clock: Clock) -> Behavry:
    return Behavry(gateway.url, "agt_1", SECRET, clock=clock)


def in_threads(count: int, work: Callable[[], Any]) -> list[Any]:
    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.append(work())) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return results


def test_it_fetches_once_and_remembers(gateway: Gateway, behavry: Behavry) -> None:
    assert [behavry.token() for _ in range(3)] == ["token-1"] * 3
    assert gateway.forms == [{"grant_type": ["client_credentials"], "client_id": ["agt_1"], "client_secret": [SECRET]}]


def test_it_renews_before_expiry(gateway: Gateway, behavry: Behavry, clock: Clock) -> None:
    behavry.token()
    clock.now += 3539
    assert behavry.token() == "token-1"
    clock.now += 1
    assert behavry.token() == "token-2"


def test_it_keeps_the_old_token_while_renewal_fails(gateway: Gateway, behavry: Behavry, clock: Clock) -> None:
    behavry.token()
    clock.now += 3541
    gateway.answers = [(503, {"Retry-After": "7"}, b"")] * 2
    assert behavry.token() == "token-1"
    clock.now += 60
    with pytest.raises(Unavailable) as caught:
        behavry.token()
    assert caught.value.retry_after == 7
    assert behavry.token() == "token-2"


def test_it_does_not_wait_while_another_renews_a_good_token(gateway: Gateway, behavry: Behavry, clock: Clock) -> None:
    behavry.token()
    clock.now += 3541
    gateway.asked.clear()
    gateway.hold.clear()
    renewed: list[str] = []
    other = threading.Thread(target=lambda: renewed.append(behavry.token()))
    other.start()
    assert gateway.asked.wait(10)
    assert behavry.token() == "token-1"
    gateway.hold.set()
    other.join(10)
    assert renewed == ["token-2"]
    assert len(gateway.forms) == 2


def test_it_asks_once_for_many_threads(gateway: Gateway, behavry: Behavry) -> None:
    assert in_threads(16, behavry.token) == ["token-1"] * 16
    assert len(gateway.forms) == 1


def test_it_replaces_once_for_many_threads(gateway: Gateway, behavry: Behavry) -> None:
    first = behavry.token()
    assert in_threads(16, lambda: behavry.replace(first)) == ["token-2"] * 16
    assert len(gateway.forms) == 2


async def test_it_asks_once_for_many_tasks(gateway: Gateway, behavry: Behavry) -> None:
    assert await asyncio.gather(*(behavry.atoken() for _ in range(50))) == ["token-1"] * 50
    assert await asyncio.gather(*(behavry.areplace("token-1") for _ in range(50))) == ["token-2"] * 50
    assert len(gateway.forms) == 2


def test_it_serves_several_event_loops(gateway: Gateway, behavry: Behavry) -> None:
    assert in_threads(8, lambda: asyncio.run(behavry.atoken())) == ["token-1"] * 8
    assert len(gateway.forms) == 1


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (401, b'{"error": "invalid_client", "error_description": "no"}', "invalid_client"),
        (403, b'{"error": "unauthorized_client"}', "unauthorized_client"),
        (404, b"<html>", "http_404"),
        (400, b"[]", "http_400"),
    ],
)
def test_it_says_when_the_agent_is_refused(
    gateway: Gateway, behavry: Behavry, status: int, body: bytes, code: str
) -> None:
    gateway.answers = [(status, {}, body)]
    with pytest.raises(TokenRefused) as caught:
        behavry.token()
    assert caught.value.code == code
    assert isinstance(caught.value, BehavryError)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b""),
        (429, b"{}"),
        (200, b"not json"),
        (200, b"{}"),
        (200, b'{"access_token": "", "expires_in": 3600}'),
        (200, b'{"access_token": "x", "expires_in": 0}'),
        (200, b'{"access_token": "x", "expires_in": "soon"}'),
        (200, b'{"access_token": 1, "expires_in": 3600}'),
    ],
)
def test_it_says_when_the_gateway_is_not_itself(gateway: Gateway, behavry: Behavry, status: int, body: bytes) -> None:
    gateway.answers = [(status, {}, body)]
    with pytest.raises(Unavailable):
        behavry.token()
    assert behavry.token() == "token-1"


def test_it_says_when_nobody_answers() -> None:
    with pytest.raises(Unavailable) as caught:
        Behavry("http://127.0.0.1:1", "agt_1", SECRET).token()
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_it_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "BEHAVRY_URL": "https://acme.test/",
        "BEHAVRY_CLIENT_ID": "agt_2",
        "BEHAVRY_CLIENT_SECRET": SECRET,
        "BEHAVRY_REQUESTER_ID": "mira",
        "BEHAVRY_REQUESTER_CHANNEL": "chat",
    }.items():
        monkeypatch.setenv(name, value)
    found = Behavry()
    assert (str(found.base_url), found.client_id, found.requester_id) == ("https://acme.test", "agt_2", "mira")
    assert Behavry(requester_id="").requester_id == ""
    assert (found.requester_channel, Behavry(requester_channel="").requester_channel) == ("chat", "")
    assert SECRET not in repr(found)
    assert found.server_url("a b/c") == "https://acme.test/mcp/v1/a%20b%2Fc"


@pytest.mark.parametrize("missing", ["BEHAVRY_URL", "BEHAVRY_CLIENT_ID", "BEHAVRY_CLIENT_SECRET"])
def test_it_names_what_is_missing(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    for name in ("BEHAVRY_URL", "BEHAVRY_CLIENT_ID", "BEHAVRY_CLIENT_SECRET"):
        monkeypatch.setenv(name, "https://acme.test")
    monkeypatch.delenv(missing)
    with pytest.raises(ConfigurationError, match=missing):
        Behavry()


@pytest.mark.parametrize(
    "url",
    [
        "acme.test",
        "ftp://acme.test",
        "http://acme.test",
        "https://me:pw@acme.test",
        "https://acme.test?x=1",
        "https://",
    ],
)
def test_it_refuses_an_address_that_is_unsafe(url: str) -> None:
    with pytest.raises(ConfigurationError):
        Behavry(url, "agt_1", SECRET)


@pytest.mark.parametrize("url", ["http://localhost:8000", "http://demo.localhost", "http://[::1]:8000"])
def test_it_allows_plain_http_to_this_machine(url: str) -> None:
    Behavry(url, "agt_1", SECRET)
    Behavry("http://gateway.internal", "agt_1", SECRET, allow_http=True)
