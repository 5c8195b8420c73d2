"""The REST doors of policies and DLP settings: who may, what comes back, and that a second tenant sees nothing."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import AbstractUser
from rest_framework.test import APIClient

from apps.decision.facts import Human
from apps.policies import rulebook
from apps.policies.tests.examples import allowing, document, policy

Api = Callable[..., APIClient]
Person = Callable[..., AbstractUser]
WRITES = document(action="write", resource_kind="filesystem", parameters={"path": "a"}, resource="a")


@pytest.fixture
def author(acme: str, api: Api, person: Person) -> APIClient:
    return api(acme, person(acme, "policy_author"))


def created(client: APIClient, content: str = "", **fields: Any) -> dict[str, Any]:
    body = {"name": "Late hours", "content": content or policy()} | fields
    answer = client.post("/api/v1/policies", body, format="json")
    assert answer.status_code == 201, answer.content
    made: dict[str, Any] = answer.json()
    return made


def test_it_takes_a_policy_from_draft_to_decision(acme: str, author: APIClient) -> None:
    made = created(author, allowing(), description="At night")
    assert (made["slug"], made["package"]) == ("late_hours", "behavry.tenant.late_hours")
    assert (made["status"], made["active_version"], made["latest_version"]) == ("draft", None, 1)
    activated = author.post(f"/api/v1/policies/{made['id']}/activate", {}, format="json").json()
    assert (activated["status"], activated["active_version"]) == ("active", 1)
    assert rulebook.load(acme, human=Human).authorize(WRITES).policy == "tenant.late_hours.all"
    archived = author.post(f"/api/v1/policies/{made['id']}/archive").json()
    assert (archived["status"], archived["active_version"]) == ("archived", None)
    assert rulebook.load(acme, human=Human).authorize(WRITES).policy == "default"


def test_it_keeps_versions(author: APIClient) -> None:
    address = f"/api/v1/policies/{created(author)['id']}"
    author.post(f"{address}/activate", {}, format="json")
    changed = author.patch(address, {"name": "Later", "content": allowing()}, format="json").json()
    assert (changed["name"], changed["active_version"], changed["latest_version"]) == ("Later", 1, 2)
    assert changed["content"] == allowing()
    versions = author.get(f"{address}/versions").json()["results"]
    assert [(one["number"], one["content"]) for one in versions] == [(2, allowing()), (1, policy())]
    again = author.post(f"{address}/activate", {"version": 1}, format="json").json()
    assert again["active_version"] == 1
    assert author.post(f"{address}/activate", {"version": 7}, format="json").status_code == 404


def test_it_answers_a_bad_policy_with_line_and_column(author: APIClient) -> None:
    content = policy(body="allow if {\n\tfrobnicate(1)\n}\n\nverdicts contains 1 if allow\n")
    answer = author.post("/api/v1/policies", {"name": "x", "content": content}, format="json")
    assert answer.status_code == 400
    body = answer.json()
    assert body["type"] == "urn:behavry:error:bad_policy"
    assert (body["fields"]["line"], body["fields"]["column"]) == ("4", "2")
    assert "frobnicate" in body["fields"]["content"]


def test_it_says_which_rules_fired_in_a_dry_run(author: APIClient) -> None:
    made = created(author)
    reads = document(action="read", resource_kind="filesystem", parameters={"path": "/etc/shadow"}, resource="")
    answer = author.post(f"/api/v1/policies/{made['id']}/test", {"input": reads}, format="json").json()
    assert (answer["result"], answer["policy"], answer["version"]) == ("deny", "filesystem.secrets", 1)
    assert {one["policy"]: one["result"] for one in answer["fired"]} == {
        "filesystem.secrets": "deny", "filesystem.system": "deny", "permission_match.granted": "allow",
    }  # fmt: skip
    body = {"input": WRITES, "content": allowing()}
    unsaved = author.post(f"/api/v1/policies/{made['id']}/test", body, format="json").json()
    assert (unsaved["result"], unsaved["version"]) == ("allow", None)


def test_it_lists_by_status(author: APIClient) -> None:
    first = created(author)
    created(author, policy("second"))
    author.post(f"/api/v1/policies/{first['id']}/activate", {}, format="json")
    listed = author.get("/api/v1/policies?status=active").json()["results"]
    assert [one["slug"] for one in listed] == ["late_hours"]
    page = author.get("/api/v1/policies?limit=1").json()
    rest = author.get(f"/api/v1/policies?limit=1&cursor={page['next_cursor']}").json()
    assert [one["slug"] for one in page["results"] + rest["results"]] == ["late_hours", "second"]
    assert author.get("/api/v1/policies?status=asleep").status_code == 400


def test_it_describes_the_base_rules(author: APIClient) -> None:
    rules = {rule["name"]: rule for rule in author.get("/api/v1/policies/base").json()}
    assert rules["filesystem"]["title"] == "Filesystem"
    assert "A path climbs out of where it starts" in rules["filesystem"]["rules"]


def test_it_refuses_fields_that_nobody_knows(author: APIClient) -> None:
    body = {"name": "x", "content": policy(), "status": "active"}
    assert author.post("/api/v1/policies", body, format="json").status_code == 400


def test_it_lets_viewers_read_and_not_write(acme: str, author: APIClient, api: Api, person: Person) -> None:
    made = created(author)
    for role in ("viewer", "analyst"):
        client = api(acme, person(acme, role))
        for path in ("policies", "policies/base", f"policies/{made['id']}", f"policies/{made['id']}/versions"):
            assert client.get(f"/api/v1/{path}").status_code == 200
        assert client.get("/api/v1/dlp/patterns").status_code == 200
        assert client.post("/api/v1/policies", {}, format="json").status_code == 403
        assert client.patch(f"/api/v1/policies/{made['id']}", {}, format="json").status_code == 403
        for verb in ("activate", "archive", "test"):
            assert client.post(f"/api/v1/policies/{made['id']}/{verb}", {}, format="json").status_code == 403
        assert client.post("/api/v1/dlp/patterns", {}, format="json").status_code == 403
        assert client.patch("/api/v1/dlp/builtin/email", {}, format="json").status_code == 403
    stranger = api(acme)
    assert stranger.get("/api/v1/policies").status_code in {401, 403}


def test_it_shows_a_second_tenant_nothing(author: APIClient, globex: str, api: Api, person: Person) -> None:
    made = created(author)
    other = api(globex, person(globex, "admin"))
    assert other.get("/api/v1/policies").json()["results"] == []
    address = f"/api/v1/policies/{made['id']}"
    assert other.get(address).status_code == 404
    assert other.patch(address, {"name": "mine"}, format="json").status_code == 404
    bodies: dict[str, Any] = {"activate": {}, "archive": {}, "test": {"input": {}}}
    for verb, body in bodies.items():
        assert other.post(f"{address}/{verb}", body, format="json").status_code == 404
    assert other.get(f"{address}/versions").status_code == 404


def test_it_changes_dlp_patterns(acme: str, author: APIClient) -> None:
    body = {
        "name": "badge", "regex": r"\bBADGE-[0-9]{6}\b", "severity": "high", "action": "deny",
        "examples_hit": ["BADGE-123456"], "examples_miss": ["BADGE-1"],
    }  # fmt: skip
    made = author.post("/api/v1/dlp/patterns", body, format="json").json()
    assert [one.rule for one in rulebook.load(acme, human=Human).scan_dlp("BADGE-654321")] == ["badge"]
    address = f"/api/v1/dlp/patterns/{made['id']}"
    assert author.patch(address, {"action": "log"}, format="json").json()["action"] == "log"
    assert rulebook.load(acme, human=Human).scan_dlp("BADGE-654321")[0].action == "log"
    assert author.patch(address, {"regex": "("}, format="json").json()["fields"]["regex"]
    assert author.get(address).json()["regex"] == body["regex"]
    assert author.delete(address).status_code == 204
    assert author.get(address).status_code == 404
    assert rulebook.load(acme, human=Human).scan_dlp("BADGE-654321") == ()


def test_it_changes_builtin_patterns(acme: str, author: APIClient) -> None:
    listed = {one["name"]: one for one in author.get("/api/v1/dlp/patterns").json()["builtin"]}
    assert len(listed) == 26
    assert (listed["email"]["enabled"], listed["email"]["changed"]) == (False, False)
    changed = author.patch("/api/v1/dlp/builtin/email", {"enabled": True, "action": "redact"}, format="json").json()
    assert (changed["enabled"], changed["action"], changed["changed"]) == (True, "redact", True)
    assert [one.rule for one in rulebook.load(acme, human=Human).scan_dlp("ada@" + "behavry-mail.com")] == ["email"]
    assert author.patch("/api/v1/dlp/builtin/private_key", {"action": "log"}, format="json").status_code == 400
    assert author.patch("/api/v1/dlp/builtin/nothing", {}, format="json").status_code == 404
