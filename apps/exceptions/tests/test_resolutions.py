"""A person's word: given once, fitting what was asked, with a reason where much is at stake."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from apps.decision.errors import AppError, BadInput, Conflict, NotFound
from apps.decision.events import EventKind
from apps.exceptions.models import Escalation, EscalationSetting
from apps.exceptions.services import escalation_settings, resolutions
from apps.exceptions.services.escalations import Held
from apps.exceptions.tests.asking import ONE, change, entries, hold, make_asked, make_call, row_of
from apps.tenants.context import in_tenant


def resolve(
    schema: str, held: Held, resolution: str = "approve", note: str = "", actor: str = "user:ada"
) -> Escalation:
    row = row_of(schema, held)
    with in_tenant(schema):
        return resolutions.resolve(row.pk, resolution=resolution, note=note, actor=actor)


def refusal(act: Callable[[], Any]) -> AppError:
    with pytest.raises(AppError) as refused:
        act()
    return refused.value


def test_it_approves_for_a_limited_time_and_says_so_in_the_log(acme: str) -> None:
    held = hold(acme)
    row = resolve(acme, held, note="  agreed with\0 the owner ")
    assert (row.status, row.resolution, row.resolved_by) == ("approved", "approve", "user:ada")
    assert row.note == "agreed with\u2400 the owner"
    assert row.resolved_at is not None
    assert row.usable_until == row.resolved_at + timedelta(hours=1)
    (told,) = entries(acme, EventKind.ESCALATION_RESOLVED)
    assert (told.actor, told.agent_id, told.tool_name, told.mcp_server) == ("user:ada", ONE, "delete_file", "files")
    assert told.policy_id == "delete.ask"
    assert told.parent_event_id == row.event_id
    assert {name: told.extra[name] for name in ("escalation", "resolution", "note")} == {
        "escalation": held.id,
        "resolution": "approve",
        "note": row.note,
    }


def test_it_lets_the_first_word_stand_and_tells_the_second_person_of_it(acme: str) -> None:
    held = hold(acme)
    resolve(acme, held, "deny")
    late = refusal(lambda: resolve(acme, held, "approve", actor="user:bob"))
    assert isinstance(late, Conflict)
    assert late.code == "already_resolved"
    assert "user:ada" in late.detail
    assert "deny" in late.detail
    assert row_of(acme, held).status == "denied"
    assert len(entries(acme, EventKind.ESCALATION_RESOLVED)) == 1


def test_it_takes_no_word_after_the_time_is_over(acme: str) -> None:
    held = hold(acme)
    change(acme, held, expires_at=timezone.now())
    assert refusal(lambda: resolve(acme, held)).code == "escalation_expired"
    with in_tenant(acme):
        resolutions.expire_overdue()
    assert refusal(lambda: resolve(acme, held)).code == "escalation_expired"
    assert not entries(acme, EventKind.ESCALATION_RESOLVED)


@pytest.mark.parametrize("tier", ["high", "critical", "unheard of"])
def test_it_wants_a_reason_where_much_is_at_stake(acme: str, tier: str) -> None:
    held, denied = hold(acme, tier=tier), hold(acme, make_asked(acme, make_call(tool="other"), tier=tier))
    refused = refusal(lambda: resolve(acme, held, note=" \n"))
    assert isinstance(refused, BadInput)
    assert "note" in refused.fields
    assert resolve(acme, held, note="a drill").status == "approved"
    assert resolve(acme, denied, "deny").status == "denied"


@pytest.mark.parametrize("tier", ["low", "medium"])
def test_it_wants_none_elsewhere(acme: str, tier: str) -> None:
    assert resolve(acme, hold(acme, tier=tier)).status == "approved"


def test_it_takes_only_an_answer_that_fits_what_was_asked(acme: str) -> None:
    held = hold(acme)
    for resolution in ("allow_sanitized", "allow_original", "block", "", "perhaps"):
        assert "resolution" in refusal(lambda said=resolution: resolve(acme, held, said)).fields  # type: ignore[misc]
    change(acme, held, subject="inbound", risk_tier="high")
    for resolution in ("approve", "deny"):
        assert "resolution" in refusal(lambda said=resolution: resolve(acme, held, said)).fields  # type: ignore[misc]
    assert "note" in refusal(lambda: resolve(acme, held, "allow_original")).fields
    assert "note" in refusal(lambda: resolve(acme, held, "allow_sanitized")).fields
    assert "note" in refusal(lambda: resolve(acme, held, "block", note="x" * 2001)).fields
    assert resolve(acme, held, "block").status == "denied"


@pytest.mark.parametrize("resolution", ["allow_sanitized", "allow_original"])
def test_it_lets_pass_what_a_server_sent_back(acme: str, resolution: str) -> None:
    held = hold(acme)
    change(acme, held, subject="inbound", inbound={"original_kept": True})
    row = resolve(acme, held, resolution, note="read it")
    assert (row.status, row.resolution, row.usable_until is None) == ("approved", resolution, False)


def test_it_speaks_up_when_one_agent_is_approved_too_often(acme: str) -> None:
    for number in range(5):
        resolve(acme, hold(acme, make_asked(acme, make_call(tool=f"t{number}"))))
    (alert,) = entries(acme, EventKind.BASELINE_POISONING_SUSPECTED)
    assert (alert.agent_id, alert.extra["count"]) == (ONE, 4)


def test_it_shows_a_second_tenant_nothing(acme: str, globex: str) -> None:
    held = hold(acme)
    with in_tenant(globex), pytest.raises(NotFound):
        resolutions.resolve(row_of(acme, held).pk, resolution="approve", actor="user:eve")
    with in_tenant(acme), pytest.raises(NotFound):
        resolutions.resolve(uuid4(), resolution="approve", actor="user:ada")
    with in_tenant(globex):
        escalation_settings.configure_escalations(actor="user:eve", changes={"low_seconds": 60})
        assert resolutions.expire_overdue() == 0
    assert row_of(acme, hold(acme, make_asked(acme, make_call(tool="x")))).seconds_left(timezone.now()) == 86_399


def test_it_configures_the_times_for_what_comes_next(acme: str) -> None:
    waiting = hold(acme)
    changes = {"low_seconds": 600, "use_seconds": 120, "hold_seconds": 0}
    with in_tenant(acme):
        escalation_settings.configure_escalations(actor="user:ada", changes=changes)
        escalation_settings.configure_escalations(actor="user:ada", changes=changes)
        assert EscalationSetting.objects.count() == 1
    (told,) = entries(acme, EventKind.ESCALATION_CONFIGURED)
    assert told.actor == "user:ada"
    assert told.extra["changed"]["low_seconds"] == {"from": 86_400, "to": 600}
    assert sorted(told.extra["changed"]) == sorted(changes)
    assert row_of(acme, waiting).seconds_left(timezone.now()) == 86_399
    new = row_of(acme, hold(acme, make_asked(acme, make_call(tool="x"))))
    assert (new.expires_at - new.created_at).total_seconds() == 600
    row = resolve(acme, waiting)
    assert row.resolved_at is not None
    assert row.usable_until == row.resolved_at + timedelta(seconds=120)


@pytest.mark.parametrize(
    "changes", [{"low_seconds": 29}, {"high_seconds": 604_801}, {"hold_seconds": 3601}, {"hold_seconds": -1}, {"id": 2}]
)
def test_it_refuses_times_that_make_no_sense(acme: str, changes: dict[str, int]) -> None:
    with in_tenant(acme), pytest.raises(BadInput) as refused:
        escalation_settings.configure_escalations(actor="user:ada", changes=changes)
    assert set(refused.value.fields) == set(changes)
    with in_tenant(acme):
        assert not EscalationSetting.objects.exists()
