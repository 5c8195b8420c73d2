"""A held call: opened once, found again, spent once, and never loosened by time, a stop or a change of the rules."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from apps.audit import services as audit
from apps.audit.models import DecisionInput
from apps.decision.errors import Conflict, Outdated
from apps.decision.events import EventKind
from apps.decision.types import Requester
from apps.exceptions.models import BreakGlass, Escalation, KillSwitch
from apps.exceptions.services import escalations, resolutions
from apps.exceptions.tests.asking import (
    ONE,
    TWO,
    change,
    decision_of,
    entries,
    entry,
    hold,
    make_asked,
    make_call,
    row_of,
    use,
)
from apps.tenants.context import in_tenant

PAST = timedelta(seconds=-1)


def approve(schema: str, held: escalations.Held, note: str = "fine") -> Escalation:
    with in_tenant(schema):
        return resolutions.resolve(row_of(schema, held).pk, resolution="approve", actor="user:ada", note=note)


def test_it_opens_one_and_says_so_in_the_log(acme: str) -> None:
    asked = make_asked(acme, tier="medium")
    held = hold(acme, asked)
    row = row_of(acme, held)
    assert (held.status, row.status, row.subject) == ("pending", "pending", "call")
    assert row.expires_at - row.created_at == timedelta(hours=4)
    assert (row.agent_id, row.tool_name, row.mcp_server, row.risk_tier) == (ONE, "delete_file", "files", "medium")
    assert row.arguments == {"path": "/srv/reports/q3.txt"}
    assert row.verdicts == [{"result": "escalate", "reason": "delete.ask wants a person", "policy": "delete.ask"}]
    decided, opened = entries(acme, EventKind.CALL_DECISION, EventKind.ESCALATION_OPENED)
    assert decided.extra == {"escalation": held.id}
    assert (decided.id, decided.policy_result) == (row.event_id, "escalate")
    assert (opened.actor, opened.agent_id, opened.tool_name) == (f"agent:{ONE}", ONE, "delete_file")
    assert opened.mcp_server == "files"
    assert opened.parent_event_id == row.event_id
    assert opened.extra["escalation"] == held.id
    assert opened.extra["policies"] == ["delete.ask"]
    assert not entries(acme, EventKind.BLAST_RADIUS_ESCALATION)


@pytest.mark.parametrize(
    ("tier", "seconds"), [("low", 86_400), ("medium", 14_400), ("high", 1_800), ("critical", 300), ("?", 300)]
)
def test_it_gives_each_tier_its_time(acme: str, tier: str, seconds: int) -> None:
    row = row_of(acme, hold(acme, tier=tier))
    assert (row.expires_at - row.created_at).total_seconds() == seconds


def test_it_finds_the_one_that_waits_again(acme: str) -> None:
    first, second = hold(acme), hold(acme)
    assert (second.id, second.expires_at) == (first.id, first.expires_at)
    assert len(entries(acme, EventKind.ESCALATION_OPENED)) == 1
    assert [one.extra["escalation"] for one in entries(acme, EventKind.CALL_DECISION)] == [first.id] * 2


def test_it_opens_another_for_any_other_call(acme: str) -> None:
    other = [
        make_asked(acme, make_call(arguments={"path": "/srv/reports/q4.txt"})),
        make_asked(acme, make_call(tool="remove_file")),
        make_asked(acme, make_call(server="archive")),
        make_asked(acme, make_call(method="resources/read")),
        make_asked(acme, agent=TWO),
        make_asked(acme, requester=Requester("eve@example.com", "chat")),
        make_asked(acme, requester=Requester("mira@example.com", "mail")),
        make_asked(acme, rules="other rules"),
    ]
    ids = {hold(acme, asked).id for asked in [make_asked(acme), *other]}
    assert len(ids) == len(other) + 1


def test_it_names_a_call_that_reaches_too_far(acme: str) -> None:
    held = hold(acme, make_asked(acme, policies=("delete.ask", "blast_radius.bulk")))
    (beside,) = entries(acme, EventKind.BLAST_RADIUS_ESCALATION)
    assert beside.extra["escalation"] == held.id
    assert (beside.tool_name, beside.agent_id) == ("delete_file", ONE)


def test_it_keeps_the_masked_input_beside_the_decision(acme: str) -> None:
    asked = make_asked(acme)
    with in_tenant(acme):
        held = escalations.hold(asked, decision_of(asked), b'{"request":{}}')
        assert DecisionInput.objects.get().event_id == row_of(acme, held).event_id


def test_it_lets_an_approved_call_through_once(acme: str) -> None:
    held = hold(acme)
    approve(acme, held)
    before = len(entries(acme, EventKind.CALL_DECISION))
    again = hold(acme)
    assert (again.id, again.status, again.resolved_by) == (held.id, "approved", "user:ada")
    assert len(entries(acme, EventKind.CALL_DECISION)) == before  # the allow is written by `use`
    spent = use(acme, again)
    row = row_of(acme, held)
    assert (row.status, row.used_event_id) == ("used", spent.id)
    assert entry(acme, spent.id).extra["escalation"] == held.id
    with pytest.raises(Conflict) as refused:
        use(acme, again)
    assert refused.value.code == "approval_not_usable"
    assert hold(acme).id != held.id


def test_it_keeps_to_a_denial_until_its_time_is_over(acme: str) -> None:
    held = hold(acme)
    with in_tenant(acme):
        resolutions.resolve(row_of(acme, held).pk, resolution="deny", actor="user:ada", note="no")
    again = hold(acme)
    assert (again.id, again.status, again.note) == (held.id, "denied", "no")
    assert len(entries(acme, EventKind.CALL_DECISION)) == 1
    change(acme, held, expires_at=timezone.now() + PAST)
    assert hold(acme).id != held.id


def test_it_takes_no_approval_for_another_call_or_after_its_time(acme: str) -> None:
    held = hold(acme)
    with pytest.raises(Conflict):
        use(acme, held)  # nobody has approved it
    approve(acme, held)
    with pytest.raises(Conflict):
        use(acme, held, make_asked(acme, make_call(arguments={"path": "/etc/passwd"})))
    with pytest.raises(Conflict):
        use(acme, held, make_asked(acme, agent=TWO))
    with pytest.raises(Conflict):
        use(acme, replace(held, id=str(uuid4())))
    with pytest.raises(Conflict):
        use(acme, replace(held, id="no id"))
    change(acme, held, usable_until=timezone.now() + PAST)
    with pytest.raises(Conflict):
        use(acme, held)
    assert row_of(acme, held).status == "approved"
    with in_tenant(acme):
        assert escalations.states([held.id])[held.id].status == "expired"
    assert hold(acme).id != held.id


def test_it_acts_under_no_older_rules_than_the_logs_own(acme: str) -> None:
    held, late = hold(acme), make_asked(acme, make_call(tool="late"))
    approve(acme, held)
    stale = make_asked(acme)
    with in_tenant(acme):
        audit.record(EventKind.AGENT_SUSPENDED, actor="user:root")
    with pytest.raises(Outdated):
        use(acme, held, stale)
    assert row_of(acme, held).status == "approved"
    with pytest.raises(Outdated):
        hold(acme, late)
    assert not entries(acme, EventKind.ESCALATION_OPENED)[1:]
    with in_tenant(acme):
        assert not Escalation.objects.filter(tool_name="late").exists()
    use(acme, held)
    assert row_of(acme, held).status == "used"


def test_it_takes_no_approval_that_is_older_than_a_stop(acme: str) -> None:
    held = hold(acme)
    approve(acme, held)
    with in_tenant(acme):
        KillSwitch.objects.create(reason="test", engaged_by="user:root")
    with pytest.raises(Conflict):
        use(acme, held)
    with in_tenant(acme):  # for this agent the glass is broken
        until = timezone.now() + timedelta(minutes=5)
        BreakGlass.objects.create(agent_id=ONE, reason="test", broken_by="user:root", expires_at=until)
    use(acme, held)


def test_it_denies_all_that_waits(acme: str) -> None:
    waiting = [hold(acme, make_asked(acme, make_call(tool=f"t{n}"), agent=(ONE, TWO)[n % 2])) for n in range(4)]
    approved, denied = hold(acme, make_asked(acme, make_call(tool="approved"))), hold(acme)
    approve(acme, approved)
    with in_tenant(acme):
        resolutions.resolve(row_of(acme, denied).pk, resolution="deny", actor="user:ada", note="no")
        assert escalations.deny_pending(actor="user:root", reason="breach") == 4
        assert escalations.deny_pending(actor="user:root", reason="breach") == 0
    rows = [row_of(acme, held) for held in waiting]
    assert {(row.status, row.resolution, row.resolved_by, row.note) for row in rows} == {
        ("denied", "deny", "user:root", "breach")
    }
    assert row_of(acme, approved).status == "expired"
    assert row_of(acme, denied).resolved_by == "user:ada"
    told = entries(acme, EventKind.ESCALATION_RESOLVED)[-2:]
    assert [one.agent_id for one in told] == [ONE, TWO]
    assert sorted(id for one in told for id in one.extra["escalations"]) == sorted(held.id for held in waiting)
    assert entries(acme, EventKind.ESCALATION_EXPIRED)[-1].extra["escalations"] == [approved.id]
    assert hold(acme, make_asked(acme, make_call(tool="t0"), agent=ONE)).status == "pending"  # may be asked again


def test_it_blocks_what_came_in_and_waits(acme: str) -> None:
    held, call = hold(acme), hold(acme, agent=TWO)
    change(acme, held, subject="inbound")
    with in_tenant(acme):
        assert escalations.deny_pending(actor="user:root", reason="breach\0") == 2
    assert [row_of(acme, one).resolution for one in (held, call)] == ["block", "deny"]
    assert row_of(acme, held).note == "breach\u2400"


def test_it_treats_what_is_overdue_as_expired_at_once_and_writes_it_down_later(acme: str) -> None:
    held, other = hold(acme), hold(acme, agent=TWO)
    change(acme, held, expires_at=timezone.now() + PAST)
    with in_tenant(acme):
        found = escalations.states([held.id, other.id, str(uuid4()), "no id", ""])
        assert {id: one.status for id, one in found.items()} == {held.id: "expired", other.id: "pending"}
        assert resolutions.expire_overdue() == 1
        assert resolutions.expire_overdue() == 0
    assert row_of(acme, held).status == "expired"
    (told,) = entries(acme, EventKind.ESCALATION_EXPIRED)
    assert (told.actor, told.agent_id, told.extra["escalation"]) == ("system", ONE, held.id)
    assert told.extra["was"] == "pending"


def test_it_opens_a_new_one_where_time_ran_out_and_no_task_has_been_by(acme: str) -> None:
    held = hold(acme)
    change(acme, held, expires_at=timezone.now() + PAST)
    again = hold(acme)
    assert (again.id != held.id, again.status) == (True, "pending")
    assert row_of(acme, held).status == "expired"


def test_it_notes_an_approval_that_nobody_used(acme: str) -> None:
    held = hold(acme)
    approve(acme, held)
    change(acme, held, usable_until=timezone.now() + PAST)
    with in_tenant(acme):
        assert resolutions.expire_overdue() == 1
    assert row_of(acme, held).status == "expired"
    assert entries(acme, EventKind.ESCALATION_EXPIRED)[0].extra["was"] == "approved"


def test_it_fills_the_table_only_so_far(acme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(escalations, "MAX_PENDING", 2)
    for tool in ("one", "two"):
        hold(acme, make_asked(acme, make_call(tool=tool)))
    refused = hold(acme, make_asked(acme, make_call(tool="three")))
    assert (refused.id, refused.status, refused.policy_id) == ("", "denied", "approval.too_many")
    assert "waiting" in refused.note
    assert len(entries(acme, EventKind.CALL_DECISION)) == 2
    assert hold(acme, make_asked(acme, make_call(tool="one"))).status == "pending"
    assert hold(acme, agent=TWO).status == "pending"


def test_it_forgets_what_is_settled_and_old(acme: str) -> None:
    settled, waiting = hold(acme), hold(acme, agent=TWO)
    change(acme, settled, status="used")
    with in_tenant(acme):
        assert resolutions.forget_settled(timezone.now() - timedelta(days=1)) == 0
        assert resolutions.forget_settled(timezone.now()) == 1
        assert Escalation.objects.get().pk == row_of(acme, waiting).pk


def test_it_shows_a_second_tenant_nothing(acme: str, globex: str) -> None:
    held = hold(acme)
    approve(acme, held)
    with in_tenant(globex):
        assert escalations.states([held.id]) == {}
        assert escalations.deny_pending(actor="user:root", reason="x") == 0
    with pytest.raises(Conflict):
        use(globex, held, make_asked(acme))
    assert hold(globex).id != held.id
    assert row_of(acme, held).status == "approved"
