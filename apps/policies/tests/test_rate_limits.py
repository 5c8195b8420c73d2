"""The rate limits of a tenant: what may be set, what comes of it, and that nobody else sees or changes it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.audit import services as audit
from apps.audit.models import AuditEntry
from apps.decision.errors import BadInput
from apps.policies import services
from apps.policies.models import RateLimitSetting
from apps.policies.services import limits
from apps.tenants import services as tenants
from apps.tenants.context import in_tenant

BY = "user:ada"
ADDRESS = "/api/v1/admin/rate-limits"


def test_it_changes_the_tenant_it_stands_in_and_no_other(acme: str, globex: str) -> None:
    with in_tenant(acme):
        limits.configure_rate_limits(actor=BY, changes={"per_minute": 30, "burst": 40, "critical_factor": 0.1})
        limit = limits.rate_limit(tenants.config_of(acme))
        entry = AuditEntry.objects.order_by("-seq")[0]
    assert (limit.per_minute, limit.burst, limit.factors["critical"]) == (30, 40, 0.1)
    assert (entry.kind, entry.actor) == ("rate_limit.configured", BY)
    assert entry.extra["changed"] == {
        "per_minute": {"from": "60", "to": "30"},
        "burst": {"from": "100", "to": "40"},
        "critical_factor": {"from": "0.25", "to": "0.1"},
    }
    with in_tenant(globex):
        assert limits.rate_limit(tenants.config_of(globex)).per_minute == 60
        assert not RateLimitSetting.objects.exists()


def test_it_moves_the_rulebook_only_when_something_changed(acme: str) -> None:
    with in_tenant(acme):
        before = audit.head(acme)
        limits.configure_rate_limits(actor=BY, changes=limits.rate_limits())
        assert audit.head(acme) == before
        limits.configure_rate_limits(actor=BY, changes={"concurrent": 3})
        after = audit.head(acme)
    assert after.rulebook_version == after.seq == before.seq + 1


def test_the_plan_lowers_the_rate_and_the_burst_with_it(acme: str) -> None:
    with in_tenant(acme):
        limits.configure_rate_limits(actor=BY, changes={"per_minute": 600, "burst": 1000})
        services.configure(actor=BY, changes={"max_rpm_per_agent": 60})
        limit = limits.rate_limit(tenants.config_of(acme))
    assert (limit.per_minute, limit.burst) == (60, 100)


@pytest.mark.parametrize(
    "changes",
    [
        {"per_minute": 0},
        {"burst": -1},
        {"burst": 60 * 60 + 1},
        {"concurrent": 0},
        {"low_factor": 0},
        {"low_factor": 1.5},
        {"medium_factor": float("nan")},
        {"high_factor": 0.9},
        {"critical_factor": 0.6},
        {"max_rpm_per_agent": 1_000},
    ],
)
def test_it_refuses_what_is_no_limit(acme: str, changes: dict[str, Any]) -> None:
    with in_tenant(acme):
        before = audit.head(acme)
        with pytest.raises(BadInput) as caught:
            limits.configure_rate_limits(actor=BY, changes=changes)
        assert set(changes) <= set(caught.value.fields)
        assert audit.head(acme) == before


def test_the_api_shows_what_holds_for_each_tier(acme: str, api: Any, person: Any) -> None:
    admin, viewer = person(acme, "admin"), person(acme, "viewer")
    changed = api(acme, admin).patch(ADDRESS, {"concurrent": 5, "high_factor": 0.3}, format="json")
    assert changed.status_code == 200
    shown = api(acme, viewer).get(ADDRESS).json()
    assert shown == changed.json()
    assert (shown["plan_per_minute"], shown["concurrent"]) == (60, 5)
    assert shown["effective"]["high"] == {"calls": 30, "window_seconds": 100.0, "per_minute": 18.0, "concurrent": 5}


def test_the_api_returns_to_the_default_and_says_what_differs(acme: str, api: Any, person: Any) -> None:
    client = api(acme, person(acme, "admin"))
    shown = client.patch(ADDRESS, {"per_minute": 7, "burst": 11, "medium_factor": 0.6}, format="json").json()
    assert shown["changed"] == ["per_minute", "burst", "medium_factor"]
    assert (shown["defaults"]["per_minute"], shown["defaults"]["medium_factor"]) == (60, 0.75)
    assert shown["effective"]["low"] == {"calls": 11, "window_seconds": 94.3, "per_minute": 7.0, "concurrent": 32}
    shown = client.patch(ADDRESS, dict.fromkeys(shown["changed"]), format="json").json()
    assert (shown["changed"], shown["per_minute"]) == ([], 60)


def test_the_api_names_all_that_is_wrong_at_once(acme: str, api: Any, person: Any) -> None:
    refused = api(acme, person(acme, "admin")).patch(ADDRESS, {"bursts": 5, "burst": 0}, format="json")
    assert set(refused.json()["fields"]) == {"bursts", "burst"}


def test_the_api_refuses_strangers_viewers_and_unknown_fields(acme: str, api: Any, person: Any) -> None:
    admin, viewer = person(acme, "admin"), person(acme, "viewer")
    assert api(acme, viewer).patch(ADDRESS, {"burst": 5}, format="json").status_code == 403
    assert api(acme).get(ADDRESS).status_code == 401
    refused = api(acme, admin).patch(ADDRESS, {"bursts": 5}, format="json")
    assert (refused.status_code, "bursts" in refused.content.decode()) == (400, True)


def test_the_console_sets_them_through_the_service(acme: str, admin_of: Callable[[str], Client]) -> None:
    client = admin_of(acme)
    fields = {"per_minute": 30, "burst": 40, "concurrent": 4, "low_factor": 1, "medium_factor": 0.5,
              "high_factor": 0.4, "critical_factor": 0.3}  # fmt: skip
    refused = client.post("/admin/policies/ratelimitsetting/add/", fields | {"critical_factor": 0.45})
    assert b"a higher risk never allows more" in refused.content
    client.post("/admin/policies/ratelimitsetting/add/", fields)
    with in_tenant(acme):
        row = RateLimitSetting.objects.get()
    client.post(f"/admin/policies/ratelimitsetting/{row.pk}/change/", fields | {"concurrent": 6})
    with in_tenant(acme):
        assert limits.rate_limits()["concurrent"] == 6
        kinds = AuditEntry.objects.filter(kind="rate_limit.configured", actor__startswith="user:")
        assert kinds.count() == 2
    assert client.get("/admin/policies/ratelimitsetting/").status_code == 200
    assert client.get("/admin/policies/ratelimitsetting/add/").status_code == 403
