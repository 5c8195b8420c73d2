"""Whatever is sent to a door of this room, it is an answer that comes back and never a server error."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.agents.tests.builders import an_address, make_agent, make_server
from apps.agents.urls import urlpatterns

TEXTS = st.text(max_size=20) | st.sampled_from(["", "\x00", "\ud800", "é" * 300, "a:b", "http://[::1", "%00", "1e999"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
FIELDS = (
    "name", "agent_type", "description", "tags", "roles", "permissions", "risk_tier", "reason", "overlap_seconds",
    "label", "expires_in", "token", "role", "kind", "transport", "url", "command", "environment", "headers",
    "tool_actions", "enabled", "immediately", "username", "password", "grant_type", "client_id", "client_secret",
    "scope", "resource",
)  # fmt: skip
BODIES = VALUES | st.dictionaries(st.sampled_from(FIELDS) | TEXTS, VALUES, max_size=8)
# Bodies that are right but for one field reach deeper than random ones.
RIGHT: dict[str, dict[str, Any]] = {
    "agents": {"name": "x", "permissions": ["a:b"]},
    "servers": {"name": "x", "transport": "http", "url": "http://x.test/", "headers": {"A": "b"}, "environment": {}},
    "enrolment-tokens": {"label": "x", "expires_in": 600},
    "access-tokens": {"name": "x", "role": "viewer", "expires_in": 600},
    "auth/token": {"grant_type": "client_credentials", "client_id": "a", "client_secret": "b", "resource": "c"},
    "auth/admin/login": {"username": "a", "password": "b"},
    "enroll": {"token": "a", "name": "b"},
    "signing-keys/rotate": {"immediately": False},
}
QUERY = ("status", "q", "tag", "limit", "offset", "cursor", "agent_id", "state", "kind", "enabled", "format")
relaxed = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture
def client(acme: str, admin_of: Callable[[str], Client]) -> Client:
    found = admin_of(acme)
    found.raise_request_exception = False
    return found


def send(client: Client, method: str, path: str, body: Any) -> int:
    text = json.dumps(body)
    answer = client.generic(method, f"/api/v1/{path}", text, "application/json", REMOTE_ADDR=an_address())
    return answer.status_code


@pytest.mark.parametrize("path", RIGHT)
@relaxed
@given(data=st.data())
def test_it_answers_any_body(client: Client, path: str, data: st.DataObject) -> None:
    if data.draw(st.booleans()):
        body: Any = data.draw(BODIES)
    else:
        body = {**RIGHT[path], data.draw(st.sampled_from(FIELDS)): data.draw(VALUES)}
    assert send(client, "POST", path, body) < 500


@relaxed
@given(data=st.data())
def test_it_answers_any_change(client: Client, acme: str, data: st.DataObject) -> None:
    name = f"s{an_address().replace(':', '')}"
    agent, server = make_agent(acme).agent, make_server(acme, name=name)
    for path in (f"agents/{agent.pk}", f"servers/{server.pk}"):
        assert send(client, "PATCH", path, data.draw(BODIES)) < 500
    for step in ("suspend", "resume", "rotate-secret", "revoke", "deprovision"):
        assert send(client, "POST", f"agents/{agent.pk}/{step}", data.draw(BODIES)) < 500
    for step in ("approve", f"{agent.pk}/approve", f"{agent.pk}/reject"):
        assert send(client, "POST", f"servers/{server.pk}/tools/{step}", data.draw(BODIES)) < 500


@relaxed
@given(data=st.data())
def test_it_answers_any_question(client: Client, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(["agents", "sessions", "servers", "enrolment-tokens", "access-tokens"]))
    name, value = (
        data.draw(st.sampled_from(QUERY)),
        data.draw(st.text(max_size=20) | st.sampled_from(["\x00", "bnVsbA"])),
    )
    text = quote(value, errors="surrogatepass")
    assert client.get(f"/api/v1/{path}?{name}={text}").status_code < 500


def test_it_lets_nobody_in_without_a_name_but_where_it_must(acme: str, db: None) -> None:
    stranger, open_doors = (
        Client(SERVER_NAME="acme.test"),
        {
            "auth/token",
            "auth/authorize",
            "auth/admin/login",
            "enroll",
        },
    )
    some = "018f0000-0000-7000-8000-000000000000"
    for pattern in urlpatterns:
        path = str(pattern.pattern)
        for kind in ("agent_id", "session_id", "token_id", "server_id", "pin_id"):
            path = path.replace(f"<uuid:{kind}>", some)
        for method in ("GET", "POST", "PATCH", "PUT", "DELETE"):
            answer = stranger.generic(method, f"/api/v1/{path}", "{}", "application/json", REMOTE_ADDR=an_address())
            if path in open_doors:
                assert answer.status_code in {400, 401, 405}, (method, path)
            else:
                assert answer.status_code == 401, (method, path)
