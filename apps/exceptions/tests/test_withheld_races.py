"""Withheld results when many act at once: delivered once, and nothing kept behind a stop."""

from collections.abc import Callable

from django.db import transaction

from apps.audit import services as audit
from apps.decision.events import EventKind
from apps.exceptions.models import Escalation, WithheldResult
from apps.exceptions.services import escalations, resolutions, withheld, withheld_flags
from apps.exceptions.services.resolutions import Source
from apps.exceptions.tests.asking import ONE, entries, make_facts, row_of
from apps.exceptions.tests.test_races import at_once
from apps.exceptions.tests.withholding import bound, fetch, judged, keep, make_withheld, say
from apps.tenants.context import in_tenant
from apps.tenants.redis import redis_client

Tenants = Callable[[], str]


def test_it_delivers_a_released_result_to_one_of_many(fresh_tenant: Tenants) -> None:
    schema = fresh_tenant()
    held = keep(schema)
    say(schema, held, "allow_sanitized")
    facts = make_facts(schema)
    calls = [judged(schema, facts) for _ in range(5)]
    fetches = [lambda entry=entry: withheld.release(held.id, bound(facts), entry) for entry in calls]
    assert at_once(schema, *fetches) == ["done"] + ["result_not_released"] * 4
    (released,) = entries(schema, EventKind.INBOUND_RESULT_RELEASED)
    assert released.parent_event_id == row_of(schema, held).used_event_id
    assert len(entries(schema, EventKind.CALL_DECISION)) == 1


def test_it_keeps_nothing_behind_a_stop_and_no_two_answers_to_one(fresh_tenant: Tenants) -> None:
    schema = fresh_tenant()
    held = [keep(schema, tool=f"t{number}") for number in range(4)]
    rows = [row_of(schema, one) for one in held]
    more = [make_withheld(schema, tool=f"m{number}") for number in range(3)]

    def stop() -> None:
        with transaction.atomic():
            escalations.deny_pending(actor="user:root", reason="breach")
            audit.record(EventKind.KILL_SWITCH_ENGAGED, actor="user:root")

    def answer(row: Escalation, resolution: str, source: Source | None = None) -> None:
        resolutions.resolve(row.pk, resolution=resolution, actor="user:ada", note="seen", source=source)

    outcomes = at_once(
        schema,
        lambda: answer(rows[0], "allow_sanitized"),
        lambda: answer(rows[1], "block_source", Source("server", "files")),
        lambda: answer(rows[2], "block_source", Source("domain", "minutes.example")),
        lambda: answer(rows[2], "block"),
        stop,
        *[lambda one=one: withheld.hold_result(one) for one in more],
    )
    assert set(outcomes) <= {"pending", "done", "already_resolved", "escalation_expired"}
    with in_tenant(schema):
        keeping = set(WithheldResult.objects.values_list("escalation__status", flat=True))
        assert keeping <= {"pending", "approved"}
        assert WithheldResult.objects.count() == Escalation.objects.filter(status__in=["pending", "approved"]).count()


def test_a_flag_is_not_taken_from_under_a_result_that_is_just_kept(fresh_tenant: Tenants) -> None:
    schema = fresh_tenant()
    key = withheld_flags.flag_key(schema, ONE)
    for number in range(3):
        asked = make_withheld(schema, tool=f"t{number}")
        unflags = [lambda: withheld_flags.unflag(ONE)] * 3
        at_once(schema, *unflags, lambda asked=asked: withheld.hold_result(asked))  # type: ignore[misc]
        assert redis_client().exists(key) == 1
        with in_tenant(schema):
            (row,) = Escalation.objects.filter(status="pending")
            resolutions.resolve(row.pk, resolution="allow_sanitized", actor="user:ada")
            found = withheld.standing(asked.binding)
        assert found is not None
        fetch(schema, found, f"t{number}")
        with in_tenant(schema):
            assert withheld_flags.unflag(ONE) is True
