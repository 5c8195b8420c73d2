"""The server registry: secrets go in sealed and come out only in a snapshot; admins alone write."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.agents import services
from apps.agents.models import McpServer
from apps.agents.tests.builders import kinds, last_entry, make_server
from apps.decision.errors import BadInput, Conflict, Unavailable
from apps.tenants.context import in_tenant

Api = Callable[..., APIClient]
Person = Callable[..., Any]
SECRET = "not-for" + "-your-eyes"


@pytest.fixture
def owner(acme: str, api: Api, person: Person) -> APIClient:
    return api(acme, person(acme, "admin"))


def http_body(**changes: Any) -> dict[str, Any]:
    body = {"name": "files", "kind": "filesystem", "transport": "http", "url": "http://127.0.0.1:9/mcp"}
    return {**body, "headers": {"X-Key": SECRET}, "tool_actions": {"peek": "read"}, **changes}


def test_it_keeps_secrets_to_itself(owner: APIClient, acme: str) -> None:
    made = owner.post("/api/v1/servers", http_body(), format="json")
    assert made.status_code == 201, made.json()
    assert made.json()["header_names"] == ["X-Key"]
    listed = owner.get("/api/v1/servers")
    shown = owner.get(f"/api/v1/servers/{made.json()['id']}")
    entry = last_entry(acme)
    assert entry.kind == "server.registered"
    for text in (made.content, listed.content, shown.content, str(vars(entry)).encode()):
        assert SECRET.encode() not in text
    with in_tenant(acme):
        row = McpServer.objects.get()
        assert SECRET.encode() not in bytes(row.headers_sealed or b"")
        server = services.snapshot().servers["files"]
    assert server.headers == {"X-Key": SECRET}
    assert server.tool_actions == {"peek": "read"}
    assert SECRET not in repr(server)


def test_it_merges_secrets_and_removes_them_by_name(owner: APIClient, acme: str) -> None:
    made = owner.post("/api/v1/servers", http_body(headers={"A": "1", "B": "2"}), format="json").json()
    changed = owner.patch(
        f"/api/v1/servers/{made['id']}", {"headers": {"B": None, "C": "3"}, "enabled": False}, format="json"
    )
    assert changed.json()["header_names"] == ["A", "C"]
    with in_tenant(acme):
        server = services.snapshot().servers["files"]
    assert (dict(server.headers), server.enabled) == ({"A": "1", "C": "3"}, False)
    assert last_entry(acme).extra["changed"] == ["enabled", "header_names", "headers"]
    emptied = owner.patch(f"/api/v1/servers/{made['id']}", {"headers": {"A": None, "C": None}}, format="json")
    assert emptied.json()["header_names"] == []


def test_it_registers_a_program(owner: APIClient, acme: str) -> None:
    body = {"name": "shell", "transport": "stdio", "command": ["mcp-shell", "--key", SECRET]}
    answer = owner.post("/api/v1/servers", {**body, "environment": {"TOKEN": SECRET}}, format="json")
    assert answer.status_code == 201, answer.json()
    assert SECRET not in str(vars(last_entry(acme)))
    with in_tenant(acme):
        server = services.snapshot().servers["shell"]
    assert (server.command[0], dict(server.environment)) == ("mcp-shell", {"TOKEN": SECRET})


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "Bad Name"}, "name"),
        ({"name": "../x"}, "name"),
        ({"transport": "sse"}, "transport"),
        ({"url": "http://me:pw@x.test"}, "url"),
        ({"url": "http://169.254.169.254/"}, "url"),
        ({"command": ["x"]}, "command"),
        ({"command": "rm -rf"}, "command"),
        ({"headers": {"Host": "x"}}, "headers"),
        ({"headers": {"X": "a\nb"}}, "headers"),
        ({"headers": ["x"]}, "headers"),
        ({"environment": {"A B": "x"}}, "environment"),
        ({"tool_actions": {"a": "admire"}}, "tool_actions"),
        ({"tool_actions": {"\x00": "read"}}, "tool_actions"),
        ({"description": "\x00"}, "description"),
        ({"kind": "a b"}, "kind"),
        ({"id": "x"}, "id"),
    ],
)
def test_it_names_the_field_that_is_wrong(owner: APIClient, acme: str, changes: dict[str, Any], field: str) -> None:
    answer = owner.post("/api/v1/servers", http_body(**changes), format="json")
    assert answer.status_code == 400
    assert any(name.startswith(field) for name in answer.json().get("fields", {})), answer.json()
    assert kinds(acme) == []


def test_it_checks_a_change_as_a_whole(owner: APIClient, acme: str) -> None:
    server = make_server(acme)
    address = f"/api/v1/servers/{server.pk}"
    assert owner.patch(address, {"transport": "stdio"}, format="json").status_code == 400
    changed = owner.patch(address, {"transport": "stdio", "url": "", "command": ["x"]}, format="json")
    assert changed.json()["transport"] == "stdio"
    assert owner.patch(address, {"name": "other"}, format="json").status_code == 400


def test_it_writes_nothing_when_nothing_changes(owner: APIClient, acme: str) -> None:
    server = make_server(acme)
    assert owner.patch(f"/api/v1/servers/{server.pk}", {"enabled": True}, format="json").status_code == 200
    assert kinds(acme) == ["server.registered"]


def test_it_has_one_server_per_name(owner: APIClient, acme: str, globex: str) -> None:
    make_server(acme)
    make_server(globex)
    with pytest.raises(Conflict):
        make_server(acme)
    assert owner.post("/api/v1/servers", http_body(), format="json").status_code == 409


def test_it_removes_a_server(owner: APIClient, acme: str) -> None:
    server = make_server(acme)
    assert owner.delete(f"/api/v1/servers/{server.pk}").status_code == 204
    assert owner.delete(f"/api/v1/servers/{server.pk}").status_code == 404
    assert last_entry(acme).kind == "server.removed"
    with in_tenant(acme):
        assert services.snapshot().servers == {}


def test_it_lets_colleagues_look_but_not_touch(acme: str, globex: str, api: Api, person: Person) -> None:
    server = make_server(acme)
    address = f"/api/v1/servers/{server.pk}"
    author, stranger = api(acme, person(acme, "policy_author")), api(acme, person(acme, None))
    assert author.get(address).status_code == 200
    for client, status in ((author, 403), (stranger, 403), (api(acme), 401)):
        assert client.post("/api/v1/servers", http_body(), format="json").status_code == status
        assert client.patch(address, {"enabled": False}, format="json").status_code == status
        assert client.delete(address).status_code == status
    neighbour = api(globex, person(globex, "admin"))
    assert neighbour.get("/api/v1/servers").json()["results"] == []
    assert neighbour.get(address).status_code == neighbour.delete(address).status_code == 404


def test_it_pages_and_filters(owner: APIClient, acme: str) -> None:
    for number in range(3):
        make_server(acme, name=f"s{number}", kind="web" if number else "github")
    first = owner.get("/api/v1/servers?limit=2").json()
    second = owner.get(f"/api/v1/servers?limit=2&cursor={first['next_cursor']}").json()
    assert [row["name"] for row in first["results"] + second["results"]] == ["s0", "s1", "s2"]
    assert len(owner.get("/api/v1/servers?kind=web").json()["results"]) == 2
    assert owner.get("/api/v1/servers?enabled=false").json()["results"] == []
    assert owner.get("/api/v1/servers?enabled=maybe").status_code == 400
    assert owner.get("/api/v1/servers?kind=%00").status_code == 400


def test_it_opens_no_secret_that_was_moved(acme: str, globex: str) -> None:
    here = make_server(acme, headers={"X-Key": SECRET})
    there = make_server(globex, headers={"X-Key": "x"})
    with in_tenant(globex):
        McpServer.objects.filter(pk=there.pk).update(headers_sealed=bytes(here.headers_sealed or b""))
        with pytest.raises(Unavailable):
            services.snapshot()


def test_it_refuses_unknown_fields_in_the_service_too(acme: str) -> None:
    server = make_server(acme)
    with in_tenant(acme), pytest.raises(BadInput):
        services.update_server(server.pk, actor="user:root", changes={"headers_sealed": b""})


def test_stdio_servers_run_only_where_the_operator_allows_them(acme: str, settings: Any) -> None:
    fields: dict[str, Any] = {"name": "files", "transport": "stdio", "command": ["true"], "actor": "user:alice"}
    with in_tenant(acme):
        services.register_server(**fields)
        assert services.snapshot().servers["files"].enabled
        settings.BEHAVRY_STDIO_SERVERS = False
        assert not services.snapshot().servers["files"].enabled
        with pytest.raises(BadInput) as refused:
            services.register_server(**{**fields, "name": "more"})
    assert "operator" in refused.value.fields["transport"]
