"""The list of pins in the admin begins with what waits for a decision, and shows no date that nobody keeps."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from apps.agents import services
from apps.agents.models import ServerPin
from apps.decision.types import PinStatus
from apps.tenants.context import in_tenant

pytestmark = pytest.mark.django_db


def test_the_list_begins_with_what_waits_for_a_decision(acme: str, admin_of: Callable[[str], Client]) -> None:
    now = timezone.now()
    wanted = [
        ("changed-now", PinStatus.QUARANTINED, 1),
        ("changed-before", PinStatus.QUARANTINED, 9),
        ("never-changed", PinStatus.QUARANTINED, None),
        ("approved-lately", PinStatus.APPROVED, 0),
        ("rejected", PinStatus.REJECTED, 5),
        ("approved-at-first-sight", PinStatus.APPROVED, None),
    ]
    with in_tenant(acme):
        server = services.register_server(name="docs", transport="http", url="http://127.0.0.1:9/mcp", actor="system")
        for name, status, hours in sorted(wanted):
            changed = now - timedelta(hours=hours) if hours is not None else None
            ServerPin.objects.create(
                server=server, kind="tool", name=name, status=status, digest="a", changed_at=changed,
                first_seen_at=now, last_seen_at=now,
            )  # fmt: skip
        ServerPin.objects.create(
            server=server, kind="instructions", status="approved", digest="b", missing_since=now,
            first_seen_at=now - timedelta(days=1), last_seen_at=now,
        )  # fmt: skip
    client = admin_of(acme)
    page = client.get("/admin/agents/serverpin/")
    assert [pin.name for pin in page.context["cl"].result_list] == [*(name for name, _, _ in wanted), ""]
    assert "(instructions)" in page.content.decode()
    gone = client.get("/admin/agents/serverpin/", {"missing_since__isempty": "0"}).context["cl"].result_list
    assert [pin.kind for pin in gone] == ["instructions"]


def test_it_says_nothing_of_when_a_server_listed_it_last(
    acme: str, api: Callable[..., APIClient], person: Callable[..., object]
) -> None:
    """Listings that are known already are not written down, so nobody could say it."""
    with in_tenant(acme):
        server = services.register_server(name="docs", transport="http", url="http://127.0.0.1:9/mcp", actor="system")
        services.observe("docs", [services.Item("tool", "a", {"name": "a"})], judge=lambda definition: ())
    pin = api(acme, person(acme, "viewer")).get(f"/api/v1/servers/{server.pk}/tools").json()["results"][0]
    assert {key for key in pin if key.endswith("_at")} == {"first_seen_at", "changed_at", "reviewed_at"}
