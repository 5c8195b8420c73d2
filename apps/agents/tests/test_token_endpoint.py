"""The token endpoint: what OAuth clients send and see, and what guessers learn, which is nothing."""

import base64
import urllib.parse
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from django.utils import timezone
from mcp.shared.auth import OAuthMetadata
from rest_framework.test import APIClient

from apps.agents import credentials, services, tokens
from apps.agents.credentials import Purpose
from apps.agents.models import Session
from apps.agents.tests.builders import (
    an_address,
    ask_token,
    kinds,
    last_entry,
    make_agent,
    make_server,
    token_body,
)
from apps.tenants import redis as tenant_redis
from apps.tenants.context import in_tenant

Api = Callable[..., APIClient]


def test_it_answers_with_a_token_that_the_snapshot_accepts(acme: str, api: Api) -> None:
    made = make_agent(acme, risk_tier="medium", roles=["reader"])
    answer = ask_token(api(acme), token_body(made))
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert {name: body[name] for name in ("token_type", "expires_in", "agent_id", "risk_tier", "scope")} == {
        "token_type": "Bearer",
        "expires_in": 3600,
        "agent_id": str(made.agent.pk),
        "risk_tier": "medium",
        "scope": "filesystem:read",
    }
    assert answer["Cache-Control"] == "no-store"
    with in_tenant(acme):
        book = services.snapshot()
        claims = tokens.verify(
            body["access_token"],
            keys=book.keys,
            issuer=book.issuer,
            audiences=book.audiences,
            schema=acme,
            now=timezone.now(),
        )
        session = Session.objects.get()
    assert claims.session_id == str(session.pk)
    assert claims.roles == ("reader",)
    entry = last_entry(acme)
    assert (entry.kind, entry.session_id, entry.agent_id) == ("session.opened", str(session.pk), str(made.agent.pk))


def test_it_takes_forms_and_http_basic(acme: str, api: Api) -> None:
    made = make_agent(acme)
    assert ask_token(api(acme), token_body(made), form=True).status_code == 200
    pair = f"{made.agent.client_id}:{urllib.parse.quote_plus(made.client_secret)}"
    header = "Basic " + base64.b64encode(pair.encode()).decode()
    grant = {"grant_type": "client_credentials"}
    assert ask_token(api(acme), grant, form=True, HTTP_AUTHORIZATION=header).status_code == 200


def test_it_binds_the_token_to_the_resource_asked_for(acme: str, api: Api) -> None:
    made = make_agent(acme)
    make_server(acme, name="files")

    def audience(**changes: str) -> Any:
        answer = ask_token(api(acme), token_body(made, **changes))
        if answer.status_code != 200:
            return answer.json()["error"]
        return urllib.parse.urlsplit(
            jwt.decode(answer.json()["access_token"], options={"verify_signature": False})["aud"]
        )[1:3]

    assert audience() == ("acme.test", "")
    assert audience(resource="http://acme.test/mcp/v1/files") == ("acme.test", "/mcp/v1/files")
    assert audience(resource="https://globex.test/mcp/v1/files") == "invalid_target"


def test_it_says_the_same_for_an_unknown_client_and_a_wrong_secret(acme: str, api: Api) -> None:
    made = make_agent(acme)
    wrong = credentials.generate(Purpose.CLIENT_SECRET)
    unknown = ask_token(api(acme), token_body(made, client_id=credentials.generate_client_id(), client_secret=wrong))
    known = ask_token(api(acme), token_body(made, client_secret=wrong))
    assert unknown.status_code == known.status_code == 401
    assert unknown.content == known.content
    assert known.json()["error"] == "invalid_client"
    assert known["WWW-Authenticate"].startswith("Basic")
    assert known["Cache-Control"] == "no-store"


def test_it_logs_refusals_without_what_was_sent(acme: str, api: Api) -> None:
    made = make_agent(acme)
    pasted = credentials.generate(Purpose.CLIENT_SECRET)
    ask_token(api(acme), token_body(made, client_id=pasted, client_secret=pasted))
    entry = last_entry(acme)
    assert (entry.kind, entry.actor, entry.error) == ("token.refused", "anonymous", "invalid_client")
    assert entry.extra == {"why": "unknown_client"}
    ask_token(api(acme), token_body(made, client_secret=pasted))
    entry = last_entry(acme)
    assert (entry.agent_id, entry.extra) == (str(made.agent.pk), {"why": "wrong_secret"})


@pytest.mark.parametrize("step", ["suspend", "revoke", "deprovision"])
def test_it_refuses_agents_out_of_service_only_to_those_who_know_the_secret(acme: str, api: Api, step: str) -> None:
    made = make_agent(acme)
    with in_tenant(acme):
        getattr(services, step)(made.agent.pk, actor="user:root")
    refused = ask_token(api(acme), token_body(made))
    assert (refused.status_code, refused.json()["error"]) == (403, "unauthorized_client")
    stranger = ask_token(api(acme), token_body(made, client_secret="guess"))
    assert (stranger.status_code, stranger.json()["error"]) == (401, "invalid_client")


def test_it_refuses_the_agent_of_another_tenant(acme: str, globex: str, api: Api) -> None:
    made = make_agent(acme)
    assert ask_token(api(globex), token_body(made)).json()["error"] == "invalid_client"
    assert ask_token(api(acme), token_body(made)).status_code == 200


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        ("{", "application/json", 400),
        ("[]", "application/json", 400),
        ("{}", "application/json", 400),
        ("\xff", "application/json", 400),
        ("[" * 60_000, "application/json", 400),
        (" " * 70_000 + "{}", "application/json", 413),
        ("a" * 70_000, "application/x-www-form-urlencoded", 413),
        ("&".join(["a=b"] * 2000), "application/x-www-form-urlencoded", 400),
        ('{"grant_type": "client_credentials", "client_id": "\\u0000", "client_secret": "x"}', "application/json", 400),
        ("a=b", "application/x-www-form-urlencoded", 400),
        ("<x/>", "application/xml", 400),
        ("grant_type=password", "application/x-www-form-urlencoded", 400),
    ],
)
def test_it_answers_nonsense_in_the_words_of_oauth(
    acme: str, api: Api, content: str, content_type: str, status: int
) -> None:
    answer = api(acme).post(
        "/api/v1/auth/token", content.encode("latin-1"), content_type=content_type, REMOTE_ADDR=an_address()
    )
    assert answer.status_code == status
    assert set(answer.json()) == {"error", "error_description"}
    assert answer.json()["error"] in {"invalid_request", "unsupported_grant_type"}
    assert kinds(acme) == []


def test_it_refuses_other_methods(acme: str, api: Api) -> None:
    answer = api(acme).get("/api/v1/auth/token")
    assert (answer.status_code, answer.json()["error"]) == (405, "invalid_request")


def test_it_throttles_failures_and_not_successes(acme: str, api: Api) -> None:
    made, address = make_agent(acme), an_address()
    for _ in range(31):
        assert ask_token(api(acme), token_body(made), address=address).status_code == 200
    for _ in range(30):
        assert ask_token(api(acme), token_body(made, client_secret="x"), address=address).status_code == 401
    refused = ask_token(api(acme), token_body(made), address=address)
    assert (refused.status_code, refused.json()["error"]) == (429, "temporarily_unavailable")
    assert int(refused["Retry-After"]) >= 1
    assert ask_token(api(acme), token_body(made)).status_code == 200


def test_it_lets_nobody_in_without_redis(acme: str, api: Api, settings: Any) -> None:
    made = make_agent(acme)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    tenant_redis.redis_client.cache_clear()
    try:
        answer = ask_token(api(acme), token_body(made))
    finally:
        tenant_redis.redis_client().close()
        tenant_redis.redis_client.cache_clear()
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    with in_tenant(acme):
        assert not Session.objects.exists()


def test_it_publishes_its_keys_and_metadata(acme: str, api: Api) -> None:
    made = make_agent(acme)
    token = ask_token(api(acme), token_body(made)).json()["access_token"]
    found = api(acme).get("/.well-known/oauth-authorization-server").json()
    assert found["token_endpoint"].endswith("://acme.test/api/v1/auth/token")
    assert found["grant_types_supported"] == ["client_credentials"]
    assert found["jwks_uri"].startswith(found["issuer"])
    understood = OAuthMetadata.model_validate(found)  # by the official MCP client
    refused = api(acme).get(str(understood.authorization_endpoint))
    assert (refused.status_code, refused.json()["error"]) == (400, "unsupported_response_type")
    keys = jwt.PyJWKSet.from_dict(api(acme).get("/.well-known/jwks.json").json())
    kid = jwt.get_unverified_header(token)["kid"]
    claims = jwt.decode(token, key=keys[kid], algorithms=["RS256"], options={"verify_aud": False})
    assert claims["sub"] == str(made.agent.pk)
    assert "d" not in api(acme).get("/.well-known/jwks.json").json()["keys"][0]


def test_it_publishes_no_keys_of_another_tenant(acme: str, globex: str, api: Api) -> None:
    ask_token(api(acme), token_body(make_agent(acme)))
    assert api(globex).get("/.well-known/jwks.json").json() == {"keys": []}
    assert api(globex).post("/.well-known/jwks.json").status_code == 405
