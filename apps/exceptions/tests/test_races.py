"""What happens at once, on connections of its own: one word, one use, one row, and a stop that is total."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from apps.audit import services as audit
from apps.audit.models import AuditEntry
from apps.decision.errors import AppError
from apps.decision.events import EventKind
from apps.decision.types import Effect
from apps.exceptions import tasks
from apps.exceptions.models import Delivery, Escalation
from apps.exceptions.services import deliveries, escalations, hooks, resolutions
from apps.exceptions.services.escalations import Held
from apps.exceptions.tests.asking import (
    change,
    decision_of,
    entries,
    hold,
    make_asked,
    make_call,
    row_of,
)
from apps.tenants.context import in_tenant

Tenants = Callable[[], str]


def at_once(schema: str, *acts: Callable[[], Any]) -> list[str]:
    """Run the acts in threads that start together; the status, "done" or error code of each, sorted."""
    start, outcomes = threading.Barrier(len(acts)), []

    def run(act: Callable[[], Any]) -> None:
        try:
            with in_tenant(schema):
                start.wait(10)
                done = act()
            outcomes.append(done.status if isinstance(done, Held) else "done")
        except AppError as error:
            outcomes.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return sorted(outcomes)


def test_it_opens_one_when_many_ask_the_same(fresh_tenant: Tenants) -> None:
    schema = fresh_tenant()
    asked = make_asked(schema)
    assert at_once(schema, *[lambda: escalations.hold(asked, decision_of(asked))] * 5) == ["pending"] * 5
    with in_tenant(schema):
        assert Escalation.objects.count() == 1
    assert len(entries(schema, EventKind.ESCALATION_OPENED)) == 1
    assert len(entries(schema, EventKind.CALL_DECISION)) == 5


def test_it_has_one_winner_when_two_people_resolve(fresh_tenant: Tenants) -> None:
    schema = fresh_tenant()
    for number in range(3):
        held = hold(schema, make_asked(schema, make_call(tool=f"t{number}")))
        row = row_of(schema, held)
        outcomes = at_once(
            schema,
            lambda id=row.pk: resolutions.resolve(id, resolution="approve", actor="user:ada"),  # type: ignore[misc]
            lambda id=row.pk: resolutions.resolve(id, resolution="deny", actor="user:bob"),  # type: ignore[misc]
        )
        assert outcomes == ["already_resolved", "done"]
        won = row_of(schema, held)
        assert (won.status, won.resolved_by) in {("approved", "user:ada"), ("denied", "user:bob")}
    assert len(entries(schema, EventKind.ESCALATION_RESOLVED)) == 3


def test_it_lets_one_of_many_uses_through(fresh_tenant: Tenants) -> None:
    schema = fresh_tenant()
    held = hold(schema)
    with in_tenant(schema):
        resolutions.resolve(row_of(schema, held).pk, resolution="approve", actor="user:ada")
    asked = make_asked(schema)
    spend = [lambda: escalations.use(held.id, asked.binding, decision_of(asked, Effect.ALLOW))] * 5
    assert at_once(schema, *spend) == ["approval_not_usable"] * 4 + ["done"]
    with in_tenant(schema):
        allowed = AuditEntry.objects.filter(policy_result="allow")
        assert [one.id for one in allowed] == [row_of(schema, held).used_event_id]


def test_it_leaves_nothing_waiting_behind_a_stop(fresh_tenant: Tenants) -> None:
    """Calls are held while everything is being denied: each is denied, or refused since the rules have moved."""
    schema = fresh_tenant()

    def stop() -> None:
        with transaction.atomic():
            escalations.deny_pending(actor="user:root", reason="breach")
            audit.record(EventKind.KILL_SWITCH_ENGAGED, actor="user:root")

    for round in range(3):
        calls = [make_asked(schema, make_call(tool=f"t{round}.{n}")) for n in range(6)]
        holds = [lambda asked=asked: escalations.hold(asked, decision_of(asked)) for asked in calls]
        outcomes = at_once(schema, *holds[:3], stop, *holds[3:])
        assert set(outcomes) <= {"pending", "outdated", "done"}
        with in_tenant(schema):
            assert not Escalation.objects.filter(status="pending").exists()


def test_it_stops_what_is_being_opened_at_that_very_moment(fresh_tenant: Tenants) -> None:
    """A call is held, its transaction still open, when the stop comes: the stop waits for it, and denies it."""
    schema = fresh_tenant()
    asked = make_asked(schema)
    opened, go = threading.Event(), threading.Event()

    def open_slowly() -> None:
        with transaction.atomic():
            escalations.hold(asked, decision_of(asked))
            opened.set()
            go.wait(20)

    def stop() -> None:
        opened.wait(20)
        with transaction.atomic():
            escalations.deny_pending(actor="user:root", reason="breach")
            audit.record(EventKind.KILL_SWITCH_ENGAGED, actor="user:root")

    def let_go() -> None:
        opened.wait(20)
        for _ in range(2_000):
            if _somebody_waits() or go.wait(0.01):
                break
        go.set()

    assert at_once(schema, open_slowly, stop, let_go) == ["done"] * 3
    with in_tenant(schema):
        assert Escalation.objects.get().status == "denied"


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        return bool(cursor.fetchone()[0])


def test_it_lets_a_person_and_the_clock_not_both_decide(fresh_tenant: Tenants) -> None:
    schema = fresh_tenant()
    held = hold(schema)
    row = row_of(schema, held)
    change(schema, held, expires_at=timezone.now() + timedelta(milliseconds=30))
    at_once(
        schema,
        lambda: resolutions.resolve(row.pk, resolution="approve", actor="user:ada"),
        resolutions.expire_overdue,
        resolutions.expire_overdue,
    )
    told = entries(schema, EventKind.ESCALATION_RESOLVED, EventKind.ESCALATION_EXPIRED)
    assert len(told) == (row_of(schema, held).status != "pending")


def test_it_counts_to_the_limit_and_no_further(fresh_tenant: Tenants, monkeypatch: Any) -> None:
    monkeypatch.setattr(escalations, "MAX_PENDING", 2)
    schema = fresh_tenant()
    calls = [make_asked(schema, make_call(tool=f"t{n}")) for n in range(5)]
    holds = [lambda asked=asked: escalations.hold(asked, decision_of(asked)) for asked in calls]
    assert at_once(schema, *holds) == ["denied"] * 3 + ["pending"] * 2


def test_it_claims_each_message_once(fresh_tenant: Tenants) -> None:
    schema = fresh_tenant()
    with in_tenant(schema):
        hooks.create_hook(name="pager", url="http://127.0.0.1:9/", actor="user:ada")
        hooks.enqueue("kill_switch.engaged", *[{"n": n} for n in range(3)])
    claimed: list[Any] = []
    at_once(schema, *[lambda: claimed.extend(deliveries.claim())] * 4)
    assert len({one.id for one in claimed}) == len(claimed) == 3


def test_it_survives_the_hook_being_removed_while_it_sends(fresh_tenant: Tenants) -> None:
    schema = fresh_tenant()
    with in_tenant(schema):
        made = hooks.create_hook(name="pager", url="http://127.0.0.1:9/", actor="user:ada")
        hooks.enqueue("kill_switch.engaged", {"n": 1})
    outcomes = at_once(
        schema,
        lambda: tasks.send_notifications(schema),
        lambda: hooks.remove_hook(made.hook.pk, actor="user:ada"),
    )
    assert outcomes == ["done", "done"]
    with in_tenant(schema):
        assert not Delivery.objects.exists()


def test_it_stops_though_a_hook_is_removed_at_that_very_moment(fresh_tenant: Tenants) -> None:
    """The delivery is written, its transaction still open, when its hook is removed: the removal waits."""
    schema = fresh_tenant()
    with in_tenant(schema):
        made = hooks.create_hook(name="pager", url="http://127.0.0.1:9/", actor="user:ada")
    told = threading.Event()

    def stop() -> None:
        with transaction.atomic():
            hooks.enqueue("kill_switch.engaged", {"n": 1})
            told.set()
            for _ in range(500):
                if _somebody_waits():
                    break
                time.sleep(0.01)
            audit.record(EventKind.KILL_SWITCH_ENGAGED, actor="user:root")

    def remove() -> None:
        told.wait(20)
        hooks.remove_hook(made.hook.pk, actor="user:ada")

    assert at_once(schema, stop, remove) == ["done", "done"]
    assert len(entries(schema, EventKind.KILL_SWITCH_ENGAGED)) == 1
    with in_tenant(schema):
        assert not Delivery.objects.exists()
