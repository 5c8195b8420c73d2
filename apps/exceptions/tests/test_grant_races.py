"""Exceptions that are granted, prolonged and ended at the same moment, on connections of their own."""

from collections.abc import Callable
from uuid import UUID

from apps.agents.tests.test_races import at_once
from apps.decision.events import EventKind
from apps.exceptions.models import ExceptionGrant
from apps.exceptions.services import grants
from apps.exceptions.tests.granting import WHY, again, grant, new_agent, told
from apps.tenants.context import in_tenant


def granting(agent: UUID) -> Callable[[], ExceptionGrant]:
    return lambda: grants.create(
        agent_id=agent,
        tool="read_file",
        resource="/srv/a",
        justification=WHY,
        expires_in_hours=1,
        actor="user:ada",
    )


def test_it_counts_exactly_and_ends_once_whoever_comes_at_once(fresh_tenant: Callable[[], str]) -> None:
    schema = fresh_tenant()
    agent = new_agent(schema)
    assert at_once(schema, *[granting(agent)] * 8) == ["done"] * 8
    counts = [
        (entry.kind, entry.extra["count"])
        for entry in told(schema, EventKind.EXCEPTION_ANOMALY, EventKind.BASELINE_POISONING_SUSPECTED)
    ]
    assert sorted(counts) == [("baseline.poisoning_suspected", 4), ("exception.anomaly", 6)]

    row = grant(schema, agent)
    outcomes = at_once(schema, *[lambda: grants.extend(row.pk, actor="user:ada", hours=1)] * 6)
    assert outcomes == ["done"] * 4 + ["extension_limit"] * 2
    assert again(schema, row).extension_count == 4

    ending = [lambda: grants.revoke(row.pk, actor="user:ada", reason="over")] * 3
    assert at_once(schema, *ending) == ["done"] + ["exception_revoked"] * 2
    assert len(told(schema, EventKind.EXCEPTION_REVOKED)) == 1
    with in_tenant(schema):
        assert ExceptionGrant.objects.count() == 9
