"""The admin site of this room: what waits is read and answered there, with a reason, and hooks keep their secrets."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from apps.decision.events import EventKind
from apps.exceptions.models import Delivery, EscalationSetting, NotificationHook
from apps.exceptions.services import hooks
from apps.exceptions.services.escalations import Held
from apps.exceptions.tests.asking import change, entries, hold, make_asked, make_call, row_of
from apps.tenants.context import in_tenant

Admin = Callable[[str], Client]
BASE = "/admin/exceptions"


def press(client: Client, model: str, action: str, *rows: object, **more: str) -> str:
    data = {"action": action, "_selected_action": [str(row) for row in rows], **more}
    answer = client.post(f"{BASE}/{model}/", data, follow=True)
    assert answer.status_code == 200
    return str(answer.content, "utf-8")


def answer(client: Client, held: Held, action: str, note: str = "") -> str:
    return press(client, "escalation", action, held.id, confirmed="yes", note=note)


def signed_in(schema: str, user: User) -> Client:
    client = Client(SERVER_NAME=f"{schema.removeprefix('t_')}.test")
    with in_tenant(schema):
        client.force_login(user)
    return client


def test_it_shows_what_waits_and_what_it_would_do(acme: str, admin_of: Admin) -> None:
    script = make_call(arguments={"path": "<script>alert(1)</script>", "depth": {"of": [1, 2]}})
    held = hold(acme, make_asked(acme, script, tier="high"))
    client = admin_of(acme)
    listed = client.get(f"{BASE}/escalation/?status__exact=pending").content.decode()
    assert '<td class="field-about">call</td>' in listed
    assert all(words in listed for words in ("delete_file</a>", "agent 1", "0:29:", "delete.ask</td>"))
    assert "<script>" not in listed.partition('id="result_list"')[2].partition("</table>")[0]
    page = client.get(f"{BASE}/escalation/{held.id}/change/").content.decode()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page
    assert "delete.ask wants a person" in page
    assert 'value="approve"' in page
    assert 'value="block"' not in page
    assert client.get(f"{BASE}/escalation/?q=delete_file").content.decode().count(held.id)
    assert not client.get(f"{BASE}/escalation/?q=other").content.decode().count(held.id)


def test_it_asks_for_a_note_before_it_answers(acme: str, admin_of: Admin) -> None:
    held = hold(acme, tier="critical")
    client = admin_of(acme)
    asked = press(client, "escalation", "approve", held.id)
    assert "<textarea" in asked
    assert all(words in asked for words in ("agent 1, risk tier critical", "tools/call delete_file", "0:04:"))
    assert "delete.ask</code> delete.ask wants a person" in asked
    assert "&quot;path&quot;" in asked
    again = answer(client, held, "approve", note="  ")
    assert "Say why" in again
    assert row_of(acme, held).status == "pending"
    assert "Call of delete_file, by agent 1: approved<" in answer(client, held, "approve", note="agreed by phone")
    row = row_of(acme, held)
    assert (row.status, row.note, row.resolved_by.startswith("user:admin")) == ("approved", "agreed by phone", True)
    assert "resolved this already" in answer(client, held, "deny", note="no")
    page = client.get(f"{BASE}/escalation/{held.id}/change/").content.decode()
    assert "agreed by phone" in page
    assert 'value="approve"' not in page


def test_it_answers_many_and_asks_again_only_where_a_note_is_missing(acme: str, admin_of: Admin) -> None:
    low, high = hold(acme), hold(acme, make_asked(acme, make_call(tool="high_tool"), tier="high"))
    left = press(admin_of(acme), "escalation", "approve", low.id, high.id, confirmed="yes", note="")
    assert row_of(acme, low).status == "approved"
    assert row_of(acme, high).status == "pending"
    assert f'name="_selected_action" value="{high.id}"' in left
    assert f'name="_selected_action" value="{low.id}"' not in left


@pytest.mark.parametrize(
    ("subject", "action", "status"),
    [
        ("call", "deny", "denied"),
        ("call", "block", "pending"),
        ("inbound", "block", "denied"),
        ("inbound", "allow_sanitized", "approved"),
        ("inbound", "allow_original", "approved"),
        ("inbound", "approve", "pending"),
    ],
)
def test_it_knows_which_answers_fit(acme: str, admin_of: Admin, subject: str, action: str, status: str) -> None:
    held = hold(acme)
    change(acme, held, subject=subject, inbound={"original_kept": True})
    client = admin_of(acme)
    page = client.get(f"{BASE}/escalation/{held.id}/change/").content.decode()
    assert (f'value="{action}"' in page) == (status != "pending")
    answer(client, held, action, note="seen")
    assert row_of(acme, held).status == status


def test_it_lets_viewers_look_and_analysts_answer(acme: str, person: Callable[..., User]) -> None:
    held = hold(acme)
    viewer, analyst = signed_in(acme, person(acme, "viewer")), signed_in(acme, person(acme, "analyst"))
    page = viewer.get(f"{BASE}/escalation/{held.id}/change/")
    assert page.status_code == 200
    assert 'value="approve"' not in page.content.decode()
    answer(viewer, held, "approve", note="x")
    assert row_of(acme, held).status == "pending"
    for hidden in ("notificationhook", "delivery"):
        assert viewer.get(f"{BASE}/{hidden}/").status_code == analyst.get(f"{BASE}/{hidden}/").status_code == 403
    assert viewer.post(f"{BASE}/escalationsetting/add/", {"hold_seconds": 1}).status_code == 403
    answer(analyst, held, "approve", note="x")
    assert row_of(acme, held).status == "approved"
    assert analyst.post(f"{BASE}/escalation/{held.id}/change/", {"note": "y"}).status_code == 403
    assert analyst.post(f"{BASE}/escalation/{held.id}/delete/", {"post": "yes"}).status_code == 403


def test_it_changes_the_settings(acme: str, admin_of: Admin) -> None:
    client = admin_of(acme)
    fields = {
        "low_seconds": 600, "medium_seconds": 600, "high_seconds": 600, "critical_seconds": 60, "hold_seconds": 10,
        "use_seconds": 60,
    }  # fmt: skip
    refused = client.post(f"{BASE}/escalationsetting/add/", {**fields, "hold_seconds": 9999})
    assert "3600" in refused.content.decode()
    assert client.post(f"{BASE}/escalationsetting/add/", fields).status_code == 302
    with in_tenant(acme):
        row = EscalationSetting.objects.get()
    assert row.hold_seconds == 10
    client.post(f"{BASE}/escalationsetting/{row.pk}/change/", {**fields, "hold_seconds": 20})
    assert client.get(f"{BASE}/escalationsetting/add/").status_code == 403
    told = entries(acme, EventKind.ESCALATION_CONFIGURED)
    assert [one.extra["changed"]["hold_seconds"]["to"] for one in told] == [10, 20]


def test_it_makes_and_tends_hooks(acme: str, admin_of: Admin) -> None:
    client = admin_of(acme)
    fields: dict[str, Any] = {"name": "pager", "url": "http://169.254.169.254/", "kinds": ["escalation.opened"]}
    refused = client.post(f"{BASE}/notificationhook/add/", fields).content.decode()
    assert "link-local" in refused
    assert 'value="pager"' in refused
    fields["url"] = "http://127.0.0.1:9/hook"
    made = client.post(f"{BASE}/notificationhook/add/", {**fields, "enabled": "on"}, follow=True).content.decode()
    secret = made.partition("bhv_hook_")[2][:43]
    assert len(secret) == 43
    with in_tenant(acme):
        hook = NotificationHook.objects.get()
        assert hooks.secret_of(hook).decode() == f"bhv_hook_{secret}"
    pages = [f"{BASE}/notificationhook/", f"{BASE}/notificationhook/{hook.pk}/change/"]
    assert not [page for page in pages if "bhv_hook_" in client.get(page).content.decode()]
    assert "to be sent" in press(client, "notificationhook", "send_test", hook.pk)
    assert "bhv_hook_" in press(client, "notificationhook", "rotate_secret", hook.pk)
    assert "disabled" in press(client, "notificationhook", "disable", hook.pk)
    assert "This hook is disabled." in press(client, "notificationhook", "send_test", hook.pk)
    assert "enabled" in press(client, "notificationhook", "enable", hook.pk)
    changed = client.post(f"{BASE}/notificationhook/{hook.pk}/change/", {**fields, "name": "chat", "enabled": "on"})
    assert changed.status_code == 302
    with in_tenant(acme):
        sent = Delivery.objects.get()
    assert "hook.test" in client.get(f"{BASE}/delivery/{sent.pk}/change/").content.decode()
    assert client.post(f"{BASE}/delivery/{sent.pk}/delete/", {"post": "yes"}).status_code == 403
    assert "delete_selected" not in client.get(f"{BASE}/notificationhook/").content.decode()
    assert client.post(f"{BASE}/notificationhook/{hook.pk}/delete/", {"post": "yes"}).status_code == 302
    with in_tenant(acme):
        assert not NotificationHook.objects.exists()
        assert not Delivery.objects.exists()
    kinds = [EventKind.NOTIFICATION_HOOK_CREATED, EventKind.NOTIFICATION_HOOK_UPDATED]
    told = entries(acme, *kinds, EventKind.NOTIFICATION_HOOK_REMOVED)
    assert [one.extra.get("changed") for one in told] == [None, ["secret"], ["enabled"], ["enabled"], ["name"], None]


def test_it_shows_a_second_tenant_nothing(acme: str, globex: str, admin_of: Admin) -> None:
    with in_tenant(acme):
        made = hooks.create_hook(name="pager", url="http://127.0.0.1:9/hook", actor="user:ada")
    held = hold(acme)
    with in_tenant(acme):
        sent = Delivery.objects.get()
    neighbour = admin_of(globex)
    for model, row in (("escalation", held.id), ("notificationhook", made.hook.pk), ("delivery", sent.pk)):
        assert str(row) not in neighbour.get(f"{BASE}/{model}/").content.decode()
        assert neighbour.get(f"{BASE}/{model}/{row}/change/").status_code == 302  # to the index: there is none
    answer(neighbour, held, "approve", note="x")
    assert row_of(acme, held).status == "pending"
