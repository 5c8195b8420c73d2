"""The kill switch's pages: a tenant's own, and the operator's."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from apps.exceptions.admin.kill_switch import FleetStopAdmin
from apps.exceptions.models import BreakGlass, KillSwitch
from apps.exceptions.services import fleet
from apps.tenants.context import in_operator, in_tenant
from apps.tenants.services import standing_schemas

PAGE = "/admin/exceptions/killswitch/"
FLEET = "/admin/tenants/fleetstop/"
WHY = {"reason": "Somebody saw something strange.", "sure": "on"}


@pytest.fixture
def operator(db: None, settings: Any) -> Client:
    settings.BEHAVRY_OPERATOR_HOSTS = ["operator.test"]
    client = Client(SERVER_NAME="operator.test")
    with in_operator():
        user = User(username="kim", is_superuser=True, is_staff=True)
        user.set_unusable_password()
        user.save()
        client.force_login(user)
    return client


def test_an_admin_engages_and_releases(acme: str, globex: str, admin_of: Callable[[str], Client]) -> None:
    browser, elsewhere = admin_of(acme), admin_of(globex)
    page = browser.get(PAGE).content.decode()
    assert 'href="engage/"' in page
    assert 'href="release/"' not in page
    assert "I am sure" in browser.get(f"{PAGE}engage/").content.decode()
    for incomplete in ({}, {"reason": WHY["reason"]}, {"sure": "on"}, {"reason": "short", "sure": "on"}):
        assert "errorlist" in browser.post(f"{PAGE}engage/", incomplete).content.decode()
    assert browser.post(f"{PAGE}engage/", WHY, follow=True).redirect_chain
    assert "engaged since" in browser.post(f"{PAGE}engage/", WHY).content.decode()
    page = browser.get(PAGE).content.decode()
    assert WHY["reason"] in page
    assert 'href="release/"' in page
    assert WHY["reason"] not in elsewhere.get(PAGE).content.decode()
    browser.post(f"{PAGE}release/", WHY)
    with in_tenant(acme):
        assert KillSwitch.objects.get().released_at is not None
    with in_tenant(globex):
        assert not KillSwitch.objects.exists()


@pytest.mark.parametrize("role", ["viewer", "analyst", "policy_author"])
def test_others_look_and_do_not_touch(acme: str, person: Callable[..., User], role: str) -> None:
    browser = Client(SERVER_NAME="acme.test")
    with in_tenant(acme):
        browser.force_login(person(acme, role))
    assert 'href="engage/"' not in browser.get(PAGE).content.decode()
    assert browser.get(f"{PAGE}engage/").status_code == 403
    assert browser.post(f"{PAGE}engage/", WHY).status_code == 403
    with in_tenant(acme):
        assert not KillSwitch.objects.exists()


def test_the_operator_stops_all_or_one_and_breaks_the_glass(
    operator: Client, acme: str, admin_of: Callable[[str], Client]
) -> None:
    assert operator.post(f"{FLEET}engage/", WHY).status_code == 302
    stop = fleet.current()
    assert stop is not None
    assert stop.engaged_by == "operator:kim"
    assert WHY["reason"] in operator.get(FLEET).content.decode()
    assert WHY["reason"] in admin_of(acme).get(PAGE).content.decode()
    lift = {**WHY, "tenant": "acme", "whom": "all", "agent_id": "", "minutes": "5"}
    for unclear in ({"whom": ""}, {"whom": "agent"}, {"agent_id": str(uuid4())}):
        assert "errorlist" in operator.post(f"{FLEET}break-glass/", {**lift, **unclear}).content.decode()
    assert operator.post(f"{FLEET}break-glass/", lift).status_code == 302
    assert "errorlist" in operator.post(f"{FLEET}break-glass/", {**lift, "minutes": "9999"}).content.decode()
    assert "no tenant" in operator.post(f"{FLEET}break-glass/", {**lift, "tenant": "nobody"}).content.decode()
    assert WHY["reason"] in admin_of(acme).get("/admin/exceptions/breakglass/").content.decode()
    assert operator.post(f"{FLEET}mend/", {**WHY, "tenant": "acme"}).status_code == 302
    with in_tenant(acme):
        assert BreakGlass.objects.get().mended_by == "operator:kim"
    assert operator.post(f"{FLEET}release/", WHY).status_code == 302
    assert fleet.current() is None
    assert operator.post(f"{FLEET}engage-tenant/", {**WHY, "tenant": "acme"}).status_code == 302
    with in_tenant(acme):
        assert KillSwitch.objects.get().engaged_by == "operator:kim"
    assert operator.post(f"{FLEET}release-tenant/", {**WHY, "tenant": "acme"}).status_code == 302


def test_every_first_page_says_that_agents_are_stopped(
    operator: Client, acme: str, globex: str, admin_of: Callable[[str], Client]
) -> None:
    browser, elsewhere = admin_of(acme), admin_of(globex)
    assert "STOPPED" not in browser.get("/admin/").content.decode()
    browser.post(f"{PAGE}engage/", WHY)
    assert "STOPPED: no call of any agent of this tenant" in browser.get("/admin/").content.decode()
    assert "STOPPED" not in elsewhere.get("/admin/").content.decode()
    assert "STOPPED" not in operator.get("/admin/").content.decode()
    operator.post(f"{FLEET}engage/", WHY)
    assert "STOPPED: no call of any agent of this installation" in operator.get("/admin/").content.decode()
    both = browser.get(PAGE).content.decode()
    assert (
        "STOPPED by the operator, for every tenant" in both and "STOPPED: no call of any agent of this tenant" in both
    )
    assert "STOPPED by the operator" in elsewhere.get("/admin/").content.decode()


def test_the_operator_is_offered_what_makes_sense_now(
    operator: Client, acme: str, admin_of: Callable[[str], Client]
) -> None:
    for schema in standing_schemas():  # tests with processes leave stopped tenants of their own behind
        with in_tenant(schema):
            KillSwitch.objects.filter(released_at__isnull=True).update(released_at=timezone.now())
            BreakGlass.objects.filter(mended_at__isnull=True).update(mended_at=timezone.now())

    def offered() -> set[str]:
        page = operator.get(FLEET).content.decode()
        return {name for name in FleetStopAdmin.turns if f'<li><a href="{name}/"' in page}

    assert offered() == {"engage", "engage-tenant"}
    operator.post(f"{FLEET}engage-tenant/", {**WHY, "tenant": "acme"})
    assert "Stopped on their own: acme." in operator.get(FLEET).content.decode()
    assert offered() == {"engage", "engage-tenant", "release-tenant", "break-glass"}
    operator.post(f"{FLEET}break-glass/", {**WHY, "tenant": "acme", "whom": "all", "agent_id": "", "minutes": "5"})
    assert offered() == {"engage", "engage-tenant", "release-tenant", "break-glass", "mend"}
    page = admin_of(acme).get(PAGE).content.decode()
    assert "The glass is broken for ALL agents" in page and "STOPPED, except where the glass is broken: no call" in page
    operator.post(f"{FLEET}release-tenant/", {**WHY, "tenant": "acme"})
    operator.post(f"{FLEET}engage/", WHY)
    assert offered() >= {"release", "break-glass"} and "engage" not in offered()


def test_the_operators_pages_are_not_on_a_tenants_host(acme: str, admin_of: Callable[[str], Client]) -> None:
    assert admin_of(acme).get(FLEET).status_code == 404
