"""The log in the admin: everyone with a role may look; nobody may add, change or delete."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client, RequestFactory

from apps.audit import services
from apps.audit.admin import EntryAdmin
from apps.audit.models import AuditEntry
from apps.audit.tests.builders import make_entry
from apps.tenants.context import in_tenant
from apps.tenants.sites import tenant_site


@pytest.mark.parametrize("role", ["viewer", "admin"])
def test_it_lets_nobody_write(acme: str, person: Callable[..., User], role: str) -> None:
    request = RequestFactory().get("/")
    request.user = person(acme, role)
    with in_tenant(acme):
        for model in (m for m in tenant_site._registry if m._meta.app_label == "audit"):
            page = tenant_site._registry[model]
            assert page.has_view_permission(request)
            assert not page.has_add_permission(request)
            assert not page.has_change_permission(request)
            assert not page.has_delete_permission(request)


def test_it_shows_lists_and_an_entry_with_its_integrity(acme: str, person: Callable[..., User]) -> None:
    user = person(acme, "viewer")
    with in_tenant(acme):
        user.is_staff = True
        user.save()
        services.append(make_entry(target="a very particular file"))
        position = services.append(make_entry())
        page = EntryAdmin(AuditEntry, tenant_site)
        assert page.integrity(AuditEntry.objects.get(seq=position.seq)) == "intact"
    client = Client(SERVER_NAME="acme.test")
    with in_tenant(acme):
        client.force_login(user)
    shown = client.get("/admin/audit/auditentry/", {"q": "particular"})
    assert shown.status_code == 200
    assert client.get(f"/admin/audit/auditentry/{position.seq}/change/").status_code == 200
    for name in ("chainbreakentry", "verification", "chainanchor"):
        assert client.get(f"/admin/audit/{name}/").status_code == 200
