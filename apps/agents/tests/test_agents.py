"""An agent's life through the services: each step is one entry, and what it changes is what the rulebook sees."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from apps.agents import services
from apps.agents.models import Agent, Session
from apps.agents.oauth import OAuthError
from apps.agents.tests.builders import kinds, last_entry, make_agent
from apps.audit.services import head
from apps.decision.errors import BadInput, Conflict, NotFound
from apps.tenants.context import in_tenant
from apps.tenants.models import TenantConfig


def token_for(registered: services.Registered) -> services.TokenGrant:
    return services.issue_token(client_id=registered.agent.client_id, client_secret=registered.client_secret)


def test_it_registers_and_keeps_only_a_digest(acme: str) -> None:
    made = make_agent(acme, name="reader", roles=["r"], tags=["demo"])
    with in_tenant(acme):
        stored = Agent.objects.get(pk=made.agent.pk)
    assert made.client_secret not in str(vars(stored))
    assert made.client_secret not in repr(made)
    assert stored.client_id.startswith("agt_")
    entry = last_entry(acme)
    assert (entry.kind, entry.actor, entry.agent_id) == ("agent.registered", "user:root", str(stored.id))
    assert made.client_secret not in str(entry.extra)


def test_it_stays_in_its_own_tenant(acme: str, globex: str) -> None:
    made = make_agent(acme)
    with in_tenant(globex):
        assert not Agent.objects.exists()
        with pytest.raises(NotFound):
            services.suspend(made.agent.pk, actor="user:mallory")
        with pytest.raises(OAuthError) as caught:
            token_for(made)
    assert caught.value.code == "invalid_client"


@pytest.mark.parametrize(
    "changes",
    [
        {"permissions": ["filesystem"]},
        {"permissions": ["Filesystem:Read"]},
        {"permissions": ["filesystem:read\n"]},
        {"permissions": ["a:b"] * 201},
        {"roles": ["a b"]},
        {"risk_tier": "none"},
        {"name": ""},
        {"name": "x" * 201},
        {"tags": ["<script>"]},
    ],
)
def test_it_refuses_what_is_misspelt(acme: str, changes: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        make_agent(acme, **changes)
    assert kinds(acme) == []


def test_it_keeps_to_the_plan(acme: str) -> None:
    with in_tenant(acme):
        TenantConfig.objects.filter(tenant__schema_name=acme).update(max_agents=1)
    first = make_agent(acme)
    with pytest.raises(Conflict) as caught:
        make_agent(acme)
    assert caught.value.code == "agent_limit"
    with in_tenant(acme):
        services.deprovision(first.agent.pk, actor="user:root")
    make_agent(acme)


def test_it_updates_and_says_what_changed(acme: str) -> None:
    made = make_agent(acme, permissions=["filesystem:read"])
    with in_tenant(acme):
        services.update(made.agent.pk, actor="user:root", changes={"permissions": ["*:*"], "name": "reader"})
    entry = last_entry(acme)
    assert entry.kind == "agent.updated"
    assert entry.extra == {"before": {"permissions": ["filesystem:read"]}, "after": {"permissions": ["*:*"]}}


def test_it_writes_nothing_when_nothing_changes(acme: str) -> None:
    made = make_agent(acme)
    with in_tenant(acme):
        services.update(made.agent.pk, actor="user:root", changes={"name": made.agent.name})
    assert kinds(acme) == ["agent.registered"]


def test_it_does_not_let_an_update_touch_status_or_secret(acme: str) -> None:
    made = make_agent(acme)
    with in_tenant(acme), pytest.raises(BadInput):
        services.update(made.agent.pk, actor="user:root", changes={"status": "active", "secret_hash": ""})


def test_it_ends_all_sessions_when_it_suspends_and_moves_the_rulebook(acme: str) -> None:
    made = make_agent(acme)
    with in_tenant(acme):
        grant = token_for(made)
        before = head(acme).rulebook_version
        services.suspend(made.agent.pk, actor="user:root", reason="odd")
        after = head(acme)
        snapshot = services.snapshot()
    assert after.rulebook_version == after.seq > before
    assert snapshot.agents[grant.agent_id].status == "suspended"
    assert snapshot.revoked_sessions == {grant.session_id}
    assert last_entry(acme).extra["sessions_revoked"] == 1
    with in_tenant(acme), pytest.raises(OAuthError) as caught:
        token_for(made)
    assert (caught.value.status, caught.value.code) == (403, "unauthorized_client")


def test_it_resumes_the_agent_but_not_its_sessions(acme: str) -> None:
    made = make_agent(acme)
    with in_tenant(acme):
        token_for(made)
        services.suspend(made.agent.pk, actor="user:root")
        services.resume(made.agent.pk, actor="user:root")
        assert Session.objects.get().state(timezone.now()) == "revoked"
        assert token_for(made).agent_id == str(made.agent.pk)


@pytest.mark.parametrize(
    ("steps", "fails"),
    [
        ("resume", True),
        ("suspend suspend", True),
        ("revoke resume", True),
        ("revoke suspend", True),
        ("revoke revoke", True),
        ("revoke deprovision", False),
        ("suspend revoke", False),
        ("deprovision deprovision", True),
        ("deprovision resume", True),
    ],
)
def test_it_knows_which_steps_follow_which(acme: str, steps: str, fails: bool) -> None:
    made = make_agent(acme)
    *first, last = [getattr(services, step) for step in steps.split()]
    with in_tenant(acme):
        for step in first:
            step(made.agent.pk, actor="user:root")
        if fails:
            with pytest.raises(Conflict):
                last(made.agent.pk, actor="user:root")
        else:
            last(made.agent.pk, actor="user:root")
    assert len(kinds(acme)) == 1 + len(first) + (0 if fails else 1)


def test_it_lets_the_old_secret_live_through_the_overlap_only(acme: str) -> None:
    made = make_agent(acme)
    now = timezone.now()
    with in_tenant(acme):
        renewed = services.rotate_secret(made.agent.pk, actor="user:root", overlap=timedelta(minutes=10), now=now)

        def works(registered: services.Registered, minutes: int) -> bool:
            try:
                services.issue_token(
                    client_id=registered.agent.client_id,
                    client_secret=registered.client_secret,
                    now=now + timedelta(minutes=minutes),
                )
            except OAuthError as error:
                assert error.code == "invalid_client"
                return False
            return True

        assert works(renewed, 0)
        assert works(made, 9)
        assert not works(made, 10)
        assert works(renewed, 10)
        services.rotate_secret(made.agent.pk, actor="user:root", now=now)
        assert not works(made, 0)
        assert works(renewed, 0)


def test_it_drops_the_old_secret_at_once_when_told(acme: str) -> None:
    made = make_agent(acme)
    with in_tenant(acme):
        services.rotate_secret(made.agent.pk, actor="user:root", overlap=timedelta(0))
        with pytest.raises(OAuthError):
            token_for(made)
        with pytest.raises(BadInput):
            services.rotate_secret(made.agent.pk, actor="user:root", overlap=timedelta(days=8))
        services.revoke(made.agent.pk, actor="user:root")
        with pytest.raises(Conflict):
            services.rotate_secret(made.agent.pk, actor="user:root")


def test_it_knows_no_agent_that_is_not_there(acme: str) -> None:
    with in_tenant(acme):
        for act in (services.suspend, services.resume, services.revoke, services.deprovision, services.rotate_secret):
            with pytest.raises(NotFound):
                act(uuid4(), actor="user:root")
