"""The snapshot: complete, current, and as many queries for thousands of agents as for one."""

from datetime import timedelta

from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.agents import services
from apps.agents.models import Agent, Session
from apps.agents.tests.builders import make_agent, make_server
from apps.decision import types
from apps.tenants.context import in_tenant


def test_it_holds_what_a_decision_needs(acme: str, globex: str) -> None:
    made = make_agent(acme, name="reader", roles=["r"], permissions=["web:read"], risk_tier="high")
    make_agent(globex)
    make_server(acme, name="files", kind="filesystem")
    with in_tenant(acme):
        key = services.ensure_signing_key()
        found = services.snapshot()
    assert found.agents == {
        str(made.agent.pk): types.Agent(str(made.agent.pk), "reader", "active", ("r",), ("web:read",), "high")
    }
    assert list(found.servers) == ["files"]
    assert found.servers["files"].kind == "filesystem"
    assert found.keys == {key.kid: key.public_pem}
    assert found.audiences == (f"{settings.BEHAVRY_PUBLIC_URL_SCHEME}://acme.test",)
    assert found.revoked_sessions == frozenset()


def test_it_forgets_revoked_sessions_when_their_token_is_dead(acme: str) -> None:
    made = make_agent(acme)
    now = timezone.now()
    with in_tenant(acme):
        grant = services.issue_token(client_id=made.agent.client_id, client_secret=made.client_secret, now=now)
        services.suspend(made.agent.pk, actor="user:root")
        assert services.snapshot(now).revoked_sessions == {grant.session_id}
        assert services.snapshot(now + timedelta(hours=1)).revoked_sessions == frozenset()


def test_it_asks_as_few_questions_for_many_agents_as_for_one(acme: str) -> None:
    make_agent(acme)
    with in_tenant(acme):
        with CaptureQueriesContext(connection) as for_one:
            services.snapshot()
        Agent.objects.bulk_create(
            Agent(name=f"agent {number}", client_id=f"agt_{number}", permissions=["web:read"])
            for number in range(2_000)
        )
        with CaptureQueriesContext(connection) as for_many:
            found = services.snapshot()
    assert len(found.agents) == 2_001
    assert len(for_many) == len(for_one)


def test_it_closes_sessions_whose_time_is_over(acme: str) -> None:
    made = make_agent(acme)
    now = timezone.now()
    with in_tenant(acme):
        services.issue_token(client_id=made.agent.client_id, client_secret=made.client_secret, now=now)
        assert services.close_expired(now + timedelta(minutes=59)) == 0
        assert services.close_expired(now + timedelta(minutes=60)) == 1
        assert services.close_expired(now + timedelta(minutes=60)) == 0
        session = Session.objects.get()
    assert session.closed_at == session.expires_at
    assert session.risk_score_at_close == made.agent.risk_score
