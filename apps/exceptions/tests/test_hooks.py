"""Hooks and what is sent to them: rows in the transaction of what they tell of, tried a few times, then given up."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import orjson
import pytest
from django.db import transaction
from django.utils import timezone

from apps.decision.errors import BadInput, Conflict, NotFound
from apps.decision.events import EventKind
from apps.exceptions import sending, tasks
from apps.exceptions.models import Delivery, NotificationHook
from apps.exceptions.services import deliveries, escalations, hooks
from apps.exceptions.services.deliveries import Outcome
from apps.exceptions.tests.asking import decision_of, entries, hold, make_asked, make_call
from apps.exceptions.tests.receiver import Receiver, receiving
from apps.tenants.context import in_tenant, tenant_key
from apps.tenants.redis import redis_client
from apps.tenants.sealing import unseal

NOWHERE = "http://127.0.0.1:9/path-that-is-a-secret"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


def make(schema: str, **changes: Any) -> hooks.NewHook:
    with in_tenant(schema):
        return hooks.create_hook(**{"name": "pager", "url": NOWHERE, "actor": "user:ada", **changes})


def waiting(schema: str) -> list[Delivery]:
    with in_tenant(schema):
        return list(Delivery.objects.filter(status="pending").order_by("created_at", "id"))


def due(schema: str) -> None:
    """The pause is over."""
    with in_tenant(schema):
        Delivery.objects.filter(status="pending").update(next_attempt_at=timezone.now())


def test_it_seals_the_secret_and_logs_neither_it_nor_the_address(acme: str) -> None:
    made = make(acme, kinds=["escalation.opened"])
    with in_tenant(acme):
        row = NotificationHook.objects.get()
        assert made.secret.encode() not in bytes(row.secret)
        assert hooks.secret_of(row) == made.secret.encode()
        with pytest.raises(Exception, match="cannot be opened"):
            unseal(bytes(row.secret), context=f"t_globex:notification_hook:{row.id}:secret")
        again = hooks.rotate_hook_secret(row.pk, actor="user:ada")
        assert again.secret != made.secret
        hooks.update_hook(row.pk, actor="user:ada", changes={"enabled": False, "name": "pager"})
        hooks.update_hook(row.pk, actor="user:ada", changes={"enabled": False})
        hooks.remove_hook(row.pk, actor="user:ada")
    kinds = [EventKind.NOTIFICATION_HOOK_CREATED, EventKind.NOTIFICATION_HOOK_UPDATED]
    told = entries(acme, *kinds, EventKind.NOTIFICATION_HOOK_REMOVED)
    assert [one.extra.get("changed") for one in told] == [None, ["secret"], ["enabled"], None]
    assert {one.actor for one in told} == {"user:ada"}
    text = str([one.extra for one in told])
    assert "127.0.0.1:9" in text
    assert "path-that-is-a-secret" not in text
    assert made.secret not in text + repr(made)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"url": "http://169.254.169.254/latest"}, "url"),
        ({"url": "http://metadata.google.internal/"}, "url"),
        ({"url": "ftp://127.0.0.1/"}, "url"),
        ({"url": "http://me:word@127.0.0.1/"}, "url"),
        ({"url": "http://127.0.0.1/" + "x" * 1000}, "url"),
        ({"kinds": ["escalation.opened", "call.decision"]}, "kinds"),
        ({"kinds": ["escalation.opened", "escalation.opened"]}, "kinds"),
        ({"name": ""}, "name"),
        ({"url": "http://bücher.example/"}, "url"),
        ({"url": ""}, "url"),
    ],
)
def test_it_refuses_what_cannot_be_a_hook(acme: str, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(BadInput) as refused:
        make(acme, **changes)
    assert list(refused.value.fields) == [field]
    made = make(acme)
    with in_tenant(acme), pytest.raises(BadInput) as refused:
        hooks.update_hook(made.hook.pk, actor="user:ada", changes=changes)
    assert list(refused.value.fields) == [field]


def test_it_takes_the_short_names_of_a_private_network(acme: str) -> None:
    assert make(acme, url="http://pager:8000/hook?team=blue").hook.url == "http://pager:8000/hook?team=blue"


def test_it_keeps_names_apart_and_their_number_small(acme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "MAX_HOOKS", 2)
    make(acme)
    with pytest.raises(Conflict):
        make(acme)
    other = make(acme, name="chat")
    with in_tenant(acme), pytest.raises(Conflict):
        hooks.update_hook(other.hook.pk, actor="user:ada", changes={"name": "pager"})
    with pytest.raises(Conflict) as refused:
        make(acme, name="third")
    assert refused.value.code == "hook_limit"
    with in_tenant(acme), pytest.raises(BadInput):
        hooks.update_hook(other.hook.pk, actor="user:ada", changes={"secret": "x"})


def test_it_writes_one_message_for_each_hook_that_wants_it(acme: str, globex: str) -> None:
    make(acme, name="all")
    make(acme, name="some", kinds=["escalation.opened", "exception.created"])
    make(acme, name="others", kinds=["kill_switch.engaged"])
    make(acme, name="off", enabled=False)
    make(globex, name="neighbour")
    held = hold(acme)
    assert sorted(one.hook.name for one in _with_hooks(acme)) == ["all", "some"]
    body = waiting(acme)[0].body
    assert (body["escalation"], body["tool_name"], body["status"]) == (held.id, "delete_file", "pending")
    assert "q3.txt" not in str(body)  # the arguments stay at home
    assert not waiting(globex)
    with in_tenant(acme):
        assert hooks.enqueue("kill_switch.engaged", {"reason": "a"}, {"reason": "b"}) == 4
        assert hooks.enqueue("kill_switch.engaged") == 0
        with pytest.raises(ValueError, match="not a kind"):
            hooks.enqueue("call.decision", {})


def _with_hooks(schema: str) -> list[Delivery]:
    with in_tenant(schema):
        return list(Delivery.objects.select_related("hook"))


def test_it_writes_nothing_when_what_it_tells_of_did_not_happen(acme: str) -> None:
    make(acme)
    with in_tenant(acme), pytest.raises(RuntimeError), transaction.atomic():
        asked = make_asked(acme)
        escalations.hold(asked, decision_of(asked))
        raise RuntimeError
    assert not waiting(acme)


def test_it_sends_what_is_due_and_notes_it(acme: str, receiver: Receiver) -> None:
    made = make(acme, url=f"{receiver.url}/hook")
    held = hold(acme)
    (row,) = waiting(acme)
    assert tasks.send_notifications(acme) == 1
    assert tasks.send_notifications(acme) == 0
    (got,) = receiver.received
    document = orjson.loads(got.body)
    assert (document["id"], document["kind"], document["tenant"]) == (str(row.id), "escalation.opened", acme)
    assert document["data"]["escalation"] == held.id
    at = int(got.headers["X-Behavry-Signature"].partition(",")[0].removeprefix("t="))
    assert got.headers["X-Behavry-Signature"] == sending.signature(made.secret.encode(), got.body, at)
    with in_tenant(acme):
        row.refresh_from_db()
    assert (row.status, row.attempts, row.response_code, row.sent_at is None) == ("sent", 1, 200, False)


def test_it_tries_again_after_growing_pauses_and_gives_up(acme: str, receiver: Receiver) -> None:
    make(acme, url=f"{receiver.url}/hook")
    receiver.answers["/hook"] = 500
    hold(acme)
    pauses = []
    for attempt in range(1, deliveries.ATTEMPTS + 1):
        before = timezone.now()
        assert tasks.send_notifications(acme) == 0
        assert tasks.send_notifications(acme) == 0  # not due
        assert len(receiver.received) == attempt
        for row in waiting(acme):
            pauses.append((row.next_attempt_at - before).total_seconds())
        due(acme)
    assert not waiting(acme)
    with in_tenant(acme):
        row = Delivery.objects.get()
    assert (row.status, row.attempts, row.response_code, row.error) == ("failed", 6, 500, "http_500")
    assert len({one.body for one in receiver.received}) == 1  # the same message, under the same id
    assert all(later > earlier for earlier, later in pairwise(pauses))


def test_it_recovers(acme: str, receiver: Receiver) -> None:
    make(acme, url=f"{receiver.url}/hook")
    receiver.answers["/hook"] = 503
    hold(acme)
    tasks.send_notifications(acme)
    del receiver.answers["/hook"]
    due(acme)
    assert tasks.send_notifications(acme) == 1
    with in_tenant(acme):
        assert Delivery.objects.get().error == ""


def test_it_sends_again_what_a_dead_worker_had_claimed(acme: str) -> None:
    make(acme)
    hold(acme)
    with in_tenant(acme):
        (first,) = deliveries.claim()
        assert deliveries.claim() == []  # it is somebody's
        due(acme)  # the claim ran out
        (second,) = deliveries.claim()
        assert (second.id, second.body) == (first.id, first.body)
        deliveries.note([Outcome(second.id, 204), Outcome(uuid4(), 200)])
        deliveries.note([Outcome(first.id, None, "timeout")])  # the dead one was only slow
        row = Delivery.objects.get()
        assert (row.status, row.response_code) == ("sent", 204)


def test_it_gives_up_where_there_is_nothing_to_send_with(acme: str) -> None:
    gone, off = make(acme, name="gone"), make(acme, name="off")
    hold(acme)
    with in_tenant(acme):
        NotificationHook.objects.filter(pk=gone.hook.pk).update(secret=b"sealed by nobody")
        hooks.update_hook(off.hook.pk, actor="user:ada", changes={"enabled": False})
        assert deliveries.claim() == []
        assert set(Delivery.objects.values_list("status", "error")) == {
            ("failed", "key_unavailable"),
            ("failed", "hook_disabled"),
        }


def test_it_does_not_let_one_hook_hold_up_the_others(acme: str) -> None:
    make(acme, name="busy", kinds=["escalation.opened"])
    for number in range(deliveries.PER_HOOK + 3):
        hold(acme, make_asked(acme, make_call(tool=f"t{number}")))
    make(acme, name="late", kinds=["kill_switch.engaged"])
    with in_tenant(acme):
        hooks.enqueue("kill_switch.engaged", {"reason": "x"})
        kinds = [parcel.kind for parcel in deliveries.claim()]
    assert sorted(kinds) == ["escalation.opened"] * deliveries.PER_HOOK + ["kill_switch.engaged"]


def test_it_sends_in_one_worker_at_a_time(acme: str, receiver: Receiver) -> None:
    make(acme, url=f"{receiver.url}/hook")
    hold(acme)
    with redis_client().lock(tenant_key(acme, "sending_notifications"), timeout=10, blocking=False):
        assert tasks.send_notifications(acme) == 0
    assert tasks.send_notifications(acme) == 1


def test_it_asks_a_hook_that_is_silent_once_and_then_rests(
    acme: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "SECONDS", 2.0)
    many = deliveries.PER_HOOK + 2
    silent = make(acme, name="silent", url=f"{receiver.url}/slow").hook
    make(acme, name="quick", url=f"{receiver.url}/quick")
    with in_tenant(acme):
        hooks.enqueue("kill_switch.engaged", *[{"n": n} for n in range(many)])
    try:
        assert tasks.send_notifications(acme) == many
        due(acme)
        assert tasks.send_notifications(acme) == 0
    finally:
        redis_client().delete(tenant_key(acme, "sending_notifications"))  # the rest is over
    with in_tenant(acme):
        assert sorted(Delivery.objects.filter(hook=silent).values_list("attempts", flat=True)) == [0, 0, 1, 1, 1, 1]


def test_it_tells_of_a_stop_once_for_each_agent(acme: str) -> None:
    held = [hold(acme, make_asked(acme, make_call(tool=f"t{n}"))) for n in range(3)]
    make(acme, kinds=["escalation.resolved"])
    with in_tenant(acme):
        escalations.deny_pending(actor="user:root", reason="breach")
        (told,) = Delivery.objects.all()
    assert sorted(told.body["escalations"]) == sorted(one.id for one in held)
    assert (told.body["status"], told.body["resolved_by"], told.body["note"]) == ("denied", "user:root", "breach")


def test_it_tries_a_hook_out(acme: str, receiver: Receiver) -> None:
    made = make(acme, url=f"{receiver.url}/hook", kinds=["kill_switch.engaged"])
    with in_tenant(acme):
        hooks.send_test(made.hook.pk, actor="user:ada")
        tasks.send_notifications(acme)
        assert orjson.loads(receiver.received[0].body)["kind"] == "hook.test"
        hooks.update_hook(made.hook.pk, actor="user:ada", changes={"enabled": False})
        with pytest.raises(Conflict):
            hooks.send_test(made.hook.pk, actor="user:ada")


def test_it_clears_up_after_a_month(acme: str) -> None:
    make(acme)
    hold(acme)
    with in_tenant(acme):
        hooks.enqueue("kill_switch.engaged", {})
        Delivery.objects.filter(kind="escalation.opened").update(created_at=timezone.now() - timedelta(days=31))
        assert tasks.tidy(acme) == 1
        assert Delivery.objects.get().kind == "kill_switch.engaged"


def test_it_shows_a_second_tenant_nothing(acme: str, globex: str) -> None:
    made = make(acme)
    hold(acme)
    acts: list[Callable[[], Any]] = [
        lambda: hooks.update_hook(made.hook.pk, actor="user:eve", changes={"enabled": False}),
        lambda: hooks.rotate_hook_secret(made.hook.pk, actor="user:eve"),
        lambda: hooks.remove_hook(made.hook.pk, actor="user:eve"),
        lambda: hooks.send_test(made.hook.pk, actor="user:eve"),
    ]
    with in_tenant(globex):
        for act in acts:
            with pytest.raises(NotFound):
                act()
        assert deliveries.claim() == []
        deliveries.note([Outcome(waiting(acme)[0].id, 200)])
    assert waiting(acme)
