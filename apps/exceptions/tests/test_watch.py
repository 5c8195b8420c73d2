"""Who waves one agent through too often is heard of: once per crossing, of every agent by itself."""

from datetime import timedelta

from apps.decision.events import EventKind
from apps.exceptions.models import Delivery, Escalation
from apps.exceptions.services import hooks, resolutions
from apps.exceptions.tests import asking
from apps.exceptions.tests.granting import grant, new_agent, older, told
from apps.tenants.context import in_tenant

ANOMALY, POISONING = EventKind.EXCEPTION_ANOMALY, EventKind.BASELINE_POISONING_SUSPECTED


def test_it_speaks_up_at_the_sixth_exception_within_an_hour(acme: str) -> None:
    agent = new_agent(acme)
    for _ in range(5):
        grant(acme, agent)
    assert told(acme, ANOMALY) == []
    grant(acme, agent, actor="user:eve")
    (entry,) = told(acme, ANOMALY)
    assert (entry.actor, entry.agent_id, entry.extra) == (
        "user:eve", str(agent), {"count": 6, "hours": 1, "alert": "EXCEPTION_ANOMALY"},
    )  # fmt: skip
    for _ in range(3):
        grant(acme, agent)
    assert len(told(acme, ANOMALY)) == 1


def test_it_counts_an_hour_and_no_more(acme: str) -> None:
    agent = new_agent(acme)
    rows = [grant(acme, agent) for _ in range(5)]
    older(acme, rows[0], timedelta(hours=1, seconds=1))
    grant(acme, agent)
    assert told(acme, ANOMALY) == []


def test_it_speaks_up_again_when_it_happens_again(acme: str) -> None:
    agent = new_agent(acme)
    rows = [grant(acme, agent) for _ in range(6)]
    for row in rows:
        older(acme, row, timedelta(days=2))
    for _ in range(6):
        grant(acme, agent)
    assert len(told(acme, ANOMALY)) == len(told(acme, POISONING)) == 2


def test_it_suspects_poisoning_at_the_fourth_approval_within_a_day(acme: str) -> None:
    agent = new_agent(acme)
    rows = [grant(acme, agent) for _ in range(3)]
    older(acme, rows[0], timedelta(hours=23))
    assert told(acme, POISONING) == []
    grant(acme, agent, actor="user:eve")
    (entry,) = told(acme, POISONING)
    assert (entry.actor, entry.agent_id, entry.extra["count"]) == ("user:eve", str(agent), 4)
    grant(acme, agent)
    assert len(told(acme, POISONING)) == 1


def test_it_counts_approved_escalations_with_exceptions(acme: str) -> None:
    agent = new_agent(acme)
    for number in range(2):
        grant(acme, agent)
        held = asking.hold(acme, asking.make_asked(acme, asking.make_call(tool=f"tool_{number}"), agent=str(agent)))
        assert told(acme, POISONING) == []
        with in_tenant(acme):
            resolutions.resolve(
                Escalation.objects.get(pk=held.id).pk, resolution="approve", actor="user:ada", note="Agreed."
            )
    (entry,) = told(acme, POISONING)
    assert (entry.actor, entry.extra["count"]) == ("user:ada", 4)


def test_it_does_not_count_what_was_denied(acme: str) -> None:
    agent = new_agent(acme)
    held = asking.hold(acme, asking.make_asked(acme, asking.make_call(), agent=str(agent)))
    with in_tenant(acme):
        resolutions.resolve(Escalation.objects.get(pk=held.id).pk, resolution="deny", actor="user:ada")
    for _ in range(3):
        grant(acme, agent)
    assert told(acme, POISONING) == []


def test_it_counts_each_agent_and_each_tenant_by_itself(acme: str, globex: str) -> None:
    for schema in (acme, globex):
        for agent in (new_agent(schema), new_agent(schema)):
            for _ in range(3):
                grant(schema, agent)
    assert told(acme, ANOMALY, POISONING) == told(globex, ANOMALY, POISONING) == []


def test_it_tells_whoever_wants_to_be_told(acme: str) -> None:
    agent = new_agent(acme)
    with in_tenant(acme):
        hooks.create_hook(
            name="ops",
            url="http://127.0.0.1:9/",
            actor="user:ada",
            kinds=["exception.anomaly", "baseline.poisoning_suspected"],
        )
    for _ in range(6):
        grant(acme, agent)
    with in_tenant(acme):
        sent = list(Delivery.objects.order_by("id").values_list("kind", "body__agent_id", "body__count"))
    assert sent == [("baseline.poisoning_suspected", str(agent), 4), ("exception.anomaly", str(agent), 6)]
