"""The tenant's kill switch: who may turn it, what it leaves behind, and races for it."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
import redis
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from rest_framework.test import APIClient

from apps.audit import services as audit
from apps.audit.models import AuditEntry
from apps.decision.errors import BadInput, Conflict
from apps.exceptions.models import BreakGlass, KillSwitch
from apps.exceptions.services import break_glass, kill_switch
from apps.exceptions.services.snapshot import human
from apps.tenants.context import in_tenant, tenant_key
from apps.tenants.redis import redis_client

Person = Callable[..., User]
Api = Callable[..., APIClient]
WHY = "A token of ours was found on a paste site."
ADDRESS = "/api/v1/admin/killswitch"


@pytest.fixture
def briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    """For what is not about the wait."""
    monkeypatch.setattr(kill_switch, "MARGIN_SECONDS", 0.0)
    monkeypatch.setattr(kill_switch, "FRESH_SECONDS", 0.0)


def entries(schema: str) -> list[tuple[str, str, str]]:
    with in_tenant(schema):
        rows = AuditEntry.objects.filter(kind__startswith="kill_switch.").order_by("seq")
        return list(rows.values_list("kind", "actor", "target"))


def test_it_stops_one_tenant_and_lets_it_act_again(acme: str, globex: str) -> None:
    with in_tenant(acme):
        before = audit.head(acme).rulebook_version
        kill_switch.engage(reason=WHY, actor="user:one")
        assert [stop.scope for stop in human().stops] == ["tenant"]
        assert audit.head(acme).rulebook_version > before
        kill_switch.release(reason="The token was revoked.", actor="user:two")
        assert human().stops == ()
        row = KillSwitch.objects.get()
        assert (row.engaged_by, row.reason, row.released_by) == ("user:one", WHY, "user:two")
    with in_tenant(globex):
        assert human().stops == ()
    assert entries(acme) == [
        ("kill_switch.engaged", "user:one", "tenant"),
        ("kill_switch.released", "user:two", "tenant"),
    ]
    assert entries(globex) == []


@pytest.mark.parametrize("reason", ["", "too short", "   nine wds   ", "x" * 2001])
def test_it_asks_for_a_reason(acme: str, reason: str) -> None:
    with in_tenant(acme):
        with pytest.raises(BadInput) as caught:
            kill_switch.engage(reason=reason, actor="user:one")
        assert set(caught.value.fields) == {"reason"}
        kill_switch.engage(reason=WHY, actor="user:one")
        with pytest.raises(BadInput):
            kill_switch.release(reason=reason, actor="user:one")
        assert kill_switch.standing().stopped


def test_it_tells_who_came_first(acme: str, api: Api, person: Person) -> None:
    first, second = api(acme, person(acme, "admin", "ann")), api(acme, person(acme, "admin", "ben"))
    body = {"action": "engage", "reason": WHY}
    assert first.post(ADDRESS, body, format="json").status_code == 200
    refused = second.post(ADDRESS, body, format="json")
    assert refused.status_code == 409
    assert refused.json()["type"] == "urn:behavry:error:already_engaged"
    assert "user:ann" in refused.json()["detail"]
    assert second.post(ADDRESS, {**body, "action": "release"}, format="json").status_code == 200
    assert first.post(ADDRESS, {**body, "action": "release"}, format="json").status_code == 409


def test_it_shows_everybody_what_stops_the_tenant_and_lets_admins_turn_it(
    acme: str, globex: str, api: Api, person: Person
) -> None:
    body = {"action": "engage", "reason": WHY}
    for role in (None, "viewer", "analyst", "policy_author"):
        assert api(acme, person(acme, role)).post(ADDRESS, body, format="json").status_code == 403, role
    assert api(acme).post(ADDRESS, body, format="json").status_code == 401
    assert api(acme, person(acme, None)).get(ADDRESS).status_code == 403
    answer = api(acme, person(acme, "admin", "ann")).post(ADDRESS, body, format="json").json()
    assert (answer["stopped"], answer["fleet"], answer["lifts"]) == (True, None, [])
    assert (answer["tenant"]["reason"], answer["tenant"]["engaged_by"]) == (WHY, "user:ann")
    assert api(acme, person(acme, "viewer")).get(ADDRESS).json()["stopped"] is True
    assert api(globex, person(globex, "viewer")).get(ADDRESS).json() == {
        "stopped": False, "tenant": None, "fleet": None, "lifts": []
    }  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"action": "engage"},
        {"action": "stop", "reason": WHY},
        {"action": "engage", "reason": "short"},
        {"action": "engage", "reason": WHY, "scope": "fleet"},
        {"action": "engage", "reason": WHY, "tenant": "globex"},
    ],
)
def test_it_refuses_what_it_does_not_understand(acme: str, api: Api, person: Person, body: dict[str, Any]) -> None:
    assert api(acme, person(acme, "admin")).post(ADDRESS, body, format="json").status_code == 400
    with in_tenant(acme):
        assert not KillSwitch.objects.exists()


def test_it_lets_one_of_two_admins_engage(fresh_tenant: Callable[[], str], briefly: None) -> None:
    schema = fresh_tenant()
    outcomes: list[str] = []
    together = threading.Barrier(2)

    def engage(who: str) -> None:
        together.wait(10)
        try:
            with in_tenant(schema):
                kill_switch.engage(reason=WHY, actor=who)
            outcomes.append("engaged")
        except Conflict as error:
            outcomes.append(error.code)
        finally:
            connection.close()

    people = [threading.Thread(target=engage, args=(who,)) for who in ("user:ann", "user:ben")]
    for one in people:
        one.start()
    for one in people:
        one.join(30)
    assert sorted(outcomes) == ["already_engaged", "engaged"]
    assert len(entries(schema)) == 1


def test_it_has_told_redis_before_it_answers(fresh_tenant: Callable[[], str], briefly: None) -> None:
    schema = fresh_tenant()
    with in_tenant(schema):
        assert kill_switch.engage(reason=WHY, actor="user:one") is True
        version = audit.head(schema).rulebook_version
    assert redis_client().get(tenant_key(schema, "rulebook_version")) == str(version).encode()


def test_it_stays_engaged_where_redis_cannot_be_told(
    fresh_tenant: Callable[[], str], briefly: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = redis.Redis.from_url("redis://127.0.0.1:1/0", socket_connect_timeout=0.2)
    schema = fresh_tenant()
    monkeypatch.setattr("apps.audit.services.redis_client", lambda: nowhere)
    with in_tenant(schema):
        assert kill_switch.engage(reason=WHY, actor="user:one") is False
        assert kill_switch.standing().stopped
        assert kill_switch.release(reason=WHY, actor="user:one") is False
        assert not kill_switch.standing().stopped
    assert settings.REDIS_URL not in str(nowhere)


def test_it_promises_nothing_before_the_commit(acme: str, api: Api, person: Person) -> None:
    """The test's own transaction is one that does not commit."""
    answer = api(acme, person(acme, "admin")).post(ADDRESS, {"action": "engage", "reason": WHY}, format="json")
    assert answer.json()["announced"] is False


def test_a_new_stop_holds_for_those_for_whom_the_glass_was_broken(acme: str) -> None:
    with in_tenant(acme):
        kill_switch.engage(reason=WHY, actor="user:one")
        break_glass.break_glass(acme, reason="Payroll must run tonight.", actor="operator:kim")
        assert len(human().stops[0].lifts) == 1
        kill_switch.release(reason="It was found and fixed.", actor="user:one")
        kill_switch.engage(reason="And here it is again.", actor="user:one")
        assert human().stops[0].lifts == ()
        lift = BreakGlass.objects.get()
        entry = AuditEntry.objects.order_by("-seq")[0]
    assert lift.mended_by == "user:one"
    assert entry.extra["mended"] == [str(lift.pk)]
