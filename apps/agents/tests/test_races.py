"""Things that happen at once, on connections of their own: limits hold, and nothing slips past a suspension."""

import threading
from collections.abc import Callable
from typing import Any

from django.db import connection

from apps.agents import services
from apps.agents.models import Agent, KeyState, Session, SigningKey
from apps.agents.tests.builders import make_agent
from apps.audit.models import AuditEntry
from apps.decision.errors import AppError
from apps.tenants.context import in_tenant
from apps.tenants.models import TenantConfig

Tenants = Callable[[], str]


def at_once(schema: str, *acts: Callable[[], Any]) -> list[str]:
    """Run the acts in threads that start together; "done" or the error code of each, sorted."""
    start, outcomes = threading.Barrier(len(acts)), []

    def run(act: Callable[[], Any]) -> None:
        try:
            with in_tenant(schema):
                start.wait(10)
                act()
            outcomes.append("done")
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


def token_for(made: services.Registered) -> Callable[[], services.TokenGrant]:
    return lambda: services.issue_token(client_id=made.agent.client_id, client_secret=made.client_secret)


def suspension_of(made: services.Registered) -> Callable[[], Agent]:
    return lambda: services.suspend(made.agent.pk, actor="user:root")


def test_it_keeps_to_the_plan_when_many_register(fresh_tenant: Tenants) -> None:
    schema = fresh_tenant()
    with in_tenant(schema):
        TenantConfig.objects.filter(tenant__schema_name=schema).update(max_agents=2)
    outcomes = at_once(schema, *[lambda: services.register(name="x", actor="user:root")] * 5)
    assert outcomes == ["agent_limit"] * 3 + ["done"] * 2
    with in_tenant(schema):
        assert Agent.objects.count() == 2


def test_it_makes_one_first_key(fresh_tenant: Tenants) -> None:
    schema = fresh_tenant()
    agents = [make_agent(schema, name=f"agent {number}") for number in range(4)]
    assert at_once(schema, *[token_for(made) for made in agents]) == ["done"] * 4
    with in_tenant(schema):
        assert SigningKey.objects.count() == 1


def test_it_rotates_in_turn(fresh_tenant: Tenants) -> None:
    schema = fresh_tenant()
    assert at_once(schema, *[lambda: services.rotate_signing_key(actor="user:root")] * 3) == ["done"] * 3
    with in_tenant(schema):
        states = list(SigningKey.objects.values_list("state", flat=True))
    assert sorted(states) == [KeyState.ACTIVE, KeyState.NEXT, KeyState.RETIRING, KeyState.RETIRING]


def test_it_leaves_no_session_open_behind_a_suspension(fresh_tenant: Tenants) -> None:
    schema = fresh_tenant()
    with in_tenant(schema):
        services.ensure_signing_key()
    for _ in range(5):
        made = make_agent(schema)
        ask = token_for(made)
        at_once(schema, ask, ask, suspension_of(made), ask)
        with in_tenant(schema):
            assert not Session.objects.filter(agent=made.agent, revoked_at__isnull=True).exists()


def test_it_has_one_winner_when_two_decide_an_agents_fate(fresh_tenant: Tenants) -> None:
    schema = fresh_tenant()
    made = make_agent(schema)
    assert at_once(schema, *[suspension_of(made)] * 4) == ["done"] + ["wrong_status"] * 3
    with in_tenant(schema):
        assert AuditEntry.objects.filter(kind="agent.suspended").count() == 1
