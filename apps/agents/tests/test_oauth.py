"""What a token request may look like, and what is said to those that do not."""

import base64
from typing import Any

import pytest
from django.http import QueryDict

from apps.agents import oauth
from apps.agents.oauth import OAuthError

GRANT = {"grant_type": "client_credentials"}


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def test_it_takes_credentials_from_the_body() -> None:
    asked = oauth.parse({**GRANT, "client_id": "a", "client_secret": "b", "resource": "r"}, "")
    assert (asked.client_id, asked.client_secret, asked.resource) == ("a", "b", "r")
    assert "b" not in repr(asked).replace("behavry", "")


def test_it_takes_credentials_from_the_header_url_decoded() -> None:
    asked = oauth.parse(GRANT, basic("a%3Ab", "c%20d+e"))
    assert (asked.client_id, asked.client_secret) == ("a:b", "c d e")


@pytest.mark.parametrize(
    ("body", "header", "code"),
    [
        ([], "", "invalid_request"),
        ("text", "", "invalid_request"),
        ({}, "", "invalid_request"),
        ({"grant_type": "password"}, "", "unsupported_grant_type"),
        ({"grant_type": ["client_credentials"]}, "", "invalid_request"),
        (GRANT, "", "invalid_client"),
        ({**GRANT, "client_id": "a"}, "", "invalid_client"),
        ({**GRANT, "client_id": 1, "client_secret": "b"}, "", "invalid_request"),
        ({**GRANT, "client_id": "a" * 3000, "client_secret": "b"}, "", "invalid_request"),
        ({**GRANT, "client_id": "a", "client_secret": "b"}, basic("a", "b"), "invalid_request"),
        ({**GRANT, "client_id": "z"}, basic("a", "b"), "invalid_request"),
        (GRANT, "Basic ???", "invalid_client"),
        (GRANT, "Basic " + base64.b64encode(b"\xff\xfe:").decode(), "invalid_client"),
        (GRANT, "Basic " + base64.b64encode(b"nocolon").decode(), "invalid_client"),
        (GRANT, "Bearer abc", "invalid_client"),
        (GRANT, basic("a%00", "b"), "invalid_client"),
        (GRANT, basic("a", "%ED%A0%80"), "invalid_client"),
        ({**GRANT, "client_id": "a\x00", "client_secret": "b"}, "", "invalid_request"),
        ({**GRANT, "client_id": "\ud800", "client_secret": "b"}, "", "invalid_request"),
        ({**GRANT, "client_id": "a", "client_secret": "b", "scope": "\n"}, "", "invalid_request"),
        (QueryDict("grant_type=client_credentials&client_id=a&client_id=b&client_secret=c"), "", "invalid_request"),
        (QueryDict("grant_type=client_credentials&resource=a&resource=b"), basic("a", "b"), "invalid_request"),
    ],
)
def test_it_refuses_with_an_oauth_code(body: Any, header: str, code: str) -> None:
    with pytest.raises(OAuthError) as caught:
        oauth.parse(body, header)
    assert caught.value.code == code
    assert caught.value.status == (401 if code == "invalid_client" else 400)
