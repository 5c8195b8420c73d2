"""The REST doors: who may look, what the filters mean, what an export promises, what the neighbour never sees."""

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AbstractUser
from rest_framework.test import APIClient

from apps.audit import services
from apps.audit.models import AuditEntry, ChainBreakEntry
from apps.audit.tests.builders import as_owner, make_entry
from apps.decision import chain
from apps.decision.events import EventKind
from apps.tenants.context import in_tenant

Api = Callable[..., APIClient]
Person = Callable[..., AbstractUser]


@pytest.fixture
def viewer(acme: str, api: Api, person: Person) -> APIClient:
    return api(acme, person(acme, "viewer"))


def events(client: APIClient, **params: Any) -> list[dict[str, Any]]:
    response = client.get("/api/v1/audit/events", params)
    assert response.status_code == 200, response.content
    return list(response.json()["results"])


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content)


PATHS = ["events", "export", "verify", "chain/breaks"]


@pytest.mark.parametrize("path", PATHS)
def test_it_lets_viewers_look_and_nobody_else(
    acme: str, api: Api, person: Person, viewer: APIClient, path: str
) -> None:
    assert api(acme).get(f"/api/v1/audit/{path}").status_code in {401, 403}
    assert api(acme, person(acme, None)).get(f"/api/v1/audit/{path}").status_code == 403
    assert viewer.get(f"/api/v1/audit/{path}").status_code == 200


def test_it_shows_the_neighbour_nothing(acme: str, globex: str, api: Api, person: Person) -> None:
    with in_tenant(acme):
        entry = make_entry(target="ours")
        services.append(entry)
    stranger = api(globex, person(globex, "admin"))
    assert events(stranger, q="ours") == []
    assert stranger.get(f"/api/v1/audit/events/{entry.id}").status_code == 404
    assert b"ours" not in body(stranger.get("/api/v1/audit/export"))


def test_it_shows_one_entry_in_hashable_form(acme: str, viewer: APIClient) -> None:
    entry = make_entry(payload={"ratio": 0.5}, extra={"b": 1, "a": "é"})
    with in_tenant(acme):
        position = services.append(entry)
    shown = viewer.get(f"/api/v1/audit/events/{entry.id}").json()
    hashes = shown.pop("previous_hash"), shown.pop("event_hash")
    assert chain.link(hashes[0], chain.canonical(shown)) == hashes[1] == position.event_hash


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"kind": "call.decision"}, {"one", "two"}),
        ({"kind": "agent.updated,call.outcome"}, {"three"}),
        ({"agent_id": "a2"}, {"two"}),
        ({"tool_name": "write_file", "policy_result": "deny"}, {"two"}),
        ({"policy_result": "deny,escalate"}, {"two"}),
        ({"q": "WRITE"}, {"two"}),
        ({"q": "%"}, set()),
        ({"from": "2026-01-02T00:00:00Z", "to": "2026-01-03T00:00:00Z"}, {"two"}),
        ({"session_id": "nobody"}, set()),
    ],
)
def test_it_filters(acme: str, viewer: APIClient, params: dict[str, str], expected: set[str]) -> None:
    day = datetime(2026, 1, 1, 12, tzinfo=UTC)
    with in_tenant(acme):
        services.append(make_entry(target="one", at=day))
        services.append(
            make_entry(target="two", agent_id="a2", tool_name="write_file", policy_result="deny", at=day + timedelta(1))
        )
        services.append(
            make_entry(target="three", kind=EventKind.AGENT_UPDATED, policy_result="", at=day + timedelta(2))
        )
    assert {row["target"] for row in events(viewer, **params)} == expected


@pytest.mark.parametrize(
    "params",
    [
        {"kind": "no.such"}, {"from": "yesterday"}, {"colour": "red"}, {"limit": "0"}, {"limit": "9999"},
        {"cursor": "!!"}, {"q": "x" * 201}, {"agent_id": "a\0"}, {"parent_event_id": "x"},
        {"from": "0001-01-01T00:00:00+23:59"}, {"to": "9999-12-31T23:59:59-23:59"},
    ],
)  # fmt: skip
def test_it_refuses_filters_it_does_not_understand(viewer: APIClient, params: dict[str, str]) -> None:
    response = viewer.get("/api/v1/audit/events", params)
    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"


def test_it_pages_without_gap_or_repetition_while_the_log_grows(acme: str, viewer: APIClient) -> None:
    with in_tenant(acme):
        for _ in range(5):
            services.append(make_entry(session_id="paged"))
    seen, cursor = [], None
    while True:
        given: dict[str, Any] = {"limit": 2, "session_id": "paged", **({"cursor": cursor} if cursor else {})}
        page = viewer.get("/api/v1/audit/events", given).json()
        seen += [row["seq"] for row in page["results"]]
        with in_tenant(acme):
            services.append(make_entry(session_id="paged"))
        if (cursor := page["next_cursor"]) is None:
            break
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == len(set(seen)) == 5


def test_it_exports_lines_that_verify_themselves(acme: str, viewer: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.audit.export.CHUNK", 2)
    with in_tenant(acme):
        for number in range(5):
            services.append(make_entry(target=f'=file {number}\n"x"', payload={"n": number / 2}))
    response = viewer.get("/api/v1/audit/export", {"format": "jsonl"})
    lines = [json.loads(line) for line in body(response).splitlines()]
    assert response["X-Total-Events"] == str(len(lines)) == str(lines[-1]["seq"] - lines[0]["seq"] + 1)
    last = lines[0]["previous_hash"]
    for line in lines:
        previous_hash, event_hash = line.pop("previous_hash"), line.pop("event_hash")
        assert previous_hash == last
        last = chain.link(previous_hash, chain.canonical(line))
        assert last == event_hash
    more = viewer.get("/api/v1/audit/export", {"cursor": response["X-Next-Cursor"]})
    assert [json.loads(line)["kind"] for line in body(more).splitlines()] == ["log.exported"]


def test_it_exports_in_parts_that_join(acme: str, viewer: APIClient) -> None:
    with in_tenant(acme):
        for _ in range(5):
            services.append(make_entry(session_id="parts"))
    seqs: list[int] = []
    cursor = ""
    for expected in ("5", "3", "1"):
        given: dict[str, Any] = {"limit": 2, "session_id": "parts", **({"cursor": cursor} if cursor else {})}
        response = viewer.get("/api/v1/audit/export", given)
        assert response["X-Total-Events"] == expected
        cursor = response["X-Next-Cursor"]
        seqs += [json.loads(line)["seq"] for line in body(response).splitlines()]
    assert len(seqs) == 5
    assert seqs == sorted(set(seqs))


def test_it_exports_csv_that_no_spreadsheet_executes(acme: str, viewer: APIClient) -> None:
    bad = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", 'plain, "quoted"\nline']
    with in_tenant(acme):
        for text in bad:
            services.append(make_entry(target=text, session_id="csv"))
    response = viewer.get("/api/v1/audit/export", {"format": "csv", "session_id": "csv"})
    found = list(csv.DictReader(io.StringIO(body(response).decode(), newline="")))
    assert [row["target"] for row in found] == [*("'" + text for text in bad[:6]), bad[6]]
    assert response["X-Total-Events"] == "7"
    assert viewer.get("/api/v1/audit/export", {"format": "xml"}).status_code == 400


def test_it_records_who_exported_what(acme: str, api: Api, person: Person) -> None:
    api(acme, person(acme, "viewer", "ann")).get("/api/v1/audit/export", {"agent_id": "a1"})
    with in_tenant(acme):
        last = AuditEntry.objects.order_by("-seq")[0]
    assert (last.kind, last.actor, last.extra["filters"]) == ("log.exported", "user:ann", {"agent_id": "a1"})


def test_it_verifies_now_for_analysts_and_from_memory_for_viewers(acme: str, api: Api, person: Person) -> None:
    analyst, viewer = api(acme, person(acme, "analyst")), api(acme, person(acme, "viewer"))
    with in_tenant(acme):
        services.append(make_entry())
    assert viewer.get("/api/v1/audit/verify", {"fresh": "true"}).status_code == 403
    fresh = analyst.get("/api/v1/audit/verify", {"fresh": "true"}).json()
    assert (fresh["intact"], fresh["whole"], fresh["found"]) == (True, True, [])
    kept = viewer.get("/api/v1/audit/verify").json()
    assert kept["to_seq"] == fresh["to_seq"]
    part = analyst.get("/api/v1/audit/verify", {"from_seq": fresh["to_seq"], "to_seq": fresh["to_seq"]}).json()
    assert (part["entries"], part["whole"]) == (1, False)
    assert analyst.get("/api/v1/audit/verify", {"from_seq": "x"}).status_code == 400
    assert analyst.get("/api/v1/audit/verify", {"from_seq": "3", "to_seq": "2"}).status_code == 400


def test_it_lists_breaks_and_lets_analysts_acknowledge(log: str, api: Api, person: Person) -> None:
    with as_owner(log) as owner:
        owner.execute("UPDATE audit_entry SET target = 'x' WHERE seq = 5")
    analyst, viewer = api(log, person(log, "analyst", "ann")), api(log, person(log, "viewer"))
    found = analyst.get("/api/v1/audit/verify", {"fresh": "true"}).json()
    assert [(item["kind"], item["seq"]) for item in found["found"]] == [("edited", 5)]
    listed = viewer.get("/api/v1/audit/chain/breaks").json()["results"]
    path = f"/api/v1/audit/chain/breaks/{listed[0]['id']}/acknowledge"
    assert viewer.post(path, {"note": "fine"}, format="json").status_code == 403
    assert analyst.post(path, {}, format="json").status_code == 400
    done = analyst.post(path, {"note": "restored from backup"}, format="json")
    assert (done.status_code, done.json()["acknowledged_by"]) == (200, "user:ann")
    assert analyst.post(path, {"note": "again"}, format="json").status_code == 409
    assert viewer.get("/api/v1/audit/chain/breaks", {"acknowledged": "false"}).json()["results"] == []
    with in_tenant(log):
        assert ChainBreakEntry.objects.get().note == "restored from backup"


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_it_has_no_door_that_changes_an_entry(acme: str, api: Api, person: Person, method: str) -> None:
    with in_tenant(acme):
        entry = make_entry()
        services.append(entry)
    client = api(acme, person(acme, "admin"))
    for path in ("events", f"events/{entry.id}"):
        assert getattr(client, method)(f"/api/v1/audit/{path}").status_code == 405
