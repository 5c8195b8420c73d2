"""Personal access tokens: never more than their owner, never another's, never after their time."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone
from rest_framework.test import APIClient

from apps.agents import credentials, services
from apps.agents.credentials import Purpose
from apps.agents.models import PersonalAccessToken
from apps.agents.tests.builders import ask_token, last_entry, make_access_token, make_agent, token_body
from apps.decision.errors import NotAuthenticated
from apps.tenants.context import in_tenant
from apps.tenants.roles import Role

Api = Callable[..., APIClient]
Person = Callable[..., Any]


def test_it_signs_a_script_in(acme: str, api: Api, person: Person) -> None:
    user = person(acme, "admin", "olga")
    made = make_access_token(acme, user, Role.ADMIN)
    assert made.token not in repr(made)
    answer = api(acme, token=made.token).post("/api/v1/agents", {"name": "x"}, format="json")
    assert answer.status_code == 201, answer.json()
    assert last_entry(acme).actor == "user:olga token:script"
    with in_tenant(acme):
        assert PersonalAccessToken.objects.get().last_used_at is not None


def test_it_carries_only_its_own_role(acme: str, api: Api, person: Person) -> None:
    token = make_access_token(acme, person(acme, "admin"), Role.VIEWER).token
    assert api(acme, token=token).get("/api/v1/agents").status_code == 200
    assert api(acme, token=token).post("/api/v1/agents", {"name": "x"}, format="json").status_code == 403


def test_it_falls_with_its_owners_role(acme: str, api: Api, person: Person) -> None:
    user = person(acme, "admin")
    token = make_access_token(acme, user, Role.ADMIN).token
    with in_tenant(acme):
        user.groups.set([Group.objects.get_or_create(name="viewer")[0]])
    assert api(acme, token=token).post("/api/v1/agents", {"name": "x"}, format="json").status_code == 403
    with in_tenant(acme):
        User.objects.filter(pk=user.pk).update(is_active=False)
    assert api(acme, token=token).get("/api/v1/agents").status_code == 401


def test_it_is_made_listed_and_withdrawn_by_its_owner(acme: str, api: Api, person: Person) -> None:
    owner, other = api(acme, person(acme, "analyst")), api(acme, person(acme, "admin"))
    made = owner.post("/api/v1/access-tokens", {"name": "ci", "role": "viewer"}, format="json")
    assert made.status_code == 201, made.json()
    assert made["Cache-Control"] == "no-store"
    token, address = made.json()["token"], f"/api/v1/access-tokens/{made.json()['id']}"
    assert token.startswith(made.json()["prefix"])
    assert token not in owner.get("/api/v1/access-tokens").content.decode() + owner.get(address).content.decode()
    assert other.get("/api/v1/access-tokens").json()["results"] == []
    assert other.get(address).status_code == other.delete(address).status_code == 404
    assert api(acme, token=token).get("/api/v1/agents").status_code == 200
    assert owner.delete(address).status_code == 204
    assert last_entry(acme).kind == "access_token.revoked"
    assert api(acme, token=token).get("/api/v1/agents").status_code == 401
    assert owner.delete(address).status_code == 409


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "x", "role": "admin"}, 403),
        ({"name": "x", "role": "policy_author"}, 403),
        ({"name": "x", "role": "root"}, 400),
        ({"name": "", "role": "viewer"}, 400),
        ({"name": "x", "role": "viewer", "expires_in": 31622401}, 400),
        ({"name": "x", "role": "viewer", "expires_in": 1}, 400),
        ({"name": "x", "role": "viewer", "user": 1}, 400),
    ],
)
def test_it_cannot_be_made_stronger_or_longer(
    acme: str, api: Api, person: Person, body: dict[str, Any], status: int
) -> None:
    client = api(acme, person(acme, "analyst"))
    assert client.post("/api/v1/access-tokens", body, format="json").status_code == status


def test_it_cannot_breed_a_stronger_token(acme: str, api: Api, person: Person) -> None:
    token = make_access_token(acme, person(acme, "admin"), Role.ANALYST).token
    client = api(acme, token=token)
    answer = client.post("/api/v1/access-tokens", {"name": "x", "role": "admin"}, format="json")
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:behavry:error:role_too_high")
    assert client.post("/api/v1/access-tokens", {"name": "x", "role": "analyst"}, format="json").status_code == 201


def test_it_ends_on_time(acme: str, person: Person) -> None:
    now = timezone.now()
    with in_tenant(acme):
        user = person(acme, "viewer")
        made = services.create_access_token(
            user, name="x", role=Role.VIEWER, ttl=timedelta(minutes=5), actor="user:x", now=now
        )
        assert services.use_access_token(made.token, now=now + timedelta(seconds=299)).pk == made.row.pk
        with pytest.raises(NotAuthenticated):
            services.use_access_token(made.token, now=now + timedelta(minutes=5))


def test_it_notes_its_use_at_most_once_a_minute(acme: str, person: Person) -> None:
    now = timezone.now()
    made = make_access_token(acme, person(acme, "viewer"), Role.VIEWER)
    with in_tenant(acme):
        for seconds, expected in ((0, 0), (30, 0), (61, 61)):
            services.use_access_token(made.token, now=now + timedelta(seconds=seconds))
            assert PersonalAccessToken.objects.get().last_used_at == now + timedelta(seconds=expected)


def test_it_opens_no_other_tenant(acme: str, globex: str, api: Api, person: Person) -> None:
    token = make_access_token(acme, person(acme, "admin"), Role.ADMIN).token
    assert api(globex, token=token).get("/api/v1/agents").status_code == 401


@pytest.mark.parametrize("kind", ["agent", "client secret", "unknown", "garbage", "basic"])
def test_it_takes_nothing_else_for_a_personal_access_token(acme: str, api: Api, kind: str) -> None:
    made = make_agent(acme, permissions=["*:*"])
    token = {
        "agent": ask_token(api(acme), token_body(made)).json()["access_token"],
        "client secret": made.client_secret,
        "unknown": credentials.generate(Purpose.ACCESS_TOKEN),
        "garbage": "bhv_pat_\xe9",
        "basic": "",
    }[kind]
    client = api(acme)
    header = f"Bearer {token}" if kind != "basic" else "Basic YTpi"
    for path in ("/api/v1/agents", "/api/v1/servers", "/api/v1/sessions"):
        answer = client.get(path, HTTP_AUTHORIZATION=header)
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"].startswith("Bearer")
