"""The REST doors of agents and sessions: who may do what, what is shown, and what another tenant sees."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from apps.agents import services
from apps.agents.models import Agent
from apps.agents.tests.builders import ask_token, kinds, last_entry, make_agent, token_body
from apps.tenants.context import in_tenant
from apps.tenants.models import TenantConfig

Api = Callable[..., APIClient]
Person = Callable[..., Any]
STEPS = ("suspend", "resume", "revoke", "deprovision", "rotate-secret")


@pytest.fixture
def owner(acme: str, api: Api, person: Person) -> APIClient:
    return api(acme, person(acme, "admin", "olga"))


@pytest.fixture
def colleague(acme: str, api: Api, person: Person) -> APIClient:
    return api(acme, person(acme, "viewer"))


@pytest.fixture
def stranger(acme: str, api: Api, person: Person) -> APIClient:
    return api(acme, person(acme, None))


def test_it_shows_the_secret_once(owner: APIClient, acme: str) -> None:
    made = owner.post("/api/v1/agents", {"name": "reader", "permissions": ["github:*"]}, format="json")
    assert made.status_code == 201, made.json()
    assert made["Cache-Control"] == "no-store"
    body = made.json()
    assert body["client_secret"].startswith("bhv_sec_")
    assert last_entry(acme).actor == "user:olga"
    shown = owner.get(f"/api/v1/agents/{body['id']}")
    assert body["client_secret"] not in shown.content.decode()
    assert shown.json() == {name: value for name, value in body.items() if name != "client_secret"}
    assert not [name for name in shown.json() if "hash" in name and name != "system_prompt_hash"]


def test_it_works_with_the_credentials_it_showed(owner: APIClient, acme: str, api: Api) -> None:
    made = owner.post("/api/v1/agents", {"name": "reader"}, format="json").json()
    body = {name: made[name] for name in ("client_id", "client_secret")}
    assert ask_token(api(acme), {"grant_type": "client_credentials", **body}).json()["agent_id"] == made["id"]


def test_it_lets_colleagues_look_but_not_touch(colleague: APIClient, stranger: APIClient, acme: str, api: Api) -> None:
    agent = make_agent(acme).agent
    address = f"/api/v1/agents/{agent.pk}"
    assert colleague.get("/api/v1/agents").json()["total"] == 1
    assert colleague.get(address).status_code == 200
    for client, status in ((colleague, 403), (stranger, 403), (api(acme), 401)):
        assert client.post("/api/v1/agents", {"name": "x"}, format="json").status_code == status
        assert client.patch(address, {"name": "x"}, format="json").status_code == status
        assert {client.post(f"{address}/{step}").status_code for step in STEPS} == {status}
    assert stranger.get("/api/v1/agents").status_code == 403
    assert api(acme).get(address).status_code == 401
    assert kinds(acme) == ["agent.registered"]


def test_it_shows_a_second_tenant_nothing(acme: str, globex: str, api: Api, person: Person) -> None:
    agent = make_agent(acme).agent
    neighbour = api(globex, person(globex, "admin"))
    assert neighbour.get("/api/v1/agents").json() == {"agents": [], "total": 0}
    assert neighbour.get(f"/api/v1/agents/{agent.pk}").status_code == 404
    assert {neighbour.post(f"/api/v1/agents/{agent.pk}/{step}").status_code for step in STEPS} == {404}
    with in_tenant(acme):
        assert Agent.objects.get().status == "active"


def test_it_goes_through_a_life(owner: APIClient, acme: str) -> None:
    address = f"/api/v1/agents/{make_agent(acme).agent.pk}"
    assert owner.patch(address, {"permissions": ["web:read"]}, format="json").json()["permissions"] == ["web:read"]
    assert owner.post(f"{address}/suspend", {"reason": "odd"}, format="json").json()["status"] == "suspended"
    assert last_entry(acme).extra["reason"] == "odd"
    assert owner.post(f"{address}/suspend").status_code == 409
    assert owner.post(f"{address}/resume").json()["status"] == "active"
    rotated = owner.post(f"{address}/rotate-secret", {"overlap_seconds": 0}, format="json").json()
    assert rotated["client_secret"].startswith("bhv_sec_")
    assert rotated["previous_secret_expires_at"] is None
    assert owner.post(f"{address}/revoke").json()["status"] == "revoked"
    assert owner.post(f"{address}/deprovision").json()["status"] == "deprovisioned"
    assert kinds(acme) == [
        "agent.registered", "agent.updated", "agent.suspended", "agent.resumed", "agent.secret_rotated",
        "agent.revoked", "agent.deprovisioned",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x", "permissions": ["nonsense"]}, "permissions"),
        ({"name": "x", "permissions": "filesystem:read"}, "permissions"),
        ({"name": "x", "risk_tier": "extreme"}, "risk_tier"),
        ({"name": "x", "status": "active"}, "status"),
        ({"name": "x", "client_id": "mine"}, "client_id"),
        ({"name": "x", "tags": ["a b"]}, "tags"),
        ({"name": "\x00"}, "name"),
    ],
)
def test_it_names_the_field_that_is_wrong(owner: APIClient, body: dict[str, Any], field: str) -> None:
    answer = owner.post("/api/v1/agents", body, format="json")
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert any(name.startswith(field) for name in answer.json()["fields"]), answer.json()


def test_it_says_when_the_plan_is_full(owner: APIClient, acme: str) -> None:
    with in_tenant(acme):
        TenantConfig.objects.filter(tenant__schema_name=acme).update(max_agents=1)
    assert owner.post("/api/v1/agents", {"name": "a"}, format="json").status_code == 201
    refused = owner.post("/api/v1/agents", {"name": "b"}, format="json")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:behavry:error:agent_limit")
    assert "1 agents" in refused.json()["detail"]


def test_it_filters_and_pages_agents(owner: APIClient, acme: str) -> None:
    made = [make_agent(acme, name=f"agent {number}", tags=["odd"] if number % 2 else []) for number in range(5)]
    with in_tenant(acme):
        services.suspend(made[0].agent.pk, actor="user:root")
    page = owner.get("/api/v1/agents?limit=2&offset=1").json()
    assert (page["total"], [row["name"] for row in page["agents"]]) == (5, ["agent 3", "agent 2"])
    assert owner.get("/api/v1/agents?status=suspended").json()["total"] == 1
    assert owner.get("/api/v1/agents?tag=odd").json()["total"] == 2
    assert owner.get("/api/v1/agents?q=agent 4").json()["total"] == 1
    for wrong in ("limit=0", "limit=501", "limit=x", "offset=-1", "offset=²", "status=odd", "q=%00", "tag=%00"):
        assert owner.get(f"/api/v1/agents?{wrong}").status_code == 400
    assert owner.get("/api/v1/agents/not-a-uuid").status_code == 404
    assert owner.get(f"/api/v1/agents/{uuid4()}").status_code == 404


def test_it_lists_shows_and_ends_sessions(
    owner: APIClient, colleague: APIClient, acme: str, globex: str, api: Api, person: Person
) -> None:
    made = make_agent(acme)
    sessions = [ask_token(api(acme), token_body(made)) for _ in range(3)]
    assert {answer.status_code for answer in sessions} == {200}
    first = colleague.get("/api/v1/sessions?limit=2").json()
    second = colleague.get(f"/api/v1/sessions?limit=2&cursor={first['next_cursor']}").json()
    rows = first["results"] + second["results"]
    assert len({row["id"] for row in rows}) == 3
    assert second["next_cursor"] is None
    assert {(row["state"], row["agent_name"], row["tool_call_count"]) for row in rows} == {("open", "reader", 0)}
    address = f"/api/v1/sessions/{rows[0]['id']}"
    assert colleague.post(f"{address}/revoke").status_code == 403
    neighbour = api(globex, person(globex, "admin"))
    assert neighbour.get(address).status_code == neighbour.post(f"{address}/revoke").status_code == 404
    assert neighbour.get("/api/v1/sessions").json()["results"] == []
    assert owner.post(f"{address}/revoke", {"reason": "lost"}, format="json").json()["state"] == "revoked"
    assert owner.post(f"{address}/revoke").status_code == 409
    assert [row["id"] for row in owner.get("/api/v1/sessions?state=revoked").json()["results"]] == [rows[0]["id"]]
    assert len(owner.get(f"/api/v1/sessions?state=open&agent_id={made.agent.pk}").json()["results"]) == 2
    assert owner.get("/api/v1/sessions?state=odd").status_code == 400
    assert owner.get("/api/v1/sessions?agent_id=odd").status_code == 400
    with in_tenant(acme):
        assert services.snapshot(timezone.now()).revoked_sessions == {rows[0]["id"]}


def test_it_rotates_signing_keys_for_admins(owner: APIClient, colleague: APIClient, acme: str) -> None:
    assert colleague.post("/api/v1/signing-keys/rotate").status_code == 403
    assert owner.post("/api/v1/signing-keys/rotate").json()["state"] == "active"
    listed = colleague.get("/api/v1/signing-keys").json()["results"]
    assert sorted(row["state"] for row in listed) == ["active", "next"]
    assert "PRIVATE" not in str(listed)
    assert owner.post("/api/v1/signing-keys/rotate", {"immediately": True}, format="json").status_code == 201
    assert last_entry(acme).extra["immediately"] is True
