"""Tenant B at every REST door of tenant A, and every role at every door of its own house."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from rest_framework.test import APIClient

from apps.agents.tests.builders import an_address
from apps.tenants.roles import Role
from behavry.tests.doors import DOORS, OPEN, Belongings, Door, found_doors, furnish, head_of

Person = Callable[..., User]
Api = Callable[..., APIClient]


@pytest.fixture
def ours(acme: str, person: Person) -> Belongings:
    return furnish(acme, person(acme, "admin"))


@dataclass(frozen=True, slots=True)
class Told:
    """What came back, read while the transaction stood."""

    status_code: int
    text: str


def ask(client: Any, method: str, address: str, door: Door) -> Told:
    """One request whose effects are undone, from an address of its own, so that no throttle answers."""
    with transaction.atomic():
        more = {"data": dict(door.body), "format": "json"} if door.body is not None else {}
        answer = client.generic(method, address) if not more else getattr(client, method.lower())(address, **more)
        text = (b"".join(answer.streaming_content) if answer.streaming else answer.content).decode()
        transaction.set_rollback(True)
    return Told(answer.status_code, text)


def test_it_has_a_line_in_the_table_for_every_door_there_is() -> None:
    assert sorted(found_doors()) == sorted(DOORS)


def test_it_tells_an_admin_of_another_tenant_that_nothing_is_there(
    ours: Belongings, acme: str, globex: str, api: Api, person: Person
) -> None:
    stranger, before = api(globex, person(globex, "admin")), head_of(acme)
    answers = {}
    for (method, route), door in DOORS.items():
        if "<" in route and not door.shared:
            answer = ask(stranger, method, ours.address(route), door)
            answers[method, route] = answer.status_code
            assert not [mark for mark in ours.marks if mark in answer.text], route
    assert set(answers.values()) == {404}, answers
    assert head_of(acme) == before


def test_it_finds_all_of_these_for_the_tenants_own_admin(ours: Belongings, acme: str, api: Api) -> None:
    """What the 404s above are worth: the same requests, at home."""
    at_home = api(acme, token=ours.access_token)
    answers = {
        (method, route): ask(at_home, method, ours.address(route), door).status_code
        for (method, route), door in DOORS.items()
        if door.role is not OPEN
    }
    refused = {door: status for door, status in answers.items() if status >= 400}
    assert refused == {
        ("POST", "api/v1/agents/<uuid:agent_id>/resume"): 409,  # it is not suspended
        ("POST", "api/v1/policies/change-requests/<uuid:change_id>/withdraw"): 403,  # only its author does
        ("POST", "api/v1/policies/change-requests/<uuid:change_id>/rebase"): 403,
    }


def test_it_lists_nothing_of_another_tenant(ours: Belongings, acme: str, globex: str, api: Api, person: Person) -> None:
    theirs = furnish(globex, person(globex, "admin"))
    stranger = api(globex, token=theirs.access_token)
    for (method, route), door in DOORS.items():
        if method == "GET" and "<" not in route:
            text = ask(stranger, method, f"/{route}", door).text
            assert not [mark for mark in ours.marks if mark in text], route
    for path in ("agents", "servers", "policies", "dlp/patterns", "audit/events", "audit/export", "enrolment-tokens"):
        assert theirs.marks[0] in ask(stranger, "GET", f"/api/v1/{path}", Door(None)).text, path


def test_it_changes_a_shared_setting_in_the_house_it_was_asked_in_alone(
    acme: str, globex: str, api: Api, person: Person
) -> None:
    address = "/api/v1/dlp/builtin/email_address"
    builtin = {"name": "email_address"}
    here, there = api(acme, person(acme, "admin")), api(globex, person(globex, "admin"))
    patterns = there.get("/api/v1/dlp/patterns").json()["builtin"]
    medium = next(one["name"] for one in patterns if one["severity"] == "medium")
    address, builtin = f"/api/v1/dlp/builtin/{medium}", here.get(f"/api/v1/dlp/builtin/{medium}").json()
    assert there.patch(address, {"action": "deny"}, format="json").json()["action"] == "deny"
    assert here.get(address).json() == builtin != there.get(address).json()


def test_it_does_not_know_the_credentials_of_another_tenant(
    ours: Belongings, acme: str, globex: str, api: Api, admin_of: Callable[[str], Client]
) -> None:
    browser = admin_of(acme)
    for (method, route), door in DOORS.items():
        if door.role is OPEN:
            continue
        address = ours.address(route)
        assert ask(api(globex, token=ours.access_token), method, address, door).status_code == 401, route
        assert ask(api(acme, token=ours.agent_token), method, address, door).status_code == 401, route
        if method == "GET":
            assert browser.get(address).status_code in {200, 404}, route  # 404: a colleague's access token
            elsewhere = Client(SERVER_NAME="globex.test")
            elsewhere.cookies["sessionid"] = browser.cookies["sessionid"].value
            assert elsewhere.get(address).status_code == 401, route


def test_it_asks_everybody_who_they_are_except_at_the_open_doors(ours: Belongings, acme: str, api: Api) -> None:
    anybody = api(acme)
    anybody.defaults["REMOTE_ADDR"] = an_address()
    for (method, route), door in DOORS.items():
        answer = ask(anybody, method, ours.address(route), door)
        if door.role is not OPEN:
            assert answer.status_code == 401, (method, route)
        elif method == "GET":
            assert answer.status_code in {200, 302, 400}, (method, route)  # 400: authorize, which only says so
            assert not [mark for mark in ours.marks[:1] if mark in answer.text], route
        else:
            assert answer.status_code in {400, 401}, (method, route)


@pytest.mark.parametrize("held", [None, *Role])
def test_it_opens_each_door_to_the_roles_that_the_table_says(
    ours: Belongings, acme: str, api: Api, person: Person, held: Role | None
) -> None:
    user = person(acme, held.group if held else None)
    client = api(acme, user)
    for (method, route), door in DOORS.items():
        if door.role is OPEN:
            continue
        status = ask(client, method, ours.address(route), door).status_code
        if held is not None and held >= door.role:
            # Access tokens are personal: a colleague's are not there.
            expected = {404} if "access-tokens/<" in route else {409} if route.endswith("/resume") else {200, 201, 204}
            expected = {403} if route.endswith(("/withdraw", "/rebase")) else expected  # only its author does
            assert status in expected, (method, route, status)
        else:
            assert status == 403, (method, route, status)


@pytest.mark.parametrize("cap", list(Role)[:-1])
def test_it_caps_an_admin_by_the_role_of_the_token_in_use(
    ours: Belongings, acme: str, api: Api, person: Person, cap: Role
) -> None:
    made = api(acme, person(acme, "admin")).post(
        "/api/v1/access-tokens", {"name": "low", "role": cap.group}, format="json"
    )
    client = api(acme, token=made.json()["token"])
    for (method, route), door in DOORS.items():
        if door.role is not OPEN and door.role > cap:
            assert ask(client, method, ours.address(route), door).status_code == 403, (method, route)
    higher = {"name": "higher", "role": Role(cap + 1).group}
    assert client.post("/api/v1/access-tokens", higher, format="json").status_code == 403
