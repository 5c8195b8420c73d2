"""The admin site of this room: it shows no secret, and its buttons do what the API does."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.agents import services
from apps.agents.models import Agent, EnrolmentToken, McpServer, PersonalAccessToken, Session, SigningKey
from apps.agents.tests.builders import kinds, last_entry, make_access_token, make_agent, make_server
from apps.tenants.context import in_tenant
from apps.tenants.roles import Role

NAMES = ("agent", "session", "signingkey", "enrolmenttoken", "personalaccesstoken", "mcpserver")
Admin = Callable[[str], Client]
SECRET = "kept" + "-to-myself"


@pytest.fixture
def everything(acme: str, person: Callable[..., Any]) -> dict[str, Any]:
    """One of each, and the secrets that must not be seen."""
    made = make_agent(acme)
    server = make_server(acme, headers={"X-Key": SECRET})
    token = make_access_token(acme, person(acme, "admin"), Role.ADMIN)
    with in_tenant(acme):
        grant = services.issue_token(client_id=made.agent.client_id, client_secret=made.client_secret)
        enrolment = services.create_enrolment_token(actor="user:root")
        key = SigningKey.objects.get()
    return {
        "rows": {
            "agent": made.agent.pk,
            "session": grant.session_id,
            "signingkey": key.pk,
            "enrolmenttoken": enrolment.row.pk,
            "personalaccesstoken": token.row.pk,
            "mcpserver": server.pk,
        },
        "secrets": [
            SECRET,
            made.client_secret,
            token.token,
            enrolment.token,
            token.row.token_hash,
            enrolment.row.token_hash,
            made.agent.secret_hash,
            "sealed",
        ],
    }


def press(client: Client, name: str, action: str, row: object) -> str:
    data = {"action": action, "_selected_action": [str(row)]}
    answer = client.post(f"/admin/agents/{name}/", data, follow=True)
    assert answer.status_code == 200
    return str(answer.content, "utf-8")


def test_it_shows_lists_and_pages_without_secrets(acme: str, admin_of: Admin, everything: dict[str, Any]) -> None:
    client = admin_of(acme)
    for name in NAMES:
        for path in (f"/admin/agents/{name}/", f"/admin/agents/{name}/{everything['rows'][name]}/change/"):
            answer = client.get(path, follow=True)
            assert answer.status_code == 200, path
            text = answer.content.decode()
            assert not [secret for secret in everything["secrets"] if secret in text], path
        assert client.get(f"/admin/agents/{name}/add/").status_code == 403


def test_it_asks_for_the_digest_of_a_prompt_before_it_registers_it(
    acme: str, admin_of: Admin, everything: dict[str, Any]
) -> None:
    client, row = admin_of(acme), everything["rows"]["agent"]
    assert "none registered" in press(client, "agent", "register_prompt", row)
    form = {"action": "register_prompt", "_selected_action": [str(row)], "confirmed": "yes"}
    for sent, kept in (("AB" * 32, "ab" * 32), ("wrong", "ab" * 32), ("", "")):
        client.post("/admin/agents/agent/", {**form, "system_prompt_hash": sent})
        with in_tenant(acme):
            assert Agent.objects.get(pk=row).system_prompt_hash == kept


def test_it_changes_nothing_by_form(acme: str, admin_of: Admin, everything: dict[str, Any]) -> None:
    client = admin_of(acme)
    for name in NAMES:
        row = everything["rows"][name]
        assert client.post(f"/admin/agents/{name}/{row}/change/", {"name": "x"}).status_code == 403
        assert client.post(f"/admin/agents/{name}/{row}/delete/", {"post": "yes"}).status_code == 403


def test_it_acts_through_the_services(acme: str, admin_of: Admin, everything: dict[str, Any]) -> None:
    client, rows = admin_of(acme), everything["rows"]
    assert "revoked" in press(client, "session", "revoke", rows["session"])
    assert "suspended" in press(client, "agent", "suspend", rows["agent"])
    assert "cannot become" in press(client, "agent", "suspend", rows["agent"])
    press(client, "agent", "resume", rows["agent"])
    assert "bhv_sec_" in press(client, "agent", "rotate_secret", rows["agent"])
    assert "bhv_sec_" not in client.get("/admin/agents/agent/").content.decode()
    press(client, "agent", "revoke", rows["agent"])
    press(client, "agent", "deprovision", rows["agent"])
    press(client, "enrolmenttoken", "revoke", rows["enrolmenttoken"])
    press(client, "personalaccesstoken", "revoke", rows["personalaccesstoken"])
    press(client, "mcpserver", "disable", rows["mcpserver"])
    press(client, "mcpserver", "enable", rows["mcpserver"])
    press(client, "signingkey", "rotate", rows["signingkey"])
    press(client, "signingkey", "replace_at_once", rows["signingkey"])
    assert kinds(acme)[-12:] == [
        "session.revoked", "agent.suspended", "agent.resumed", "agent.secret_rotated", "agent.revoked",
        "agent.deprovisioned", "enrolment_token.revoked", "access_token.revoked", "server.updated", "server.updated",
        "signing_key.rotated", "signing_key.rotated",
    ]  # fmt: skip
    assert last_entry(acme).actor.startswith("user:admin")


def test_it_gives_a_viewer_no_buttons(
    acme: str, person: Callable[..., Any], admin_of: Admin, everything: dict[str, Any]
) -> None:
    viewer = Client(SERVER_NAME="acme.test")
    user = person(acme, "viewer")
    with in_tenant(acme):
        viewer.force_login(user)
    before = kinds(acme)
    assert viewer.get("/admin/agents/agent/").status_code == 200
    assert viewer.get("/admin/agents/personalaccesstoken/").status_code == 403
    press(viewer, "agent", "suspend", everything["rows"]["agent"])
    assert kinds(acme) == before


def test_it_shows_a_second_tenant_nothing(acme: str, globex: str, admin_of: Admin, everything: dict[str, Any]) -> None:
    neighbour = admin_of(globex)
    for model, name in zip(
        (Agent, Session, SigningKey, EnrolmentToken, PersonalAccessToken, McpServer), NAMES, strict=True
    ):
        assert str(everything["rows"][name]) not in neighbour.get(f"/admin/agents/{name}/").content.decode()
        with in_tenant(globex):
            assert not model._default_manager.exists()
