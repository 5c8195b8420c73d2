"""Requests carry token and requester, are tried again once after a 401, and take the token nowhere else."""

from collections.abc import AsyncIterator, Iterator
from hashlib import sha256

import httpx
import pytest
import sdk_gateway
from behavry_sdk import Behavry, ConfigurationError
from sdk_gateway import Gateway


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with sdk_gateway.running() as found:
        yield found


@pytest.fixture
def behavry(gateway: Gateway) -> Behavry:
    return Behavry(gateway.url, "agt_1", "s", "mira")


def test_it_signs_requests(gateway: Gateway, behavry: Behavry) -> None:
    with httpx.Client(auth=behavry.auth()) as http:
        answer = http.post(behavry.server_url("files"), json={"a": 1})
    assert answer.status_code == 200
    path, headers, body = gateway.requests[0]
    assert (path, body) == ("/mcp/v1/files", b'{"a":1}')
    assert headers["Authorization"] == "Bearer token-1"
    assert headers["X-Requester-Id"] == "mira"


def test_it_lets_one_request_speak_for_another_requester(gateway: Gateway, behavry: Behavry) -> None:
    with httpx.Client() as http:
        http.post(behavry.server_url("files"), auth=behavry.auth("otto"))
        http.post(behavry.server_url("files"), auth=behavry.auth(""))
    assert [headers.get("X-Requester-Id") for _, headers, _ in gateway.requests] == ["otto", None]
    assert [headers.get("X-Requester-Channel") for _, headers, _ in gateway.requests] == [None, None]


def test_it_says_where_it_was_asked(gateway: Gateway) -> None:
    behavry = Behavry(gateway.url, "agt_1", "s", "mira", requester_channel="chat")
    with httpx.Client() as http:
        http.post(behavry.server_url("files"), auth=behavry.auth())
        http.post(behavry.server_url("files"), auth=behavry.auth(requester_channel="mail"))
    said = [(headers["X-Requester-Id"], headers["X-Requester-Channel"]) for _, headers, _ in gateway.requests]
    assert said == [("mira", "chat"), ("mira", "mail")]


def test_it_says_which_prompt_the_agent_runs_under_and_never_the_prompt(gateway: Gateway) -> None:
    behavry = Behavry(gateway.url, "agt_1", "s", system_prompt="Answer in one sentence.")
    with httpx.Client() as http:
        http.post(behavry.server_url("files"), auth=behavry.auth())
    headers = gateway.requests[0][1]
    assert headers["X-System-Prompt-Hash"] == sha256(b"Answer in one sentence.").hexdigest()
    assert "one sentence" not in str(headers) + str(vars(behavry))


def test_it_tries_once_more_after_a_401(gateway: Gateway, behavry: Behavry) -> None:
    with httpx.Client(auth=behavry.auth()) as http:
        http.post(behavry.server_url("files"))
        gateway.forget_tokens()
        answer = http.post(behavry.server_url("files"), content=iter([b"a", b"b"]))
    assert answer.status_code == 200
    assert [headers["Authorization"][-1] for _, headers, _ in gateway.requests] == ["1", "1", "2"]
    assert [body for _, _, body in gateway.requests] == [b"", b"ab", b"ab"]


def test_it_gives_a_second_401_back(gateway: Gateway, behavry: Behavry) -> None:
    with httpx.Client(auth=behavry.auth()) as http:
        gateway.answers = [(200, {}, b'{"access_token": "x%d", "expires_in": 3600}' % number) for number in range(2)]
        assert http.post(behavry.server_url("files")).status_code == 401
    assert len(gateway.requests) == 2


async def test_it_does_the_same_in_async_code(gateway: Gateway, behavry: Behavry) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"a"
        yield b"b"

    async with httpx.AsyncClient(auth=behavry.auth()) as http:
        await http.post(behavry.server_url("files"))
        gateway.forget_tokens()
        answer = await http.post(behavry.server_url("files"), content=body())
    assert answer.status_code == 200
    assert [sent for _, _, sent in gateway.requests] == [b"", b"ab", b"ab"]


@pytest.mark.parametrize("where", ["http://127.0.0.1:1/", "https://127.0.0.1/", "http://localhost/"])
def test_it_takes_the_token_nowhere_else(gateway: Gateway, behavry: Behavry, where: str) -> None:
    with httpx.Client(auth=behavry.auth()) as http, pytest.raises(ConfigurationError):
        http.post(where)
    assert gateway.forms == []
