"""Shadows: judged behind the log, shown beside what was decided, enforced never."""

import pytest

from apps.audit import services as audit
from apps.audit.models import AuditEntry
from apps.decision.errors import Conflict, NotAllowed, NotFound
from apps.decision.facts import Human
from apps.decision.types import Effect
from apps.policies import rulebook, services
from apps.policies.models import Comparison, Policy
from apps.policies.services import comparisons, inputs, shadows
from apps.policies.services.policies import active_sources
from apps.policies.tests.examples import allowing, document, policy
from apps.policies.tests.recording import ADA, ANALYST, GRACE, record
from apps.policies.tests.test_replays import DENIES_READS, LOOPS, draft
from apps.tenants.context import in_tenant

READS = document(action="read", resource_kind="filesystem", parameters={"path": "a"}, resource="a")


def test_it_is_judged_beside_and_never_enforced(acme: str) -> None:
    with in_tenant(acme):
        record(1)
        made = draft(DENIES_READS)
        row = shadows.begin(made.pk, by=ADA)
        record(2)
        record(1, action="write")
        assert shadows.work("test", seconds=5) == 1
        row.refresh_from_db()
        assert (row.done, row.flips, row.totals) == (3, 2, {"allow": {"deny": 2}})
        assert (active_sources(), row.status, row.lease_owner) == ([], "running", "")
        record(1)
        shadows.work("test", seconds=5)
        row.refresh_from_db()
        assert (row.done, row.flips) == (4, 3)
        assert {one.recorded for one in row.samples.all()} == {"allow"}
    assert rulebook.load(acme, human=Human).authorize(READS).result is Effect.ALLOW


def test_it_begins_and_ends_with_entries(acme: str) -> None:
    with in_tenant(acme):
        made = draft(DENIES_READS)
        row = shadows.begin(made.pk, by=ADA)
        assert shadows.begin(made.pk, by=GRACE) == row  # it is there already
        ended = shadows.end(made.pk, by=GRACE)
        assert (ended.status, ended.finished_at is not None) == ("stopped", True)
        with pytest.raises(NotFound):
            shadows.end(made.pk, by=GRACE)
        record(1)
        assert shadows.work("test", seconds=5) == 0
        assert shadows.latest(made.pk) == row
        rows = AuditEntry.objects.filter(kind__startswith="policy.").order_by("seq").values_list("kind", "actor")
        assert list(rows)[1:] == [("policy.shadowed", "user:ada"), ("policy.unshadowed", "user:grace")]


def test_another_version_takes_its_place(acme: str) -> None:
    with in_tenant(acme):
        made = draft(DENIES_READS)
        first = shadows.begin(made.pk, by=ADA)
        services.save_version(made.pk, content=allowing(), actor="user:ada")
        second = shadows.begin(made.pk, by=ADA)
        first.refresh_from_db()
        assert (first.status, second.status) == ("stopped", "running")
        record(1, action="write")
        shadows.work("test", seconds=5)
        second.refresh_from_db()
        assert second.totals == {"deny": {"allow": 1}}


def test_inputs_are_recorded_for_it_even_where_none_are_kept(acme: str) -> None:
    with in_tenant(acme):
        services.configure(actor="user:root", changes={"replay_days": 0})
        assert not rulebook.load(acme, human=Human).keep_inputs
        made = draft(DENIES_READS)
        before = audit.head(acme).rulebook_version
        row = shadows.begin(made.pk, by=ADA)
        assert audit.head(acme).rulebook_version > before  # gateways must hear of it
        assert rulebook.load(acme, human=Human).keep_inputs
        record(2)
        inputs.tidy(AuditEntry.objects.latest("seq").recorded_at)
        shadows.work("test", seconds=5)
        row.refresh_from_db()
        assert row.done == 2
        shadows.end(made.pk, by=ADA)
        assert not rulebook.load(acme, human=Human).keep_inputs


def test_it_is_promoted_by_request_and_ends_when_it_takes_effect(acme: str) -> None:
    with in_tenant(acme):
        services.configure(actor="user:root", changes={"policy_approval": True})
        made = draft(DENIES_READS)
        with pytest.raises(NotFound):
            shadows.promote(made.pk, by=ADA)
        row = shadows.begin(made.pk, by=ADA)
        change = shadows.promote(made.pk, by=ADA, note="A week without a complaint")
        assert (change.content, change.status) == (DENIES_READS, "open")
        services.approve(change.pk, by=GRACE)
        row.refresh_from_db()
        assert (row.status, [one.content for one in active_sources()]) == ("stopped", [DENIES_READS])
        with pytest.raises(Conflict):
            shadows.begin(made.pk, by=ADA)


def test_one_that_fails_is_counted_and_in_the_end_stopped(acme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with in_tenant(acme):
        row = shadows.begin(draft(LOOPS).pk, by=ADA)
        record(3)
        shadows.work("test", seconds=5)
        row.refresh_from_db()
        assert (row.status, row.errors_after, row.totals) == ("running", 3, {"allow": {"deny": 3}})
        assert {one.after_policy for one in row.samples.all()} == {"policy_error"}
        monkeypatch.setattr(comparisons, "MAX_ERRORS", 5)
        record(3)
        shadows.work("test", seconds=5)
        row.refresh_from_db()
        assert (row.status, row.problem) == ("failed", shadows.HOPELESS)
        entry = AuditEntry.objects.order_by("-seq")[0]
        assert (entry.kind, entry.actor) == ("policy.unshadowed", "system")


def test_one_that_does_not_compile_any_more_waits(acme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with in_tenant(acme):
        made = draft(DENIES_READS)
        row = shadows.begin(made.pk, by=ADA)
        Comparison.objects.update(content=policy(body="verdicts contains frobnicate(1)\n"))
        record(1)
        shadows.work("test", seconds=5)
        row.refresh_from_db()
        assert (row.status, row.done) == ("running", 0)
        assert "frobnicate" in row.problem
        monkeypatch.setattr("apps.policies.checking.compile_modules", None)  # it must not be tried over and over
        assert shadows.work("test", seconds=5) == 1
        monkeypatch.undo()
        Comparison.objects.update(content=DENIES_READS)
        shadows.work("test", seconds=5)
        row.refresh_from_db()
        assert (row.done, row.problem) == (1, "")


def test_it_asks_for_a_role_and_stays_in_its_tenant(acme: str, globex: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with in_tenant(acme):
        made = draft(DENIES_READS)
        with pytest.raises(NotAllowed):
            shadows.begin(made.pk, by=ANALYST)
        row = shadows.begin(made.pk, by=ADA)
        with pytest.raises(NotAllowed):
            shadows.end(made.pk, by=ANALYST)
    with in_tenant(globex):
        record(2)
        assert not Policy.objects.exists()
        assert shadows.work("test", seconds=5) == 0
        with pytest.raises(NotFound):
            shadows.begin(made.pk, by=ADA)
        with pytest.raises(NotFound):
            shadows.latest(made.pk)
    with in_tenant(acme):
        shadows.work("test", seconds=5)
        row.refresh_from_db()
        assert row.done == 0
        monkeypatch.setattr(shadows, "MAX_SHADOWS", 1)
        another = services.create(name="Another", content=policy("another"), actor="user:ada")
        with pytest.raises(Conflict):
            shadows.begin(another.pk, by=ADA)
