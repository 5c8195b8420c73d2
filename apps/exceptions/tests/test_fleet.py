"""The installation's kill switch and breaking the glass. Everything here is rolled back: the stop is everybody's."""

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client

from apps.agents import services as agents
from apps.audit import services as audit
from apps.audit.models import AuditEntry
from apps.decision.errors import Conflict, NotFound, Unavailable
from apps.exceptions.models import BreakGlass
from apps.exceptions.services import fleet, kill_switch
from apps.exceptions.services.snapshot import human
from apps.exceptions.tasks import tell_fleet
from apps.tenants import services as tenants
from apps.tenants.context import in_operator, in_tenant
from apps.tenants.models import FleetStop

WHY = "The upstream of many tenants was taken over."
ADDRESS = "/api/v1/admin/killswitch"


@pytest.fixture
def operator(db: None, settings: Any) -> Client:
    """A super-admin at the operator's console."""
    settings.BEHAVRY_OPERATOR_HOSTS = ["operator.test"]
    client = Client(SERVER_NAME="operator.test")
    with in_operator():
        user = User(username="kim", is_superuser=True, is_staff=True)
        user.set_unusable_password()
        user.save()
        client.force_login(user)
    return client


def post(client: Client, path: str = "", **body: Any) -> Any:
    return client.post(ADDRESS + path, body, content_type="application/json")


def words(schema: str) -> list[tuple[str, str, str]]:
    with in_tenant(schema):
        rows = AuditEntry.objects.filter(kind__startswith="kill_switch.").order_by("seq")
        return list(rows.values_list("kind", "actor", "target"))


def scopes(schema: str) -> list[str]:
    with in_tenant(schema):
        return [stop.scope for stop in human().stops]


def test_it_stops_every_tenant_and_says_so_in_every_log(operator: Client, acme: str, globex: str) -> None:
    with in_tenant(globex):
        before = audit.head(globex).rulebook_version
    answer = post(operator, action="engage", reason=WHY, scope="fleet").json()
    assert (answer["fleet"]["reason"], answer["fleet"]["engaged_by"]) == (WHY, "operator:kim")
    assert answer["told"] + len(answer["failed"]) == len(tenants.standing_schemas())  # other tests break their logs
    assert not {acme, globex} & set(answer["failed"])
    assert scopes(acme) == scopes(globex) == ["fleet"]
    with in_tenant(globex):
        assert audit.head(globex).rulebook_version > before
    assert post(operator, action="engage", reason=WHY, scope="fleet").status_code == 409
    assert post(operator, action="release", reason="It was rebuilt.", scope="fleet").json()["fleet"] is None
    assert post(operator, action="release", reason="It was rebuilt.", scope="fleet").status_code == 409
    told = [("kill_switch.engaged", "operator:kim", "fleet"), ("kill_switch.released", "operator:kim", "fleet")]
    assert words(acme) == words(globex) == told
    assert scopes(acme) == []


def test_a_tenants_own_stop_outlasts_the_installations(acme: str) -> None:
    with in_tenant(acme):
        kill_switch.engage(reason=WHY, actor="user:one")
    fleet.engage_fleet(reason=WHY, actor="operator:kim")
    assert scopes(acme) == ["fleet", "tenant"]
    fleet.release_fleet(reason="It was rebuilt.", actor="operator:kim")
    assert scopes(acme) == ["tenant"]


def test_a_tenant_is_told_who_releases_the_installations_stop(acme: str) -> None:
    fleet.engage_fleet(reason=WHY, actor="operator:kim")
    with in_tenant(acme):
        with pytest.raises(Conflict, match="only the operator releases"):
            kill_switch.release(reason="We are fine here.", actor="user:one")
        kill_switch.engage(reason=WHY, actor="user:one")
        kill_switch.release(reason="We are fine here.", actor="user:one")
    assert scopes(acme) == ["fleet"]


def test_it_tells_later_whom_it_could_not_tell(acme: str, globex: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**words: Any) -> int:
        if connection.schema_name == globex:  # type: ignore[attr-defined]  # django-tenants' own
            raise Unavailable("This log does not answer")
        return 0

    monkeypatch.setattr("apps.exceptions.services.escalations.deny_pending", refuse)
    told = fleet.engage_fleet(reason=WHY, actor="operator:kim")
    assert globex in told.failed
    assert acme in told.told
    assert words(globex) == []
    monkeypatch.undo()
    assert tell_fleet(globex) is True
    assert tell_fleet(globex) is False
    assert words(globex) == [("kill_switch.engaged", "operator:kim", "fleet")]
    assert tell_fleet(acme) is False
    tenants.resume_fleet(reason="It was rebuilt.", actor="operator:lee")
    assert [tell_fleet(globex), tell_fleet(globex)] == [True, False]
    assert words(globex)[-1] == ("kill_switch.released", "operator:lee", "fleet")


def test_it_tells_of_the_stop_that_holds_and_not_of_those_in_between(acme: str) -> None:
    fleet.engage_fleet(reason=WHY, actor="operator:kim")
    tenants.resume_fleet(reason="It was rebuilt.", actor="operator:kim")
    tenants.stop_fleet(reason="And taken over again.", actor="operator:lee")
    assert [tell_fleet(acme), tell_fleet(acme)] == [True, False]
    assert [actor for _, actor, _ in words(acme)] == ["operator:kim", "operator:lee"]


def test_no_tenant_writes_the_installations_row(acme: str) -> None:
    with in_tenant(acme), pytest.raises(Exception, match="row-level security"), transaction.atomic():
        FleetStop.objects.create(reason=WHY, engaged_by="user:one")


def test_it_asks_for_a_super_admin(operator: Client, acme: str, admin_of: Callable[[str], Client]) -> None:
    with in_operator():
        plain = User(username="lee", is_staff=True)
        plain.set_unusable_password()
        plain.save()
        other = Client(SERVER_NAME="operator.test")
        other.force_login(plain)
    nobody = Client(SERVER_NAME="operator.test")
    bodies = {
        "": {"action": "engage", "reason": WHY, "scope": "fleet"},
        "/break-glass": {"tenant": "acme", "reason": WHY},
        "/mend": {"tenant": "acme", "reason": WHY},
    }
    for path, body in bodies.items():
        assert {post(other, path, **body).status_code, post(nobody, path, **body).status_code} == {403}
    assert other.get(ADDRESS).status_code == nobody.get(ADDRESS).status_code == 403
    at_tenant = admin_of(acme)
    assert post(at_tenant, action="engage", reason=WHY, scope="fleet").status_code == 400
    assert post(at_tenant, "/break-glass", tenant="acme", reason=WHY).status_code == 404
    strict = Client(SERVER_NAME="operator.test", enforce_csrf_checks=True)
    strict.cookies = operator.cookies
    assert post(strict, action="engage", reason=WHY, scope="fleet").status_code == 403
    assert fleet.current() is None


def test_the_operator_stops_one_tenant(operator: Client, acme: str, globex: str) -> None:
    assert post(operator, action="engage", reason=WHY, tenant="acme").json()["stopped"] is True
    assert operator.get(ADDRESS, {"tenant": "globex"}).json()["stopped"] is False
    assert words(acme) == [("kill_switch.engaged", "operator:kim", "tenant")]
    assert words(globex) == []
    assert operator.get(ADDRESS).json() == {"fleet": None}
    for body in ({}, {"scope": "tenant"}, {"scope": "fleet", "tenant": "acme"}, {"tenant": "nobody"}):
        assert post(operator, action="release", reason="It is over now.", **body).status_code in {400, 404}, body
    assert post(operator, action="release", reason="It is over now.", tenant="acme").json()["stopped"] is False


def test_it_breaks_the_glass_for_one_agent_and_mends_it(operator: Client, acme: str, globex: str) -> None:
    with in_tenant(acme):
        agent = str(agents.register(name="payroll", actor="system").agent.pk)
    ask = {"tenant": "acme", "reason": "Payroll must run tonight.", "agent_id": agent}
    assert post(operator, "/break-glass", **ask).status_code == 409
    fleet.engage_fleet(reason=WHY, actor="operator:kim")
    assert post(operator, "/break-glass", **{**ask, "tenant": "globex"}).status_code == 404
    lift = post(operator, "/break-glass", **ask).json()
    assert (lift["agent_id"], lift["broken_by"]) == (agent, "operator:kim")
    with in_tenant(acme):
        (stop,) = human().stops
        assert [(one.agent_id, one.id) for one in stop.lifts] == [(agent, lift["id"])]
        assert BreakGlass.objects.get().expires_at - BreakGlass.objects.get().broken_at <= timedelta(hours=1)
    with in_tenant(globex):
        assert human().stops[0].lifts == ()
    assert operator.get(ADDRESS, {"tenant": "acme"}).json()["lifts"][0]["id"] == lift["id"]
    assert post(operator, "/mend", tenant="acme", reason="Payroll has run.").json() == {"mended": 1}
    assert post(operator, "/mend", tenant="acme", reason="Payroll has run.").status_code == 409
    with in_tenant(acme):
        assert human().stops[0].lifts == ()
    kinds = [kind for kind, _, _ in words(acme)]
    assert kinds == ["kill_switch.engaged", "kill_switch.glass_broken", "kill_switch.glass_mended"]


@pytest.mark.parametrize("changes", [{"minutes": 1441}, {"minutes": 0}, {"reason": "short"}, {"agent_id": "me"}])
def test_it_breaks_no_glass_for_too_long_or_without_a_reason(
    operator: Client, acme: str, changes: dict[str, Any]
) -> None:
    with in_tenant(acme):
        kill_switch.engage(reason=WHY, actor="user:one")
    ask = {"tenant": "acme", "reason": "Payroll must run tonight.", **changes}
    assert post(operator, "/break-glass", **ask).status_code == 400
    with in_tenant(acme):
        assert not BreakGlass.objects.exists()


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("kill_switch", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def test_the_command_does_all_of_it(acme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    why = ("--reason", WHY, "--by", "kim")
    assert run("status", "--fleet") == "fleet: not stopped\n"
    assert "tenant: stopped since" in run("engage", "--tenant", "acme", "--yes", *why)
    assert "glass broken for all agents" in run("break_glass", "--tenant", "acme", "--yes", *why)
    assert "glass" not in run("mend", "--tenant", "acme", "--yes", *why)
    assert "tenant: not stopped" in run("release", "--tenant", "acme", "--yes", *why)
    assert {actor for _, actor, _ in words(acme)} == {"operator:kim"}
    monkeypatch.setattr("builtins.input", lambda prompt: "engage")
    assert "fleet: stopped since" in run("engage", "--fleet", *why)
    monkeypatch.setattr("builtins.input", lambda prompt: "yes")
    with pytest.raises(CommandError, match="Not confirmed"):
        run("release", "--fleet", *why)
    assert scopes(acme) == ["fleet"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("engage", "--fleet", "--yes"),
        ("engage", "--yes", "--reason", WHY),
        ("break_glass", "--fleet", "--yes", "--reason", WHY),
        ("release", "--fleet", "--yes", "--reason", WHY),
        ("engage", "--tenant", "nobody", "--yes", "--reason", WHY),
    ],
)
def test_the_command_refuses(acme: str, arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        run(*arguments)
    assert scopes(acme) == []


def test_it_knows_no_tenant_of_another_name(db: None) -> None:
    with pytest.raises(NotFound):
        tenants.schema_of_slug("nobody")
    with pytest.raises(Conflict):
        tenants.resume_fleet(reason=WHY, actor="operator:kim")


def test_a_script_signs_in_at_the_operators_host_as_the_documentation_says(operator: Client) -> None:
    secret = "-".join(("a", "long", "phrase", "of", "this", "test"))
    with in_operator():
        user = User.objects.get(username="kim")
        user.set_password(secret)
        user.save()
    script = Client(SERVER_NAME="operator.test", enforce_csrf_checks=True)
    script.get("/admin/login/")
    header = {"X-CSRFToken": script.cookies["csrftoken"].value}
    assert script.post("/admin/login/", {"username": "kim", "password": secret}, headers=header).status_code == 302
    header = {"X-CSRFToken": script.cookies["csrftoken"].value}
    body = {"action": "engage", "scope": "fleet", "reason": WHY}
    assert script.post(ADDRESS, body, content_type="application/json", headers=header).status_code == 200
    assert fleet.current() is not None
