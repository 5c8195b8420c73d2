"""Exceptions in the admin: granted by a form, prolonged and ended by buttons that ask; looked at by the others."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from apps.decision.events import EventKind
from apps.exceptions.models import ExceptionGrant
from apps.exceptions.tests.granting import WHY, again, decided, grant, new_agent, older, told
from apps.tenants.context import in_tenant

PAGE = "/admin/exceptions/exceptiongrant/"
Admin = Callable[[str], Client]


def form(agent: object, **changes: str) -> dict[str, str]:
    fields = {
        "agent": str(agent), "server": "", "tool": "read_file", "resource": "/srv/a\r\n/srv/b",
        "justification": WHY, "expires_in_hours": "5", "max_extensions": "3",
    }  # fmt: skip
    return {**fields, **changes}


def press(client: Client, action: str, row: ExceptionGrant, **more: str) -> str:
    data = {"action": action, "_selected_action": str(row.pk), **more}
    answer = client.post(PAGE, data, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_it_grants_by_a_form(acme: str, admin_of: Admin) -> None:
    client, agent = admin_of(acme), new_agent(acme)
    assert str(agent) in client.get(f"{PAGE}add/").content.decode()
    answer = client.post(f"{PAGE}add/", form(agent), follow=True)
    assert "added successfully" in answer.content.decode()
    with in_tenant(acme):
        row = ExceptionGrant.objects.get()
    assert (row.resource, row.max_extensions, row.expires_at - row.created_at) == (
        "/srv/a\n/srv/b", 3, timedelta(hours=5),
    )  # fmt: skip
    assert row.created_by.startswith("user:admin")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"justification": "because"}, "at least 10 characters"),
        ({"tool": "*", "resource": "**"}, "together cover everything"),
        ({"tool": "x\\"}, "takes nothing"),
        ({"expires_in_hours": "721"}, "less than or equal to 720"),
    ],
)
def test_it_shows_a_refusal_in_the_form(acme: str, admin_of: Admin, changes: dict[str, str], said: str) -> None:
    answer = admin_of(acme).post(f"{PAGE}add/", form(new_agent(acme), **changes))
    assert answer.status_code == 200
    assert said in answer.content.decode()
    with in_tenant(acme):
        assert not ExceptionGrant.objects.exists()


def test_it_extends_and_revokes_after_asking(acme: str, admin_of: Admin) -> None:
    client, row = admin_of(acme), grant(acme)
    assert "For how many hours more?" in press(client, "extend", row)
    assert again(acme, row).extension_count == 0
    assert "whole number" in press(client, "extend", row, confirmed="yes", note="a day")
    press(client, "extend", row, confirmed="yes", note=" 7 ")
    press(client, "extend", row, confirmed="yes", note="")
    assert again(acme, row).expires_at == row.expires_at + timedelta(hours=31)
    assert "Say why" in press(client, "revoke", row, confirmed="yes", note=" ")
    press(client, "revoke", row, confirmed="yes", note="It is done.")
    assert again(acme, row).revoked_at is not None
    assert "is revoked" in press(client, "revoke", row, confirmed="yes", note="Twice.")


def test_it_lists_with_states_and_colours(acme: str, admin_of: Admin) -> None:
    client, rows = admin_of(acme), [grant(acme, tool=f"tool_{name}") for name in ("live", "late", "red")]
    older(acme, rows[1], timedelta(days=1))
    with in_tenant(acme):
        ExceptionGrant.objects.filter(pk=rows[2].pk).update(extension_count=4, use_count=17)
    text = client.get(PAGE).content.decode()
    assert all(word in text for word in ("tool_live", "expired", "#d62828", "4 of 4", ">17<"))
    assert "tool_live" in client.get(f"{PAGE}?state=live").content.decode()
    assert "tool_live" not in client.get(f"{PAGE}?state=expired").content.decode()
    assert "tool_late" in client.get(f"{PAGE}?q=tool_late").content.decode()
    page = client.get(f"{PAGE}{rows[2].pk}/change/")
    assert WHY in page.content.decode()
    assert client.post(f"{PAGE}{rows[2].pk}/change/", form(rows[2].agent_id)).status_code == 403
    assert client.get(f"{PAGE}{rows[2].pk}/delete/").status_code == 403


def test_its_page_lists_its_own_uses_and_says_why_it_ended(acme: str, admin_of: Admin) -> None:
    client, agent = admin_of(acme), new_agent(acme)
    ours, other = grant(acme, agent), grant(acme, agent, resource="/srv/else")
    decided(acme, agent, str(ours.pk), target="/srv/ours.csv")
    decided(acme, agent, str(other.pk), target="/srv/theirs.csv")
    page = client.get(f"{PAGE}{ours.pk}/change/").content.decode()
    entry = told(acme, EventKind.CALL_DECISION)[0]
    assert "/srv/ours.csv" in page and "/srv/theirs.csv" not in page
    assert f"/admin/audit/auditentry/{entry.seq}/change/" in page
    assert 'value="Extend…"' in page and 'value="Revoke…"' in page and "/history/" not in page
    assert WHY in press(client, "revoke", ours)
    press(client, "revoke", ours, confirmed="yes", note="The report is out.")
    page = client.get(f"{PAGE}{ours.pk}/change/").content.decode()
    assert "The report is out." in page and 'value="Revoke…"' not in page


def test_it_gives_an_analyst_no_buttons_and_a_second_tenant_no_rows(
    acme: str, globex: str, person: Callable[..., Any], admin_of: Admin
) -> None:
    row = grant(acme, tool="tool_ours")
    analyst = Client(SERVER_NAME="acme.test")
    user = person(acme, "analyst")
    with in_tenant(acme):
        analyst.force_login(user)
    assert "tool_ours" in analyst.get(PAGE).content.decode()
    assert analyst.get(f"{PAGE}add/").status_code == 403
    press(analyst, "revoke", row, confirmed="yes", note="Not mine to say.")
    assert again(acme, row).revoked_at is None
    assert "tool_ours" not in admin_of(globex).get(PAGE).content.decode()
