"""Canary tokens: made in credible shapes, told once, sealed, found by their tenant alone, retired."""

import re
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.test import APIClient

from apps.audit.models import AuditEntry
from apps.decision.errors import BadInput, Conflict, NotFound
from apps.decision.facts import Human
from apps.decision.scan.patterns import BUILTIN_PATTERNS, made
from apps.decision.scan.scanner import PatternSetting, build_result_scanner, build_scanner
from apps.decision.types import DlpAction
from apps.policies import rulebook
from apps.policies.models import CanaryToken
from apps.policies.services import canaries, inbound
from apps.tenants.context import in_tenant

Api = Callable[..., APIClient]
Person = Callable[..., User]
OWN_VALUE = "quartz-harbour-" + "7719x"
pytestmark = pytest.mark.django_db


def found(value: Any) -> list[str]:
    return [one.rule for one in build_scanner(canaries=inbound.snapshot().canaries)(value)]


def test_it_makes_values_of_every_shape_that_are_found_and_stored_sealed(acme: str) -> None:
    with in_tenant(acme):
        for kind in canaries.SHAPES:
            planted = canaries.plant(name=kind, kind=kind, actor="user:owner", note="in the wiki")
            row = CanaryToken.objects.get(name=kind)
            assert planted.value.encode() not in bytes(row.value_sealed)
            assert planted.value not in repr(planted) + repr(inbound.snapshot())
            assert found({"a": [f"see {planted.value} there"]})[0] == f"canary_{kind}"
        assert canaries.live()["aws_access_key"].startswith("AKIA")
        entries = list(AuditEntry.objects.filter(kind="canary.planted"))
        assert len(entries) == len(canaries.SHAPES)
        assert not any(value in str(entry.extra) for entry in entries for value in canaries.live().values())


@pytest.mark.parametrize("kind", sorted(canaries.SHAPES))
def test_in_results_a_planted_value_of_any_shape_stays_and_what_is_like_it_does_not(kind: str) -> None:
    every = {one.name: PatternSetting(DlpAction.DENY, True) for one in BUILTIN_PATTERNS}
    key = "AKIA" + made.chars(made.BASE32, 16, "real")
    for _ in range(20):
        value = canaries.SHAPES[kind]()
        scan = build_result_scanner(every, (), DlpAction.REDACT, planted=(value,))
        assert value not in repr(scan)
        for shown in (
            f"see {value} there",
            f'aws_secret_access_key = "{value}"',
            f"API_KEY={value}\npassword: {value}",
        ):
            for result in (shown, {"text": shown}, {"password": value, "list": [{value: shown}]}):
                assert scan(result) == ()
            assert scan({"text": orjson.dumps({"text": shown}).decode()}) == ()
        assert [(one.rule, one.start) for one in scan(f"{value} {key}")] == [("aws_access_key", len(value) + 1)]
    if kind != "url":  # of which no built-in pattern finds every one
        assert scan({"aws_secret_access_key": canaries.SHAPES[kind]()}) != ()


def test_a_short_secret_that_stands_in_a_planted_value_by_chance_is_found() -> None:
    short = "xK9v" + "2Qp7R"
    value = canaries.SHAPES["url"]() + short
    scan = build_result_scanner({}, (), DlpAction.REDACT, planted=(value,))
    assert scan({"password": short}) != ()
    assert scan({"aws_key": "AKIA" + made.chars(made.BASE32, 16, "other")}) != ()


def test_the_rulebook_leaves_planted_values_in_results(acme: str) -> None:
    with in_tenant(acme):
        values = [canaries.plant(name=kind, kind=kind, actor="system").value for kind in canaries.SHAPES]
    screen = rulebook.load(acme, human=Human).screen_inbound
    text = "\n".join(f"api_key: {value}" for value in values)
    screened = screen({"content": [{"type": "text", "text": text}]}, "wiki", b"salt")
    assert (screened.value, screened.secrets) == ({"content": [{"type": "text", "text": text}]}, ())


def test_it_takes_a_value_of_ones_own(acme: str) -> None:
    with in_tenant(acme):
        assert canaries.plant(name="mine", kind="own", value=OWN_VALUE, actor="system").value == OWN_VALUE
        assert found({"q": OWN_VALUE.upper()}) == ["canary_mine"]
        with pytest.raises(Conflict):
            canaries.plant(name="again", kind="own", value=OWN_VALUE, actor="system")
        with pytest.raises(Conflict):
            canaries.plant(name="mine", kind="email", actor="system")


@pytest.mark.parametrize(
    "value",
    ["", "short", "a" * 40, "Thank you very much", "confidential", "123456789012345", " " + OWN_VALUE, "ü" * 20,
     "x" * 600, "The-quick-brown-fox", "--------------------"],
)  # fmt: skip
def test_it_refuses_what_would_be_met_by_chance(acme: str, value: str) -> None:
    with in_tenant(acme), pytest.raises(BadInput) as refused:
        canaries.plant(name="bad", kind="own", value=value, actor="system")
    assert list(refused.value.fields) == ["value"]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [({"name": "No Name", "kind": "email"}, "name"), ({"name": "a", "kind": "unknown"}, "kind"),
     ({"name": "a", "kind": "email", "value": OWN_VALUE}, "value")],
)  # fmt: skip
def test_it_names_what_is_wrong(acme: str, fields: dict[str, str], wrong: str) -> None:
    with in_tenant(acme), pytest.raises(BadInput) as refused:
        canaries.plant(actor="system", **fields)
    assert list(refused.value.fields) == [wrong]


def test_a_retired_one_is_looked_for_no_more_and_its_value_is_gone(acme: str) -> None:
    with in_tenant(acme):
        planted = canaries.plant(name="old", kind="own", value=OWN_VALUE, actor="system")
        canaries.retire(planted.canary.pk, actor="user:owner")
        canaries.retire(planted.canary.pk, actor="user:owner")
        assert found({"q": OWN_VALUE}) == []
        assert bytes(CanaryToken.objects.get(name="old").value_sealed) == b""
        assert AuditEntry.objects.filter(kind="canary.retired").count() == 1
        with pytest.raises(Conflict):
            canaries.plant(name="old", kind="email", actor="system")


def test_another_tenant_neither_finds_nor_opens_it(acme: str, globex: str) -> None:
    with in_tenant(acme):
        planted = canaries.plant(name="ours", kind="own", value=OWN_VALUE, actor="system")
    with in_tenant(globex):
        assert found({"q": OWN_VALUE}) == []
        with pytest.raises(NotFound):
            canaries.retire(planted.canary.pk, actor="system")


def test_the_value_is_in_one_answer_and_in_no_other(acme: str, person: Person, api: Api) -> None:
    client = api(acme, person(acme, "admin"))
    made = client.post("/api/v1/canaries", {"name": "wiki", "kind": "url", "note": "in the wiki"}, format="json")
    assert made.status_code == 201
    value = made.json()["value"]
    assert re.fullmatch(r"https://\S+token=\w{32}", value)
    assert made["Cache-Control"] == "no-store"
    address = f"/api/v1/canaries/{made.json()['id']}"
    shown = [client.get("/api/v1/canaries").content, client.get(address).content]
    assert all(value.encode() not in content and b"wiki" in content for content in shown)
    assert client.delete(address).status_code == 204
    assert [row["name"] for row in client.get("/api/v1/canaries?retired=true").json()["results"]] == ["wiki"]
    assert client.get("/api/v1/canaries?retired=false").json()["results"] == []
    assert client.get("/api/v1/canaries?retired=perhaps").status_code == 400


@pytest.mark.parametrize(
    ("body", "field"),
    [({"name": "x", "colour": "red"}, "colour"), ({"name": "Not So"}, "name"), ({"kind": "url"}, "name")],
)
def test_it_refuses_bad_input_by_field(acme: str, person: Person, api: Api, body: dict[str, str], field: str) -> None:
    answer = api(acme, person(acme, "admin")).post("/api/v1/canaries", body, format="json")
    assert answer.status_code == 400
    assert field in str(orjson.loads(answer.content))


def test_an_admin_plants_one_with_a_form_and_is_shown_its_value_once(
    acme: str, admin_of: Callable[[str], Client]
) -> None:
    browser = admin_of(acme)
    form = {"name": "page", "kind": "own", "value": OWN_VALUE, "note": "in the wiki"}
    assert OWN_VALUE in browser.post("/admin/policies/canarytoken/add/", form, follow=True).content.decode()
    with in_tenant(acme):
        row = CanaryToken.objects.get(name="page")
    pages = [browser.get("/admin/policies/canarytoken/"), browser.get(f"/admin/policies/canarytoken/{row.pk}/change/")]
    assert all(page.status_code == 200 and OWN_VALUE not in page.content.decode() for page in pages)
    refused = browser.post("/admin/policies/canarytoken/add/", {**form, "name": "other", "value": "too short"})
    assert "Use 12 to 512 characters" in refused.content.decode()
    button = {"action": "retire", "_selected_action": [str(row.pk)]}
    asked = browser.post("/admin/policies/canarytoken/", button)
    assert "in the wiki" in asked.content.decode()
    browser.post("/admin/policies/canarytoken/", {**button, "confirmed": "yes"})
    with in_tenant(acme):
        assert CanaryToken.objects.get(name="page").retired_at is not None
