"""The tenant's blast radius: what may be set, what holds then, and that nobody else sees or changes it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.audit import services as audit
from apps.audit.models import AuditEntry
from apps.decision.errors import BadInput
from apps.decision.facts import BlastRadius
from apps.policies.models import BlastRadiusSetting
from apps.policies.services import blast_radius, limits
from apps.tenants.context import in_tenant

BY = "user:ada"
ADDRESS = "/api/v1/admin/blast-radius"


def test_it_changes_the_tenant_it_stands_in_and_no_other(acme: str, globex: str) -> None:
    with in_tenant(acme):
        blast_radius.configure(actor=BY, changes={"min_delete_depth": 4, "config_paths": ["/srv/Config", "~/.kube"]})
        assert limits.blast_radius() == BlastRadius(min_delete_depth=4, config_paths=("/srv/Config", "~/.kube"))
        entry = AuditEntry.objects.order_by("-seq")[0]
    assert (entry.kind, entry.actor) == ("blast_radius.configured", BY)
    assert entry.extra["changed"] == {
        "min_delete_depth": {"from": 3, "to": 4},
        "config_paths": {"from": list(BlastRadius().config_paths), "to": ["/srv/Config", "~/.kube"]},
    }
    with in_tenant(globex):
        assert limits.blast_radius() == BlastRadius()
        assert not BlastRadiusSetting.objects.exists()


def test_nothing_returns_to_the_default(acme: str) -> None:
    with in_tenant(acme):
        blast_radius.configure(actor=BY, changes={"email_recipient_limit": 1, "protected_names": []})
        assert limits.blast_radius().protected_names == ()
        blast_radius.configure(actor=BY, changes={"email_recipient_limit": None, "protected_names": None})
        assert limits.blast_radius() == BlastRadius()


def test_it_moves_the_rulebook_only_when_something_changed(acme: str) -> None:
    with in_tenant(acme):
        before = audit.head(acme)
        blast_radius.configure(actor=BY, changes=blast_radius.defaults())
        assert audit.head(acme) == before
        blast_radius.configure(actor=BY, changes={"bulk_action_threshold": 49})
        after = audit.head(acme)
    assert after.rulebook_version == after.seq == before.seq + 1


@pytest.mark.parametrize(
    "changes",
    [
        {"min_delete_depth": 0},
        {"min_delete_depth": 21},
        {"email_recipient_limit": 0},
        {"bulk_action_threshold": -1},
        {"config_paths": ["etc"]},
        {"config_paths": [""]},
        {"config_paths": ["/etc", "/ETC"]},
        {"config_paths": ["/srv/../etc"]},
        {"config_paths": ["/srv//x"]},
        {"config_paths": ["/srv/*"]},
        {"config_paths": ["/srv/%65tc"]},
        {"config_paths": ["\\etc"]},
        {"config_paths": ["/etc\n"]},
        {"config_paths": ["/etc "]},
        {"config_paths": ["~ada/.ssh"]},
        {"config_paths": ["/srv/%2525252525252525"]},
        {"config_paths": [f"/srv/{number}" for number in range(101)]},
        {"config_paths": ["/" + "x" * 500]},
        {"protected_names": [""]},
        {"protected_names": ["a/b"]},
        {"protected_names": ["MEM*"]},
        {"protected_names": [" MEMORY"]},
        {"protected_names": ["MEMORY."]},
        {"protected_names": ["."]},
        {"protected_names": ["SOUL", "soul"]},
        {"protected_names": ["MEMORY\0"]},
        {"recipients": 3},
    ],
)
def test_it_refuses_what_is_no_limit(acme: str, changes: dict[str, Any]) -> None:
    with in_tenant(acme):
        before = audit.head(acme)
        with pytest.raises(BadInput) as caught:
            blast_radius.configure(actor=BY, changes=changes)
        assert set(changes) == set(caught.value.fields)
        assert audit.head(acme) == before


@pytest.mark.parametrize("path", ["/", "~", "~/.kube", "/srv/config/", "C:/ProgramData", "/srv/übersicht", "/opt/a b"])
def test_it_takes_directories(acme: str, path: str) -> None:
    with in_tenant(acme):
        blast_radius.configure(actor=BY, changes={"config_paths": [path]})
        assert limits.blast_radius().config_paths == (path,)


def test_the_api_shows_defaults_and_what_differs(acme: str, api: Any, person: Any) -> None:
    admin, viewer = person(acme, "admin"), person(acme, "viewer")
    changed = api(acme, admin).patch(ADDRESS, {"min_delete_depth": 2, "protected_names": ["LEDGER"]}, format="json")
    assert changed.status_code == 200
    shown = api(acme, viewer).get(ADDRESS).json()
    assert shown == changed.json()
    assert (shown["min_delete_depth"], shown["protected_names"]) == (2, ["LEDGER"])
    assert shown["defaults"] == blast_radius.defaults()
    assert shown["changed"] == ["min_delete_depth", "protected_names"]
    back = api(acme, admin).patch(ADDRESS, {"min_delete_depth": None, "protected_names": None}, format="json").json()
    assert (back["changed"], back["min_delete_depth"]) == ([], 3)


def test_the_api_refuses_strangers_viewers_and_what_is_wrong(acme: str, globex: str, api: Any, person: Any) -> None:
    admin, viewer, foreign = person(acme, "admin"), person(acme, "viewer"), person(globex, "admin")
    assert api(acme, viewer).patch(ADDRESS, {"min_delete_depth": 1}, format="json").status_code == 403
    assert api(acme).get(ADDRESS).status_code == 401
    assert api(globex, foreign).get(ADDRESS).json()["changed"] == []
    refused: tuple[Any, ...] = (
        {"depth": 1}, {"config_paths": ["x"]}, {"min_delete_depth": 0}, {"protected_names": "MEMORY"}, [],
    )  # fmt: skip
    for wrong in refused:
        assert api(acme, admin).patch(ADDRESS, wrong, format="json").status_code == 400, wrong


def test_the_console_sets_them_through_the_service(acme: str, admin_of: Callable[[str], Client]) -> None:
    client = admin_of(acme)
    fields = {"min_delete_depth": 2, "email_recipient_limit": 5, "bulk_action_threshold": 20,
              "config_paths": "/srv/config\r\n~/.kube\r\n", "protected_names": "LEDGER"}  # fmt: skip
    refused = client.post("/admin/policies/blastradiussetting/add/", fields | {"config_paths": "srv"})
    assert b"is no plain absolute path" in refused.content
    client.post("/admin/policies/blastradiussetting/add/", fields)
    with in_tenant(acme):
        row = BlastRadiusSetting.objects.get()
    assert row.config_paths == ["/srv/config", "~/.kube"]
    page = client.get(f"/admin/policies/blastradiussetting/{row.pk}/change/")
    assert b"/srv/config\n~/.kube" in page.content
    client.post(f"/admin/policies/blastradiussetting/{row.pk}/change/", fields | {"min_delete_depth": 1})
    with in_tenant(acme):
        assert limits.blast_radius().min_delete_depth == 1
        assert AuditEntry.objects.filter(kind="blast_radius.configured", actor__startswith="user:").count() == 2
    assert client.get("/admin/policies/blastradiussetting/").status_code == 200
    assert client.get("/admin/policies/blastradiussetting/add/").status_code == 403
