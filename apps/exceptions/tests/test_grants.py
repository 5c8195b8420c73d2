"""An exception's life: granted for a reason, prolonged so many times, ended, each step with who did it in the log."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from apps.agents import services as agents
from apps.audit.models import AuditEntry
from apps.decision.errors import AppError, BadInput, Conflict, NotFound
from apps.decision.events import EventKind
from apps.exceptions.models import Delivery, ExceptionGrant, ExceptionState, Urgency
from apps.exceptions.models.grant import in_state
from apps.exceptions.services import grants, hooks, snapshot
from apps.exceptions.tests.granting import WHY, again, grant, new_agent, older, told
from apps.tenants.context import in_tenant


def refusal(act: Callable[[], Any]) -> AppError:
    with pytest.raises(AppError) as refused:
        act()
    return refused.value


def extend(schema: str, row: ExceptionGrant, hours: int = 24) -> ExceptionGrant:
    with in_tenant(schema):
        return grants.extend(row.pk, actor="user:bob", hours=hours)


def revoke(schema: str, row: ExceptionGrant, reason: str = "No longer needed") -> ExceptionGrant:
    with in_tenant(schema):
        return grants.revoke(row.pk, actor="user:bob", reason=reason)


def live(schema: str, agent: UUID) -> list[str]:
    with in_tenant(schema):
        return [one.id for one in snapshot.human().grants.get(str(agent), ())]


def test_it_grants_and_says_so_in_the_log(acme: str) -> None:
    agent = new_agent(acme)
    row = grant(acme, agent, resource=" /srv/a \n\n /srv/b", justification=f"  {WHY} ")
    assert (row.resource, row.justification, row.agent_name) == ("/srv/a\n/srv/b", WHY, "reader")
    assert row.expires_at == row.created_at + timedelta(hours=2)
    (entry,) = told(acme, EventKind.EXCEPTION_CREATED)
    assert (entry.actor, entry.agent_id, entry.tool_name, entry.target) == (
        "user:ada", str(agent), "read_file", "/srv/a\n/srv/b",
    )  # fmt: skip
    assert (entry.extra["exception"], entry.extra["justification"], entry.extra["expires_in_hours"]) == (
        str(row.pk), WHY, 2,
    )  # fmt: skip
    assert live(acme, agent) == [str(row.pk)]


def test_it_moves_the_rulebook_with_each_step(acme: str) -> None:
    assert EventKind.EXCEPTION_CREATED.changes_rulebook
    assert EventKind.EXCEPTION_EXTENDED.changes_rulebook
    assert EventKind.EXCEPTION_REVOKED.changes_rulebook


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"justification": "   too short "}, "justification"),
        ({"justification": "x" * 2001}, "justification"),
        ({"expires_in_hours": 0}, "expires_in_hours"),
        ({"expires_in_hours": 721}, "expires_in_hours"),
        ({"max_extensions": -1}, "max_extensions"),
        ({"max_extensions": 21}, "max_extensions"),
        ({"tool": " "}, "tool"),
        ({"tool": "read\\"}, "tool"),
        ({"resource": "\n"}, "resource"),
        ({"tool": "*", "resource": "**"}, "resource"),
        ({"mcp_server": "nowhere"}, "mcp_server"),
        ({"agent_id": uuid4()}, "agent_id"),
    ],
)
def test_it_refuses_what_cannot_be_granted(acme: str, changes: dict[str, Any], field: str) -> None:
    agent = new_agent(acme)
    refused = refusal(lambda: grant(acme, agent, **changes))
    assert isinstance(refused, BadInput)
    assert list(refused.fields) == [field]
    assert told(acme, EventKind.EXCEPTION_CREATED) == []


@pytest.mark.parametrize("end", [agents.revoke, agents.deprovision])
def test_it_grants_nothing_to_an_agent_out_of_service(acme: str, end: Callable[..., Any]) -> None:
    agent = new_agent(acme)
    row = grant(acme, agent)
    with in_tenant(acme):
        end(agent, actor="user:ada")
    assert refusal(lambda: grant(acme, agent)).code == "agent_out_of_service"
    assert refusal(lambda: extend(acme, row)).code == "agent_out_of_service"


def test_it_extends_four_times_and_then_no_more(acme: str) -> None:
    row = grant(acme)
    until, colours = row.expires_at, []
    for count in range(1, 5):
        extended = extend(acme, row, hours=3)
        assert (extended.extension_count, extended.expires_at) == (count, until + timedelta(hours=3 * count))
        colours.append(extended.urgency)
    assert colours == [Urgency.YELLOW, Urgency.YELLOW, Urgency.ORANGE, Urgency.RED]
    refused = refusal(lambda: extend(acme, row))
    assert (type(refused), refused.code) == (Conflict, "extension_limit")
    entries = told(acme, EventKind.EXCEPTION_EXTENDED)
    assert [(entry.actor, entry.extra["extension_count"], entry.extra["hours"]) for entry in entries] == [
        ("user:bob", count, 3) for count in range(1, 5)
    ]


@pytest.mark.parametrize(
    ("most", "colours"),
    [
        (0, ["none"]),
        (1, ["none", "red"]),
        (2, ["none", "yellow", "red"]),
        (3, ["none", "yellow", "orange", "red"]),
        (4, ["none", "yellow", "yellow", "orange", "red"]),
        (6, ["none", "yellow", "yellow", "yellow", "orange", "orange", "red"]),
    ],
)
def test_it_grows_more_urgent_with_each_extension(most: int, colours: list[str]) -> None:
    rows = [ExceptionGrant(extension_count=count, max_extensions=most) for count in range(most + 1)]
    assert [row.urgency.value for row in rows] == colours


def test_it_may_be_granted_for_once_only(acme: str) -> None:
    row = grant(acme, max_extensions=0)
    assert refusal(lambda: extend(acme, row)).code == "extension_limit"


@pytest.mark.parametrize("hours", [0, -1, 721])
def test_it_extends_by_a_sensible_time(acme: str, hours: int) -> None:
    row = grant(acme)
    assert list(refusal(lambda: extend(acme, row, hours=hours)).fields) == ["hours"]
    assert again(acme, row).extension_count == 0


def test_it_keeps_no_character_that_the_log_cannot_hold(acme: str) -> None:
    row = grant(acme, justification="with a NUL\0 and half a \ud800 character")
    assert again(acme, row).justification.startswith("with a NUL\u2400 and half")


def test_it_ends_when_revoked(acme: str) -> None:
    agent = new_agent(acme)
    row = revoke(acme, grant(acme, agent), "  Done early ")
    assert (row.state(timezone.now()), row.revoked_by) == (ExceptionState.REVOKED, "user:bob")
    assert live(acme, agent) == []
    (entry,) = told(acme, EventKind.EXCEPTION_REVOKED)
    assert (entry.actor, entry.agent_id, entry.extra["reason"]) == ("user:bob", str(agent), "Done early")
    assert refusal(lambda: revoke(acme, row)).code == "exception_revoked"
    assert refusal(lambda: extend(acme, row)).code == "exception_revoked"


@pytest.mark.parametrize("reason", ["", " \n", "x" * 501])
def test_it_is_revoked_for_a_reason(acme: str, reason: str) -> None:
    row = grant(acme)
    assert list(refusal(lambda: revoke(acme, row, reason)).fields) == ["reason"]
    assert again(acme, row).revoked_at is None


def test_it_is_over_when_its_time_is(acme: str) -> None:
    agent = new_agent(acme)
    row = grant(acme, agent)
    older(acme, row, timedelta(hours=2))
    assert live(acme, agent) == []
    assert refusal(lambda: extend(acme, row)).code == "exception_expired"
    assert refusal(lambda: revoke(acme, row)).code == "exception_expired"


def test_it_finds_rows_by_the_state_that_they_say(acme: str) -> None:
    rows = [grant(acme), grant(acme), grant(acme)]
    older(acme, rows[1], timedelta(days=1))
    revoke(acme, rows[2])
    now = timezone.now()
    with in_tenant(acme):
        for state in ExceptionState:
            found = list(in_state(ExceptionGrant.objects.all(), state, now))
            assert len(found) == 1 and found[0].state(now) is state


def test_it_tells_whoever_wants_to_be_told(acme: str) -> None:
    with in_tenant(acme):
        hooks.create_hook(name="ops", url="http://127.0.0.1:9/", actor="user:ada")
    row = grant(acme)
    extend(acme, row)
    revoke(acme, row)
    with in_tenant(acme):
        sent = list(Delivery.objects.order_by("id").values_list("kind", "body__exception", "body__state"))
    assert sent == [
        ("exception.created", str(row.pk), "live"),
        ("exception.extended", str(row.pk), "live"),
        ("exception.revoked", str(row.pk), "revoked"),
    ]


def test_it_is_not_there_for_another_tenant(acme: str, globex: str) -> None:
    agent = new_agent(acme)
    row = grant(acme, agent)
    assert isinstance(refusal(lambda: extend(globex, row)), NotFound)
    assert isinstance(refusal(lambda: revoke(globex, row)), NotFound)
    assert list(refusal(lambda: grant(globex, agent)).fields) == ["agent_id"]
    assert live(globex, agent) == []
    with in_tenant(globex):
        assert not AuditEntry.objects.filter(kind__startswith="exception.").exists()
