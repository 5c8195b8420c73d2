"""The REST doors of change requests, replays and shadows."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import AbstractUser
from rest_framework.test import APIClient

from apps.policies import services
from apps.policies.models import PolicyChangeRequest
from apps.policies.services import replays, shadows
from apps.policies.tests.examples import allowing, policy
from apps.policies.tests.recording import record
from apps.policies.tests.test_changes import TESTS
from apps.policies.tests.test_replays import DENIES_READS
from apps.tenants.context import in_tenant

Api = Callable[..., APIClient]
Person = Callable[..., AbstractUser]
CHANGES = "/api/v1/policies/change-requests"


@pytest.fixture
def ada(acme: str, api: Api, person: Person) -> APIClient:
    return api(acme, person(acme, "policy_author", "ada"))


@pytest.fixture
def grace(acme: str, api: Api, person: Person) -> APIClient:
    return api(acme, person(acme, "policy_author", "grace"))


def submitted(client: APIClient, **fields: Any) -> dict[str, Any]:
    answer = client.post(CHANGES, {"name": "Late hours", "content": policy()} | fields, format="json")
    assert answer.status_code == 201, answer.content
    made: dict[str, Any] = answer.json()
    return made


def test_it_shows_all_that_a_reviewer_needs(acme: str, ada: APIClient, grace: APIClient) -> None:
    with in_tenant(acme):
        record(2, action="write")
        record(1)
    made = submitted(ada, content=allowing(), tests=TESTS, note="Please")
    with in_tenant(acme):
        replays.work("test", seconds=30)
    shown = grace.get(f"{CHANGES}/{made['id']}").json()
    assert (shown["author"], shown["note"], shown["status"], shown["base_version"]) == (
        "user:ada", "Please", "open", None,
    )  # fmt: skip
    assert shown["diff"]["text"].startswith("--- nothing in effect\n+++ late_hours, proposed\n")
    assert (shown["diff"]["added"], shown["diff"]["removed"]) == (3, 0)
    assert shown["compiled"] == {"ok": True, "current": True}
    assert shown["replay"]["unchanged"] == 0
    assert [one["passed"] for one in shown["test_results"]] == [True, False]
    replay = shown["replay"]
    assert (replay["status"], replay["flips"], replay["totals"]) == (
        "done", 2, {"allow": {"allow": 1}, "deny": {"allow": 2}},
    )  # fmt: skip
    assert replay["progress"] | {"per_second": 0} == {
        "done": 3, "total": 3, "percent": 100.0, "per_second": 0, "waiting": None,
    }  # fmt: skip
    assert [(one["tool"], one["before"], one["after"], one["count"]) for one in replay["groups"]] == [
        ("read_file", "deny", "allow", 2)
    ]
    assert [one["after_policy"] for one in replay["samples"]] == ["tenant.late_hours.all"] * 2
    assert grace.get(f"{CHANGES}/{made['id']}/replay").json() == replay
    flips = f"/api/v1/policies/replays/{replay['id']}/flips"
    first = grace.get(flips, {"limit": "1", "before": "deny"}).json()
    assert len(first["results"]) == 1 and first["next_cursor"]
    rest = grace.get(flips, {"cursor": first["next_cursor"]}).json()
    assert (len(rest["results"]), rest["next_cursor"]) == (1, None)
    assert grace.get(flips, {"after": "deny"}).json()["results"] == []
    assert grace.get(flips, {"after": "perhaps"}).status_code == 400


def test_it_goes_from_request_to_effect(acme: str, ada: APIClient, grace: APIClient) -> None:
    made = submitted(ada)
    assert ada.get(f"{CHANGES}/pending-count").json() == {"pending": 1, "for_you": 0}
    assert grace.get(f"{CHANGES}/pending-count").json() == {"pending": 1, "for_you": 1}
    own = ada.post(f"{CHANGES}/{made['id']}/approve", {}, format="json")
    assert (own.status_code, own.json()["type"]) == (403, "urn:behavry:error:self_review")
    done = grace.post(f"{CHANGES}/{made['id']}/approve", {"note": "Fine"}, format="json").json()
    assert (done["status"], done["reviewer"], done["applied_version"]) == ("approved", "user:grace", 1)
    again = grace.post(f"{CHANGES}/{made['id']}/approve", {}, format="json")
    assert (again.status_code, again.json()["type"]) == (409, "urn:behavry:error:already_decided")
    assert ada.get(f"/api/v1/policies/{done['policy']}").json()["status"] == "active"
    gone = submitted(ada, action="archive", policy=done["policy"], content="", name="")
    assert gone["diff"]["removed"] == 5
    assert grace.post(f"{CHANGES}/{gone['id']}/reject", {}, format="json").status_code == 400
    assert grace.post(f"{CHANGES}/{gone['id']}/reject", {"note": "No"}, format="json").json()["status"] == "rejected"
    last = submitted(ada, action="archive", policy=done["policy"], content="", name="")
    assert ada.post(f"{CHANGES}/{last['id']}/withdraw").json()["status"] == "withdrawn"


def test_its_author_writes_it_anew(acme: str, ada: APIClient, grace: APIClient) -> None:
    made = submitted(ada)
    answer = ada.post(f"{CHANGES}/{made['id']}/rebase", {"content": allowing()}, format="json")
    assert (answer.status_code, answer.json()["replaces"]) == (201, made["id"])
    old = grace.post(f"{CHANGES}/{made['id']}/approve", {}, format="json")
    assert (old.status_code, old.json()["type"]) == (409, "urn:behavry:error:superseded")


def test_a_token_of_the_author_is_the_author(acme: str, api: Api, person: Person) -> None:
    with in_tenant(acme):
        root = person(acme, "admin", "root")
    client = api(acme, root)
    token = client.post("/api/v1/access-tokens", {"name": "ci", "role": "admin"}, format="json").json()["token"]
    made = submitted(api(acme, token=token))
    assert made["author"] == "user:root token:ci"
    for one in (client, api(acme, token=token)):
        assert one.post(f"{CHANGES}/{made['id']}/approve", {}, format="json").status_code == 403


def test_it_answers_what_does_not_compile_with_its_place(ada: APIClient) -> None:
    body = {"name": "x", "content": policy(body="verdicts contains 1 if frobnicate(1)\n")}
    answer = ada.post(CHANGES, body, format="json")
    assert (answer.status_code, answer.json()["fields"]["line"]) == (400, "3")
    assert ada.post(CHANGES, {"surprise": 1}, format="json").status_code == 400


def test_it_lists_by_status_page_by_page(ada: APIClient, grace: APIClient) -> None:
    ids = [submitted(ada)["id"] for _ in range(3)]
    ada.post(f"{CHANGES}/{ids[1]}/withdraw")
    found = grace.get(CHANGES, {"status": "open", "limit": "1"}).json()
    assert [one["id"] for one in found["results"]] == [ids[2]]
    found = grace.get(CHANGES, {"status": "open", "cursor": found["next_cursor"]}).json()
    assert ([one["id"] for one in found["results"]], found["next_cursor"]) == ([ids[0]], None)
    assert grace.get(CHANGES, {"status": "lost"}).status_code == 400
    assert grace.get(CHANGES, {"slug": "another"}).json()["results"] == []


def test_direct_activation_is_refused_where_approval_is_needed(
    acme: str, ada: APIClient, api: Api, person: Person
) -> None:
    made = ada.post("/api/v1/policies", {"name": "x", "content": policy()}, format="json").json()
    root = api(acme, person(acme, "admin"))
    settings = "/api/v1/policies/settings"
    assert ada.patch(settings, {"approval_required": True}, format="json").status_code == 403
    answer = root.patch(settings, {"approval_required": True, "replay_days": 3}, format="json")
    assert answer.json() == {"approval_required": True, "replay_days": 3}
    assert ada.get(settings).json() == answer.json()
    for verb in ("activate", "archive"):
        refused = root.post(f"/api/v1/policies/{made['id']}/{verb}", {}, format="json")
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:behavry:error:approval_required")
    assert root.patch(settings, {"replay_days": 91}, format="json").status_code == 400


def test_a_version_is_replayed_and_cancelled(acme: str, ada: APIClient) -> None:
    made = ada.post("/api/v1/policies", {"name": "x", "content": policy()}, format="json").json()
    address = f"/api/v1/policies/{made['id']}/replay"
    row = ada.post(address, {"version": 1, "days": 2}, format="json").json()
    assert (row["status"], row["version"], row["days"], row["progress"]["total"]) == ("queued", 1, 2, None)
    assert ada.post(f"/api/v1/policies/replays/{row['id']}/cancel").json()["status"] == "cancelled"
    assert ada.post(f"/api/v1/policies/replays/{row['id']}/cancel").status_code == 409
    listed = ada.get("/api/v1/policies/replays", {"status": "cancelled"}).json()["results"]
    assert [one["id"] for one in listed] == [row["id"]] and "samples" not in listed[0]
    assert ada.post(address, {"version": 9}, format="json").status_code == 404
    assert ada.post(address, {"archive": True}, format="json").status_code == 409
    assert ada.post(address, {"archive": True, "version": 1}, format="json").status_code == 400


def test_a_shadow_reports_while_it_runs(acme: str, ada: APIClient, grace: APIClient) -> None:
    made = ada.post("/api/v1/policies", {"name": "x", "content": DENIES_READS}, format="json").json()
    address = f"/api/v1/policies/{made['id']}/shadow"
    assert ada.get(address).status_code == 404
    assert ada.post(address, {}, format="json").json()["status"] == "running"
    with in_tenant(acme):
        record(3)
    assert grace.get(address).json()["progress"]["waiting"] == 3
    with in_tenant(acme):
        shadows.work("test", seconds=5)
    shown = grace.get(address).json()
    assert (shown["flips"], shown["progress"]["waiting"], shown["version"]) == (3, 0, 1)
    change = ada.post(f"{address}/promote", {"note": "Good"}, format="json").json()
    assert (change["content"], change["action"]) == (DENIES_READS, "activate")
    assert ada.delete(address).json()["status"] == "stopped"
    assert ada.get(address).json()["flips"] == 3
    assert ada.delete(address).status_code == 404


def test_another_tenant_sees_nothing_of_it(acme: str, globex: str, ada: APIClient, api: Api, person: Person) -> None:
    made = submitted(ada)
    stranger = api(globex, person(globex, "admin", "ada"))
    assert stranger.get(CHANGES).json()["results"] == []
    assert stranger.get(f"{CHANGES}/pending-count").json()["pending"] == 0
    assert stranger.get(f"{CHANGES}/{made['id']}").status_code == 404
    assert stranger.post(f"{CHANGES}/{made['id']}/approve", {}, format="json").status_code == 404
    with in_tenant(globex):
        services.configure(actor="user:ada", changes={"policy_approval": True})
        assert not PolicyChangeRequest.objects.exists()
    assert ada.get("/api/v1/policies/settings").json()["approval_required"] is False
