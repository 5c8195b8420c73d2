"""The life of a policy: draft, versions, activation, archive; each step an entry of the log."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from django.db import OperationalError, connection

from apps.audit import services as audit
from apps.decision.errors import BadInput, Conflict, NotFound
from apps.decision.facts import Human
from apps.decision.types import Effect
from apps.policies import rulebook, services
from apps.policies.models import CompiledPlan, Policy
from apps.policies.services.policies import active_sources
from apps.policies.tests.examples import allowing, document, policy
from apps.tenants.context import in_tenant

BY = "user:ada"
READS = document(action="read", resource_kind="filesystem", parameters={"path": "a"}, resource="a")
WRITES = document(action="write", resource_kind="filesystem", parameters={"path": "a"}, resource="a")


def create(content: str = "", **fields: Any) -> Policy:
    return services.create(**{"name": "Late hours", "content": content or policy(), "actor": BY} | fields)


def test_it_brings_an_activated_policy_to_the_next_decision(acme: str) -> None:
    with in_tenant(acme):
        made = create(allowing())
        assert rulebook.load(acme, human=Human).authorize(WRITES).result is Effect.DENY
        services.activate(made.pk, actor=BY)
    ruling = rulebook.load(acme, human=Human).authorize(WRITES)
    assert (ruling.result, ruling.policy) == (Effect.ALLOW, "tenant.late_hours.all")
    with in_tenant(acme):
        services.archive(made.pk, actor=BY)
    assert rulebook.load(acme, human=Human).authorize(WRITES).result is Effect.DENY


def test_it_lets_a_policy_speak_for_its_own_tenant_only(acme: str, globex: str) -> None:
    with in_tenant(acme):
        services.activate(create(allowing()).pk, actor=BY)
    with in_tenant(globex):
        assert not Policy.objects.exists()
        with pytest.raises(NotFound):
            services.activate(uuid4(), actor=BY)
    assert rulebook.load(acme, human=Human).authorize(WRITES).result is Effect.ALLOW
    ruling = rulebook.load(globex, human=Human).authorize(WRITES)
    assert (ruling.result, ruling.policy) == (Effect.DENY, "default")


def test_it_moves_the_rulebook_version_with_every_activation(acme: str) -> None:
    with in_tenant(acme):
        before = audit.head(acme).rulebook_version
        made = create()
        assert audit.head(acme).rulebook_version == before  # a draft changes nothing
        services.activate(made.pk, actor=BY)
        activated = audit.head(acme)
        assert activated.rulebook_version == activated.seq > before
    assert rulebook.load(acme, human=Human).version == activated.rulebook_version


def test_it_keeps_versions_and_activates_the_one_that_is_named(acme: str) -> None:
    with in_tenant(acme):
        made = create(policy())
        second = services.save_version(made.pk, content=allowing(), actor="user:grace")
        assert (second.number, second.author) == (2, "user:grace")
        assert services.save_version(made.pk, content=allowing(), actor=BY).number == 2
        services.activate(made.pk, actor=BY, number=1)
        assert [one.content for one in active_sources()] == [policy()]
        services.save_version(made.pk, content=policy() + "# third\n", actor=BY)
        assert [one.content for one in active_sources()] == [policy()]
        newest = services.activate(made.pk, actor=BY).active_version
        assert newest is not None and newest.number == 3
        with pytest.raises(NotFound):
            services.activate(made.pk, actor=BY, number=9)


def test_it_refuses_a_second_policy_of_the_same_package(acme: str) -> None:
    with in_tenant(acme):
        create()
        with pytest.raises(Conflict):
            create(allowing())


def test_it_refuses_a_version_that_would_move_to_another_package(acme: str) -> None:
    with in_tenant(acme):
        made = create()
        with pytest.raises(BadInput) as caught:
            services.save_version(made.pk, content=policy("elsewhere"), actor=BY)
        assert (caught.value.fields["line"], caught.value.fields["column"]) == ("1", "9")
        assert made.versions.count() == 1


def test_it_tries_out_without_leaving_a_trace(acme: str) -> None:
    with in_tenant(acme):
        made = create(policy())
        before = audit.head(acme)
        denied = services.try_out(made.pk, document=WRITES)
        assert (denied.ruling.result, denied.ruling.policy) == (Effect.DENY, "tenant.late_hours.write")
        fired = {verdict.policy for verdict in services.try_out(made.pk, document=READS).ruling.verdicts}
        assert fired == {"permission_match.granted"}
        unsaved = services.try_out(made.pk, document=WRITES, content=allowing())
        assert (unsaved.ruling.result, unsaved.version.number) == (Effect.ALLOW, 0)
        assert audit.head(acme) == before
        assert (made.versions.count(), active_sources()) == (1, [])


def test_it_denies_in_a_dry_run_what_is_no_document(acme: str) -> None:
    with in_tenant(acme):
        made = create(policy())
        nonsense: Any
        for nonsense in ([], {"agent": 1, "request": None}):
            assert services.try_out(made.pk, document=nonsense).ruling.result is Effect.DENY


def test_it_compiles_on_activation_and_not_on_load(acme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with in_tenant(acme):
        services.activate(create(allowing()).pk, actor=BY)
        assert CompiledPlan.objects.exists()
    monkeypatch.setattr("apps.policies.checking.compile_modules", None)  # loading must not need it
    assert rulebook.load(acme, human=Human).authorize(WRITES).result is Effect.ALLOW


def test_it_takes_back_a_change_that_the_log_does_not_take(fresh_tenant: Callable[[], str]) -> None:
    schema = fresh_tenant()
    with in_tenant(schema), psycopg.connect(settings.DATABASE_URL) as other:
        made = create()
        other.execute(f"SELECT seq FROM {schema}.audit_head FOR UPDATE")
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '100ms'")
        with pytest.raises(OperationalError):
            services.update(made.pk, name="Later hours", actor=BY)
        made.refresh_from_db()
        assert made.name == "Late hours"


def test_it_writes_each_change_with_its_author(acme: str) -> None:
    with in_tenant(acme):
        made = create()
        services.update(made.pk, actor=BY, name="Later hours")
        services.activate(made.pk, actor=BY)
        services.archive(made.pk, actor=BY)
        services.archive(made.pk, actor=BY)
        with connection.cursor() as cursor:
            cursor.execute("SELECT kind, actor FROM audit_entry ORDER BY seq DESC LIMIT 4")
            rows = cursor.fetchall()
    kinds = ["policy.archived", "policy.activated", "policy.updated", "policy.created"]
    assert rows == [(kind, BY) for kind in kinds]


def test_it_denies_everything_while_active_policies_do_not_compile(acme: str, globex: str) -> None:
    """What was fine under an older base may not be under this one; a denial says so, a crash would not."""
    with in_tenant(acme):
        made = create()
        services.activate(made.pk, actor=BY)
        made.versions.update(content=policy(body="verdicts contains frobnicate(1)\n"))
    book = rulebook.load(acme, human=Human)
    assert book.authorize(READS).policy == "policy_error"
    assert book.agents == {}  # the rest of the rulebook is as it should be
    assert rulebook.load(globex, human=Human).authorize(READS).result is Effect.ALLOW
