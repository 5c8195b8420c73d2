"""An exception's counters are what the log says: nothing twice, nothing lost, nobody else's."""

from datetime import UTC, datetime, timedelta
from typing import Any

from apps.audit import readers as log
from apps.decision.events import EventKind
from apps.exceptions import readers, tasks
from apps.exceptions.models import ExceptionGrant
from apps.exceptions.services import uses
from apps.exceptions.tests.granting import again, decided, grant, new_agent
from apps.tenants.context import in_tenant

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def counters(schema: str, row: ExceptionGrant) -> tuple[int, datetime | None]:
    log.drain(readers.USES, schema, owner="test")
    row = again(schema, row)
    return row.use_count, row.last_used_at


def listed(schema: str, row: ExceptionGrant) -> list[datetime]:
    with in_tenant(schema):
        return [entry.timestamp for entry in uses.of(row).order_by("-seq")]


def test_it_counts_the_calls_that_it_let_pass(acme: str) -> None:
    agent = new_agent(acme)
    row, other = grant(acme, agent), grant(acme, agent)
    assert counters(acme, row) == (0, None)
    decided(acme, agent, str(row.pk), AT)
    decided(acme, agent, str(row.pk), AT - timedelta(hours=1))
    decided(acme, agent, str(other.pk), AT + timedelta(hours=1))
    decided(acme, agent)
    assert counters(acme, row) == (2, AT)
    assert listed(acme, row) == [AT - timedelta(hours=1), AT]


def test_it_counts_nothing_twice(acme: str) -> None:
    agent = new_agent(acme)
    row = grant(acme, agent)
    decided(acme, agent, str(row.pk), AT)
    assert counters(acme, row) == counters(acme, row) == (1, AT)
    decided(acme, agent, str(row.pk), AT - timedelta(days=1))
    assert counters(acme, row) == (2, AT)


def test_it_passes_over_what_is_no_use(acme: str, globex: str) -> None:
    agent = new_agent(acme)
    row, neighbour = grant(acme, agent), grant(globex)
    strange: list[Any] = ["not-an-id", 7, None, ["x"], str(neighbour.pk)]
    for name in strange:
        decided(acme, agent, extra={"exception": name})
    assert counters(acme, row) == (0, None)
    assert counters(globex, neighbour) == (0, None)
    assert listed(acme, row) == []
    assert listed(globex, neighbour) == []


def test_it_runs_as_a_task(acme: str) -> None:
    agent = new_agent(acme)
    row = grant(acme, agent)
    decided(acme, agent, str(row.pk), AT)
    assert tasks.count_uses(acme) > 0
    assert again(acme, row).use_count == 1
    assert tasks.count_uses.takes_schema


def test_it_knows_what_names_an_exception_without_using_it() -> None:
    assert EventKind.EXCEPTION_CREATED.label not in uses.USING
