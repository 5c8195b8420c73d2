"""Escalations and hooks over REST: what is told to whom, filters, order, and what comes back of a refusal."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.test import APIClient

from apps.exceptions.models import NotificationHook
from apps.exceptions.tests.asking import ONE, TWO, change, hold, make_asked, make_call
from apps.tenants.context import in_tenant

Api = Callable[..., APIClient]
Person = Callable[..., User]
BASE = "/api/v1/escalations"


def ids(client: APIClient, query: str = "") -> list[str]:
    answer = client.get(f"{BASE}{query}")
    assert answer.status_code == 200, answer.json()
    return [row["id"] for row in answer.json()["results"]]


def test_it_shows_what_a_person_needs_to_decide(acme: str, api: Api, person: Person) -> None:
    held = hold(acme, tier="high")
    found = api(acme, person(acme, "viewer")).get(f"{BASE}/{held.id}").json()
    assert found["status"] == "pending"
    assert 1_700 < found["seconds_left"] <= 1_800
    assert found["arguments"] == {"path": "/srv/reports/q3.txt"}
    assert (found["agent_id"], found["tool_name"], found["risk_tier"]) == (ONE, "delete_file", "high")
    assert found["verdicts"][0]["policy"] == "delete.ask"
    assert "binding" not in found


def test_it_filters_and_orders(acme: str, api: Api, person: Person) -> None:
    client = api(acme, person(acme, "viewer"))
    slow, other = hold(acme), hold(acme, make_asked(acme, make_call(tool="send_mail", server="mail"), agent=TWO))
    quick = hold(acme, make_asked(acme, make_call(tool="quick"), tier="critical"))
    over = hold(acme, make_asked(acme, make_call(tool="over")))
    change(acme, over, expires_at=timezone.now() - timedelta(minutes=1))
    change(acme, slow, expires_at=timezone.now() + timedelta(hours=23))
    assert set(ids(client)) == {slow.id, other.id, quick.id, over.id}
    assert set(ids(client, "?status=pending")) == {slow.id, other.id, quick.id}
    assert ids(client, "?status=expired") == [over.id]
    assert ids(client, f"?agent={TWO}") == ids(client, "?tool=send_mail") == ids(client, "?server=mail") == [other.id]
    assert ids(client, "?subject=inbound") == []
    assert ids(client, "?order=expiry") == [quick.id, slow.id, other.id]
    assert ids(client, "?order=expiry&status=expired") == [over.id]
    assert client.get(f"{BASE}/{over.id}").json()["seconds_left"] is None


def test_it_pages_by_time_left_without_losing_equals(acme: str, api: Api, person: Person) -> None:
    client = api(acme, person(acme, "viewer"))
    held = [hold(acme, make_asked(acme, make_call(tool=f"t{n}"))) for n in range(5)]
    together = timezone.now() + timedelta(hours=1)
    for one in held:
        change(acme, one, expires_at=together)
    for order in ("newest", "expiry"):
        seen: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            page = client.get(BASE, {"order": order, "limit": 2, "cursor": cursor}).json()
            seen += [row["id"] for row in page["results"]]
            cursor = page["next_cursor"]
        assert sorted(seen) == sorted(one.id for one in held)


def test_it_refuses_filters_that_mean_nothing(acme: str, api: Api, person: Person) -> None:
    client = api(acme, person(acme, "viewer"))
    for query in (
        "status=open",
        "subject=x",
        "order=oldest",
        "agent=demo-agent",
        "tool=%00",
        "limit=0",
        "cursor=nonsense",
    ):
        answer = client.get(f"{BASE}?{query}")
        assert answer.status_code == 400, query
        assert list(answer.json()["fields"]) == [query.partition("=")[0]]
    assert client.get(f"{BASE}?order=expiry&cursor=NQ").status_code in {200, 400}  # 5: no time, but a cursor


def test_it_lets_analysts_resolve_and_tells_the_second_one(acme: str, api: Api, person: Person) -> None:
    held = hold(acme, tier="critical")
    viewer, analyst = api(acme, person(acme, "viewer")), api(acme, person(acme, "analyst", "ada"))
    address = f"{BASE}/{held.id}/resolve"
    assert viewer.post(address, {"resolution": "deny"}, format="json").status_code == 403
    missing = analyst.post(address, {"resolution": "approve"}, format="json")
    assert (missing.status_code, list(missing.json()["fields"])) == (400, ["note"])
    wrong = analyst.post(address, {"resolution": "allow_original", "note": "x"}, format="json")
    assert (wrong.status_code, list(wrong.json()["fields"])) == (400, ["resolution"])
    extra = analyst.post(address, {"resolution": "deny", "reason": "x"}, format="json")
    assert (extra.status_code, list(extra.json()["fields"])) == (400, ["reason"])
    done = analyst.post(address, {"resolution": "approve", "note": "a drill"}, format="json")
    assert (done.status_code, done.json()["status"], done.json()["resolved_by"]) == (200, "approved", "user:ada")
    assert done.json()["seconds_left"] is None
    late = api(acme, person(acme, "admin")).post(address, {"resolution": "deny"}, format="json")
    assert late.status_code == 409
    assert late.json()["type"] == "urn:behavry:error:already_resolved"
    assert "user:ada" in late.json()["detail"]


def test_it_takes_settings_from_admins(acme: str, globex: str, api: Api, person: Person) -> None:
    address = "/api/v1/admin/escalations"
    admin, analyst = api(acme, person(acme, "admin")), api(acme, person(acme, "analyst"))
    assert analyst.get(address).json() == {
        "low_seconds": 86_400, "medium_seconds": 14_400, "high_seconds": 1_800, "critical_seconds": 300,
        "hold_seconds": 45, "use_seconds": 3_600,
    }  # fmt: skip
    assert analyst.patch(address, {"hold_seconds": 5}, format="json").status_code == 403
    assert admin.patch(address, {"hold_seconds": 5}, format="json").json()["hold_seconds"] == 5
    refused = admin.patch(address, {"low_seconds": 1, "other": 2}, format="json")
    assert (refused.status_code, list(refused.json()["fields"])) == (400, ["other"])
    assert admin.patch(address, {"low_seconds": 1}, format="json").json()["fields"].keys() == {"low_seconds"}
    assert api(globex, person(globex, "viewer")).get(address).json()["hold_seconds"] == 45


def test_it_shows_a_hooks_secret_once(acme: str, api: Api, person: Person) -> None:
    client = api(acme, person(acme, "admin"))
    body: dict[str, Any] = {"name": "pager", "url": "http://127.0.0.1:9/hook", "kinds": ["escalation.opened"]}
    made = client.post("/api/v1/notification-hooks", body, format="json")
    assert made.status_code == 201
    secret, address = made.json()["secret"], f"/api/v1/notification-hooks/{made.json()['id']}"
    renewed = client.post(f"{address}/rotate-secret").json()["secret"]
    assert secret.startswith("bhv_hook_")
    assert renewed != secret
    changed = client.patch(address, {"enabled": True, "kinds": []}, format="json")
    assert (changed.status_code, changed.json()["kinds"]) == (200, [])
    held = hold(acme)
    tried = client.post(f"{address}/test")
    assert (tried.status_code, tried.json()["kind"]) == (201, "hook.test")
    deliveries = client.get(f"{address}/deliveries").json()["results"]
    assert {one["kind"] for one in deliveries} == {"hook.test", "escalation.opened"}
    assert held.id in str(deliveries)
    assert client.get(f"{address}/deliveries?status=sent").json()["results"] == []
    assert client.get(f"{address}/deliveries?status=lost").status_code == 400
    texts = [client.get(path).content.decode() for path in (address, "/api/v1/notification-hooks")]
    assert not [text for text in texts if secret in text or renewed in text or "secret" in text]
    assert client.patch(address, {"secret": "x"}, format="json").status_code == 400
    bad = client.post("/api/v1/notification-hooks", {**body, "url": "http://169.254.169.254/"}, format="json")
    assert (bad.status_code, list(bad.json()["fields"])) == (400, ["url"])
    assert client.post("/api/v1/notification-hooks", body, format="json").status_code == 409
    assert client.delete(address).status_code == 204
    with in_tenant(acme):
        assert not NotificationHook.objects.exists()
