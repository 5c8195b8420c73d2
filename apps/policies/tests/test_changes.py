"""Change requests: nothing changes before somebody else agrees, and then everything does at once."""

import threading
from collections.abc import Callable
from uuid import uuid4

import pytest
from django.db import connection

from apps.audit import services as audit
from apps.audit.models import AuditEntry
from apps.decision.errors import AppError, BadInput, Conflict, NotAllowed, NotFound
from apps.decision.facts import Human
from apps.decision.types import Effect
from apps.policies import rulebook, services
from apps.policies.models import Policy, PolicyChangeRequest
from apps.policies.permissions import Person
from apps.policies.services import Proposal
from apps.policies.services.changes import is_current
from apps.policies.services.policies import active_sources
from apps.policies.tests.examples import allowing, document, policy
from apps.policies.tests.recording import ADA, ANALYST, GRACE, READER, ROOT
from apps.tenants.context import in_tenant
from apps.tenants.roles import Role

WRITES = document(action="write", resource_kind="filesystem", parameters={"path": "a"}, resource="a")
TESTS = """package behavry.tenant.late_hours_test

import data.behavry.tenant.late_hours
import data.behavry.testing

test_it_denies_writes if {
	said := late_hours.verdicts with input as testing.request("filesystem", "write", "write_file", {})
	count(said) == 1
}

test_it_says_nothing_of_reads if {
	said := late_hours.verdicts with input as testing.request("filesystem", "read", "read_file", {})
	count(said) == 0
}
"""


def submitted(content: str = "", by: Person = ADA, *, tests: str = "", note: str = "") -> PolicyChangeRequest:
    proposal = Proposal(content=content or policy(), name="Late hours", tests=tests, note=note)
    return services.submit(proposal, by=by)


def newest_entries(number: int) -> list[tuple[str, str]]:
    return list(AuditEntry.objects.order_by("-seq").values_list("kind", "actor")[:number])


def test_it_changes_nothing_until_somebody_else_approves(acme: str) -> None:
    with in_tenant(acme):
        before = audit.head(acme).rulebook_version
        row = submitted(allowing(), note="They asked for it")
        assert (row.status, active_sources(), Policy.objects.count()) == ("open", [], 0)
        assert audit.head(acme).rulebook_version == before
        assert newest_entries(1) == [("policy_change.submitted", "user:ada")]
    assert rulebook.load(acme, human=Human).authorize(WRITES).result is Effect.DENY
    with in_tenant(acme):
        done = services.approve(row.pk, by=GRACE, note="Fine")
        assert (done.status, done.reviewer, done.review_note) == ("approved", "user:grace", "Fine")
        made = Policy.objects.get()
        assert made.active_version is not None
        assert (made.name, made.status, made.active_version.author) == ("Late hours", "active", "user:ada")
        assert newest_entries(2) == [("policy.activated", "user:grace"), ("policy_change.approved", "user:grace")]
        head = audit.head(acme)
        assert head.rulebook_version == head.seq
    assert rulebook.load(acme, human=Human).authorize(WRITES).result is Effect.ALLOW


def test_it_brings_a_change_and_an_archiving_into_effect(acme: str) -> None:
    with in_tenant(acme):
        services.approve(submitted().pk, by=GRACE)
        made = Policy.objects.get()
        changed = services.submit(Proposal(policy_id=made.pk, content=allowing()), by=ADA)
        assert changed.base_version == made.active_version
        services.approve(changed.pk, by=ROOT)
        assert [one.content for one in active_sources()] == [allowing()]
        gone = services.submit(Proposal("archive", made.pk), by=GRACE)
        services.approve(gone.pk, by=ADA)
        made.refresh_from_db()
        assert (active_sources(), made.status) == ([], "archived")
        assert newest_entries(2) == [("policy.archived", "user:ada"), ("policy_change.approved", "user:ada")]


def test_it_takes_a_version_that_was_saved_already(acme: str) -> None:
    with in_tenant(acme):
        made = services.create(name="Late hours", content=policy(), actor="user:ada")
        row = services.submit(Proposal(policy_id=made.pk, content=policy(), name="Later hours"), by=ADA)
        services.approve(row.pk, by=GRACE)
        made.refresh_from_db()
        assert (made.versions.count(), made.name, made.status) == (1, "Later hours", "active")


def test_it_lets_nobody_review_their_own(acme: str) -> None:
    selves = [
        Person("user:ada", 1_000_101, Role.ADMIN),
        Person("user:ada token:laptop", 1_000_101, Role.POLICY_AUTHOR),
        Person("user:ada", None, Role.ADMIN),
        Person("user:renamed", 1_000_101, Role.ADMIN),
    ]
    with in_tenant(acme):
        for row in (submitted(), submitted(policy("other"), Person("user:ada token:ci", 1_000_101, Role.ADMIN))):
            for author in selves:
                with pytest.raises(NotAllowed) as caught:
                    services.approve(row.pk, by=author)
                assert caught.value.code == "self_review"
                with pytest.raises(NotAllowed):
                    services.reject(row.pk, by=author, note="On second thoughts")
        assert active_sources() == []


def test_it_asks_for_the_role_in_the_service_itself(acme: str) -> None:
    with in_tenant(acme):
        row = submitted()
        acts: list[Callable[[Person], object]] = [
            lambda by: services.submit(Proposal(content=policy("other"), name="x"), by=by),
            lambda by: services.approve(row.pk, by=by),
            lambda by: services.reject(row.pk, by=by, note="No"),
            lambda by: services.withdraw(row.pk, by=by),
            lambda by: services.rebase(row.pk, by=by),
        ]
        for act in acts:
            for nobody in (READER, ANALYST, Person("user:nobody", 9, None)):
                with pytest.raises(NotAllowed) as caught:
                    act(nobody)
                assert "policy_author" in caught.value.detail
        row.refresh_from_db()
        assert row.status == "open"


def test_it_rejects_with_a_note_only(acme: str) -> None:
    with in_tenant(acme):
        row = submitted()
        with pytest.raises(BadInput) as caught:
            services.reject(row.pk, by=GRACE, note="  ")
        assert "note" in caught.value.fields
        services.reject(row.pk, by=GRACE, note="Too strict")
        assert newest_entries(1) == [("policy_change.rejected", "user:grace")]
        with pytest.raises(Conflict) as late:
            services.approve(row.pk, by=ROOT)
        assert late.value.code == "already_decided"


def test_it_is_withdrawn_by_its_author_alone(acme: str) -> None:
    with in_tenant(acme):
        row = submitted()
        with pytest.raises(NotAllowed):
            services.withdraw(row.pk, by=ROOT)
        services.withdraw(row.pk, by=Person("user:ada token:laptop", 1_000_101, Role.POLICY_AUTHOR))
        with pytest.raises(Conflict):
            services.approve(row.pk, by=GRACE)
        assert newest_entries(1) == [("policy_change.withdrawn", "user:ada token:laptop")]


def test_it_refuses_what_does_not_compile_with_its_place(acme: str) -> None:
    with in_tenant(acme):
        with pytest.raises(BadInput) as caught:
            submitted(policy(body="verdicts contains 1 if {\n\tfrobnicate(1)\n}\n"))
        assert (caught.value.fields["line"], caught.value.fields["column"]) == ("4", "2")
        with pytest.raises(BadInput) as tests:
            submitted(tests=TESTS.replace("count(said) == 0", "frobnicate(said)"))
        assert "frobnicate" in tests.value.fields["tests"]
        with pytest.raises(BadInput):
            submitted(tests="package behavry.tenant.other_test\n\ntest_a if true\n")
        assert not PolicyChangeRequest.objects.exists()


def test_it_supersedes_what_was_written_over_something_else(acme: str) -> None:
    with in_tenant(acme):
        services.approve(submitted().pk, by=GRACE)
        made = Policy.objects.get()
        late = services.submit(Proposal(policy_id=made.pk, content=allowing()), by=ADA)
        services.save_version(made.pk, content=policy() + "# hotfix\n", actor="user:root")
        services.activate(made.pk, actor="user:root")
        late.refresh_from_db()
        assert late.status == "superseded"
        with pytest.raises(Conflict) as caught:
            services.approve(late.pk, by=GRACE)
        assert caught.value.code == "superseded"
        with pytest.raises(NotAllowed):
            services.rebase(late.pk, by=GRACE)
        anew = services.rebase(late.pk, by=ADA)
        assert (anew.content, anew.replaces, anew.status) == (allowing(), late, "open")
        with pytest.raises(Conflict):
            services.rebase(late.pk, by=ADA)
        services.approve(anew.pk, by=GRACE)
        assert [one.content for one in active_sources()] == [allowing()]


def test_it_will_not_take_the_place_of_what_was_made_meanwhile(acme: str) -> None:
    """Two ask for the same new policy; the second one never said what to do with the first's."""
    with in_tenant(acme):
        first, second = submitted(), submitted(allowing(), GRACE)
        services.approve(first.pk, by=ROOT)
        with pytest.raises(Conflict) as caught:
            services.approve(second.pk, by=ROOT)
        assert caught.value.code == "superseded"
        assert [one.content for one in active_sources()] == [policy()]


def test_it_runs_the_policys_own_tests(acme: str) -> None:
    with in_tenant(acme):
        row = submitted(tests=TESTS)
        assert [(one["rule"], one["passed"]) for one in row.test_results] == [
            ("test_it_denies_writes", True), ("test_it_says_nothing_of_reads", True),
        ]  # fmt: skip
        assert is_current(row)
        failing = submitted(allowing(), tests=TESTS)
        shown = {one["rule"]: one["problem"] for one in failing.test_results}
        assert shown == {"test_it_denies_writes": "", "test_it_says_nothing_of_reads": "is undefined, not true"}
        with pytest.raises(Conflict) as caught:
            services.approve(failing.pk, by=GRACE)
        assert caught.value.code == "tests_failed"
        assert active_sources() == []
        services.approve(row.pk, by=GRACE)


def test_it_needs_approval_where_the_tenant_says_so(acme: str, globex: str) -> None:
    with in_tenant(acme):
        made = services.create(name="Late hours", content=policy(), actor="user:ada")
        services.configure(actor="user:root", changes={"policy_approval": True})
        for act in (services.activate, services.archive):
            with pytest.raises(Conflict) as caught:
                act(made.pk, actor="user:root")
            assert caught.value.code == "approval_required"
        services.save_version(made.pk, content=allowing(), actor="user:ada")  # a draft binds nobody
        services.approve(services.submit(Proposal(policy_id=made.pk, content=policy()), by=ADA).pk, by=GRACE)
        assert [one.content for one in active_sources()] == [policy()]
        services.configure(actor="user:root", changes={"policy_approval": False})
        entry = AuditEntry.objects.order_by("-seq")[0]
        assert (entry.kind, entry.actor) == ("tenant.configured", "user:root")
        assert entry.extra["changed"] == {"policy_approval": {"from": True, "to": False}}
        services.archive(made.pk, actor="user:root")
    with in_tenant(globex):
        other = services.create(name="Late hours", content=policy(), actor="user:ada")
        services.activate(other.pk, actor="user:ada")


def test_it_knows_no_requests_of_another_tenant(acme: str, globex: str) -> None:
    with in_tenant(acme):
        row = submitted()
    with in_tenant(globex):
        assert not PolicyChangeRequest.objects.exists()
        for act in (services.approve, services.withdraw, services.rebase):
            with pytest.raises(NotFound):
                act(row.pk, by=ROOT)
        with pytest.raises(NotFound):
            services.submit(Proposal(policy_id=uuid4(), content=policy()), by=ADA)


def test_it_refuses_what_says_nothing_new(acme: str) -> None:
    with in_tenant(acme):
        services.approve(submitted().pk, by=GRACE)
        made = Policy.objects.get()
        with pytest.raises(Conflict) as caught:
            services.submit(Proposal(policy_id=made.pk, content=policy()), by=ADA)
        assert caught.value.code == "no_change"
        services.archive(made.pk, actor="user:ada")
        with pytest.raises(Conflict) as idle:
            services.submit(Proposal("archive", made.pk), by=ADA)
        assert idle.value.code == "not_active"
        with pytest.raises(BadInput):
            services.submit(Proposal(content=policy("another")), by=ADA)  # without a name
        with pytest.raises(BadInput):
            services.submit(Proposal("archive"), by=ADA)


def test_one_of_two_reviewers_wins(fresh_tenant: Callable[[], str]) -> None:
    schema = fresh_tenant()
    with in_tenant(schema):
        row = submitted()
    start, told = threading.Barrier(2), []

    def review(by: Person, reject: bool) -> None:
        try:
            with in_tenant(schema):
                start.wait(10)
                if reject:
                    services.reject(row.pk, by=by, note="No")
                else:
                    services.approve(row.pk, by=by)
            told.append("done")
        except AppError as error:
            told.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=review, args=one) for one in ((GRACE, False), (ROOT, True))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(told) == ["already_decided", "done"]
    with in_tenant(schema):
        row.refresh_from_db()
        decided = AuditEntry.objects.filter(kind__in=["policy_change.approved", "policy_change.rejected"])
        assert [one.kind for one in decided] == [f"policy_change.{row.status}"]
        assert bool(active_sources()) is (row.status == "approved")
