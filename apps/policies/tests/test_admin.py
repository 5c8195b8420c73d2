"""Policies and DLP settings in the console: every button goes through the service and shows its errors."""

from collections.abc import Callable

from django.test import Client

from apps.policies.models import DlpPattern, DlpSetting, Policy
from apps.policies.tests.examples import allowing, policy
from apps.tenants.context import in_tenant

INLINE = {
    "versions-TOTAL_FORMS": "0", "versions-INITIAL_FORMS": "0", "versions-MIN_NUM_FORMS": "0",
    "versions-MAX_NUM_FORMS": "0",
}  # fmt: skip


def test_it_writes_and_activates_a_policy(acme: str, admin_of: Callable[[str], Client]) -> None:
    client = admin_of(acme)
    body = {"name": "Late hours", "description": "", "content": policy()}
    client.post("/admin/policies/policy/add/", body | INLINE)
    with in_tenant(acme):
        made = Policy.objects.get()
    address = f"/admin/policies/policy/{made.pk}/change/"
    assert b"behavry.tenant.late_hours" in client.get(address).content
    client.post(address, {"name": "Later", "description": "", "content": allowing()} | INLINE)
    client.post("/admin/policies/policy/", {"action": "activate", "_selected_action": [str(made.pk)]})
    with in_tenant(acme):
        made.refresh_from_db()
        assert made.active_version is not None
        assert (made.name, made.status, made.active_version.number) == ("Later", "active", 2)
    client.post("/admin/policies/policy/", {"action": "archive", "_selected_action": [str(made.pk)]})
    with in_tenant(acme):
        made.refresh_from_db()
        assert made.status == "archived"
    assert client.get("/admin/policies/policy/?q=late").status_code == 200


def test_it_shows_what_the_service_refuses(acme: str, admin_of: Callable[[str], Client]) -> None:
    client = admin_of(acme)
    body = {"name": "Late hours", "description": "", "content": "package behavry.authz\n"}
    answer = client.post("/admin/policies/policy/add/", body | INLINE)
    assert b"line 1, column 9" in answer.content
    with in_tenant(acme):
        assert not Policy.objects.exists()


def test_it_changes_patterns_and_settings(acme: str, admin_of: Callable[[str], Client]) -> None:
    client = admin_of(acme)
    body = {"name": "badge", "regex": "BADGE-[0-9]{6}", "severity": "high", "action": "deny", "enabled": "on",
            "description": "", "examples_hit": "BADGE-123456", "examples_miss": ""}  # fmt: skip
    client.post("/admin/policies/dlppattern/add/", body)
    with in_tenant(acme):
        made = DlpPattern.objects.get()
    client.post(f"/admin/policies/dlppattern/{made.pk}/change/", body | {"action": "log"})
    with in_tenant(acme):
        assert DlpPattern.objects.get().action == "log"
    client.post(f"/admin/policies/dlppattern/{made.pk}/delete/", {"post": "yes"})
    client.post("/admin/policies/dlpsetting/add/", {"pattern": "email", "action": "log", "enabled": "true"})
    with in_tenant(acme):
        assert not DlpPattern.objects.exists()
        setting = DlpSetting.objects.get()
        assert (setting.pattern, setting.action, setting.enabled) == ("email", "log", True)
    client.post(f"/admin/policies/dlpsetting/{setting.pk}/change/", {"action": "", "enabled": "unknown"})
    with in_tenant(acme):
        setting.refresh_from_db()
        assert (setting.action, setting.enabled) == ("", None)


def test_a_refused_policy_comes_back_with_what_was_typed(acme: str, admin_of: Callable[[str], Client]) -> None:
    content = "package behavry.tenant.mine\n\nverdicts contains {"
    typed = {"name": "Mine", "description": "", "content": content}
    inline = {"versions-TOTAL_FORMS": "0", "versions-INITIAL_FORMS": "0"}
    page = admin_of(acme).post("/admin/policies/policy/add/", {**typed, **inline})
    text = page.content.decode()
    assert page.status_code == 200
    assert 'value="Mine"' in text
    assert "verdicts contains {" in text
    assert "errorlist" in text


def test_the_limits_say_what_they_mean_and_what_comes_of_them(acme: str, admin_of: Callable[[str], Client]) -> None:
    client = admin_of(acme)
    rates = client.get("/admin/policies/ratelimitsetting/add/").content.decode()
    assert "60 calls per minute and agent" in rates and "at most 60 times the calls per minute" in rates
    assert "<th>critical</th><td>15</td><td>25</td><td>100 s</td>" in rates
    blast = client.get("/admin/policies/blastradiussetting/add/").content.decode()
    assert "1 to 100000. Default 10." in blast and "Default: MEMORY, SOUL, IDENTITY, .env." in blast
