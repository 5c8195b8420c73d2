"""Change requests, replays and shadows in the console."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from apps.policies import services
from apps.policies.models import Comparison, Policy, PolicyChangeRequest
from apps.policies.services import Proposal, replays
from apps.policies.tests.examples import allowing, policy
from apps.policies.tests.recording import ADA, record
from apps.policies.tests.test_changes import TESTS
from apps.policies.tests.test_replays import DENIES_READS, draft
from apps.tenants.context import in_tenant
from apps.tenants.services import config_of

AdminOf = Callable[[str], Client]
CHANGES = "/admin/policies/policychangerequest/"


def chosen(action: str, row: PolicyChangeRequest | Policy | Comparison, **more: str) -> dict[str, str]:
    return {"action": action, "_selected_action": str(row.pk), **more}


@pytest.fixture
def row(acme: str) -> PolicyChangeRequest:
    with in_tenant(acme):
        services.activate(draft(policy()).pk, actor="user:root")
        record(2, action="write")
        return services.submit(Proposal(content=allowing(), tests=TESTS, note="<b>Please</b>"), by=ADA)


def test_a_reviewer_reads_what_it_changes(acme: str, row: PolicyChangeRequest, admin_of: AdminOf) -> None:
    client = admin_of(acme)
    with in_tenant(acme):
        replays.work("test", seconds=30)
    text = client.get(f"{CHANGES}{row.pk}/change/").content.decode()
    assert "<del>-" in text and "<ins>+" in text
    assert "1 added (+), 3 removed (-)" in text
    assert "&lt;b&gt;Please&lt;/b&gt;" in text
    assert "FAILED: is undefined, not true" in text
    assert "2 of 2 recorded calls, 2 would end otherwise" in text
    assert "deny → allow, 2 times" in text
    assert 'value="Approve…"' in text and 'value="Withdraw"' not in text
    assert '<span class="head">--- ' in text
    assert client.get(f"{CHANGES}?status__exact=open&q=late").content.decode().count("late_hours") > 0


def test_approving_asks_for_a_note_first(acme: str, row: PolicyChangeRequest, admin_of: AdminOf) -> None:
    client = admin_of(acme)
    page = client.post(CHANGES, chosen("approve", row))
    assert page.status_code == 200 and b"take effect with the next call" in page.content
    assert b"<del>-" in page.content and b"&lt;b&gt;Please" in page.content
    with in_tenant(acme):
        row.refresh_from_db()
        assert row.status == "open"
        anew = services.rebase(row.pk, by=ADA, tests=TESTS.split("test_it_says")[0])
    client.post(CHANGES, chosen("approve", anew, confirmed="yes", note="Seen"))
    with in_tenant(acme):
        anew.refresh_from_db()
        assert (anew.status, anew.review_note) == ("approved", "Seen")


def test_rejecting_needs_one(acme: str, row: PolicyChangeRequest, admin_of: AdminOf) -> None:
    client = admin_of(acme)
    page = client.post(CHANGES, chosen("reject", row, confirmed="yes", note=" "))
    assert b"A note is required." in page.content
    client.post(CHANGES, chosen("reject", row, confirmed="yes", note="Too lax"))
    with in_tenant(acme):
        row.refresh_from_db()
        assert (row.status, row.review_note) == ("rejected", "Too lax")


def test_it_shows_what_the_service_refuses(acme: str, row: PolicyChangeRequest, admin_of: AdminOf) -> None:
    client = admin_of(acme)
    page = client.post(CHANGES, chosen("approve", row, confirmed="yes"), follow=True)
    assert b"Its own tests fail: test_it_says_nothing_of_reads." in page.content
    page = client.post(CHANGES, chosen("withdraw", row), follow=True)
    assert b"Only its author withdraws" in page.content


def test_nobody_approves_their_own_in_the_console(acme: str, admin_of: AdminOf) -> None:
    client = admin_of(acme)
    with in_tenant(acme):
        made = draft(policy())
    page = client.post("/admin/policies/policy/", chosen("propose", made))
    assert b"What should they know?" in page.content
    client.post("/admin/policies/policy/", chosen("propose", made, confirmed="yes", note="Please"))
    with in_tenant(acme):
        row = PolicyChangeRequest.objects.get()
        assert (row.note, row.status) == ("Please", "open")
    text = client.get(f"{CHANGES}{row.pk}/change/").content.decode()
    assert 'value="Withdraw"' in text and 'value="Rebase"' in text and 'value="Approve…"' not in text
    page = client.post(CHANGES, chosen("approve", row, confirmed="yes"), follow=True)
    assert b"Nobody reviews a change of their own." in page.content


def test_approval_can_be_switched_on_and_then_holds_here_too(acme: str, admin_of: AdminOf) -> None:
    client = admin_of(acme)
    with in_tenant(acme):
        made, config = draft(policy()), config_of(acme)
    address = f"/admin/tenants/tenantconfig/{config.pk}/change/"
    client.post(address, {"policy_approval": "on", "replay_days": "3"})
    assert (config_of(acme).policy_approval, config_of(acme).replay_days) == (True, 3)
    page = client.post("/admin/policies/policy/", chosen("activate", made), follow=True)
    assert b"put up a change request" in page.content
    page = client.post(address, {"policy_approval": "on", "replay_days": "300"})
    assert b"errorlist" in page.content


def test_replays_and_shadows_are_looked_at(acme: str, admin_of: AdminOf) -> None:
    client = admin_of(acme)
    with in_tenant(acme):
        record(2)
        made = draft(DENIES_READS)
        waiting = replays.of_version(made.pk, by=ADA)
    client.post("/admin/policies/comparison/", chosen("cancel", waiting))
    with in_tenant(acme):
        waiting.refresh_from_db()
        assert waiting.status == "cancelled"
        run = replays.of_version(made.pk, by=ADA)
        replays.work("test", seconds=30)
    listed = client.get("/admin/policies/comparison/?kind__exact=replay").content
    assert b"100 %" in listed
    shown = client.get(f"/admin/policies/comparison/{run.pk}/change/").content.decode()
    assert "<td>allow (permission_match.granted)</td><td>deny (tenant.late_hours.read)</td>" in shown
    assert "At most 20 calls are kept" in shown and "allow → deny: 2" in shown
    with in_tenant(acme):
        sample = run.samples.first()
    assert sample is not None and f"/admin/audit/auditentry/{sample.seq}/change/" in shown
    client.post("/admin/policies/policy/", chosen("shadow", made))
    with in_tenant(acme):
        assert Comparison.objects.filter(kind="shadow", status="running").count() == 1
    client.post("/admin/policies/policy/", chosen("unshadow", made))
    with in_tenant(acme):
        assert not Comparison.objects.filter(status="running").exists()


def test_a_viewer_looks_and_decides_nothing(
    acme: str, globex: str, row: PolicyChangeRequest, person: Callable[..., User], admin_of: AdminOf
) -> None:
    client, user = Client(SERVER_NAME="acme.test"), person(acme, "viewer")
    with in_tenant(acme):
        client.force_login(user)
    text = client.get(f"{CHANGES}{row.pk}/change/").content.decode()
    assert "<ins>+" in text and 'value="Approve…"' not in text
    client.post(CHANGES, chosen("reject", row, confirmed="yes", note="No"))
    with in_tenant(acme):
        row.refresh_from_db()
        assert row.status == "open"
    assert admin_of(globex).get(f"{CHANGES}{row.pk}/change/").status_code == 302  # to the index: there is none
