"""Replays: a candidate over what was recorded, in turns that anybody may go on with."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from apps.audit.models import AuditEntry, DecisionInput
from apps.decision.errors import Conflict, NotAllowed, NotFound
from apps.policies import recorded, services
from apps.policies.models import Comparison, Flip, Policy
from apps.policies.services import Proposal, comparisons, inputs, replays
from apps.policies.tests.examples import allowing, policy
from apps.policies.tests.recording import ADA, ANALYST, GRACE, age, record
from apps.tenants.context import in_tenant

LOOPS = policy(
    body='verdicts contains {"result": "deny", "reason": "x", "policy": "y"} if {\n'
    "\tcount([1 | some a in numbers.range(1, 900); some b in numbers.range(1, 900); a == b + 10000]) > 0\n}\n"
)
DENIES_READS = policy(
    body='verdicts contains {"result": "deny", "reason": "No reading", "policy": "read"} if {\n'
    '\tinput.request.action == "read"\n}\n'
)


def draft(content: str) -> Policy:
    return services.create(name="Late hours", content=content, actor="user:ada")


def done(row: Comparison) -> Comparison:
    while replays.work("test", seconds=30):
        pass
    row.refresh_from_db()
    return row


@contextmanager
def small_batches(patch: pytest.MonkeyPatch, size: int) -> Iterator[None]:
    with patch.context() as changed:
        changed.setattr(comparisons, "BATCH", size)
        yield


def test_it_reports_what_would_end_otherwise(acme: str, globex: str) -> None:
    with in_tenant(globex):
        record(5)
    with in_tenant(acme):
        record(3)
        record(2, action="write", tool_name="write_file", resource="b.txt")
        services.activate(draft(allowing()).pk, actor="user:ada")
        other = services.create(name="No reading", content=DENIES_READS.replace("late_hours", "n"), actor="user:ada")
        row = done(replays.of_version(other.pk, by=ADA))
        assert (row.status, row.total, row.done, row.flips, row.unreadable) == ("done", 5, 5, 3, 0)
        assert row.totals == {"allow": {"deny": 3}}  # writes are none of the candidate's business
        (group,) = row.groups.all()
        assert (group.agent_name, group.tool, group.before, group.after, group.count) == (
            "Reporter", "read_file", "allow", "deny", 3,
        )  # fmt: skip
        sample = row.samples.first()
        assert sample is not None
        assert (sample.recorded, sample.before_policy, sample.after_policy) == (
            "allow", "permission_match.granted", "tenant.n.read",
        )  # fmt: skip
        assert AuditEntry.objects.filter(id=sample.event_id).exists()
        assert row.busy_seconds > 0


def test_it_replays_what_a_request_proposes_and_what_an_archiving_would_do(acme: str) -> None:
    with in_tenant(acme):
        record(2, action="write")
        change = services.submit(Proposal(content=allowing(), name="Late hours"), by=ADA)
        row = change.comparisons.get()  # asked for with the request itself
        assert (row.status, row.started_by) == ("queued", "user:ada")
        assert done(row).totals == {"deny": {"allow": 2}}
        services.approve(change.pk, by=GRACE)
        made = Policy.objects.get()
        gone = done(replays.of_version(made.pk, by=GRACE, archives=True))
        assert gone.totals == {"allow": {"deny": 2}}


def test_it_is_done_at_once_with_nothing_recorded(acme: str) -> None:
    with in_tenant(acme):
        row = done(replays.of_version(draft(policy()).pk, by=ADA))
        assert (row.status, row.total, row.done, row.flips, row.totals) == ("done", 0, 0, 0, {})


def test_it_looks_back_so_many_days_and_no_further(acme: str) -> None:
    with in_tenant(acme):
        record(2, action="write")
        age(3)
        record(1, action="write")
        made = draft(allowing())
        assert done(replays.of_version(made.pk, by=ADA, days=2)).total == 1
        assert done(replays.of_version(made.pk, by=ADA)).total == 3
        record(1, action="write")
        assert Comparison.objects.filter(total=3).get().done == 3


def test_it_counts_what_cannot_be_read_and_goes_on(acme: str) -> None:
    with in_tenant(acme):
        record(1, action="write")
        record(1, text=b"{not json")
        record(1, text=b'{"agent": 1, "request": null}')
        row = done(replays.of_version(draft(allowing()).pk, by=ADA))
        assert (row.status, row.done, row.unreadable) == ("done", 3, 1)
        assert row.totals == {"deny": {"allow": 1}}


def test_it_gives_up_a_candidate_that_never_ends(acme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with in_tenant(acme):
        record(10)
        row = done(replays.of_version(draft(LOOPS).pk, by=ADA))
        assert (row.status, row.errors_after, row.errors_before) == ("done", 10, 0)
        assert row.totals == {"allow": {"deny": 10}}
        monkeypatch.setattr(comparisons, "MAX_ERRORS", 4)
        monkeypatch.setattr(comparisons, "BATCH", 5)
        row = done(replays.of_version(Policy.objects.get().pk, by=ADA))
        assert (row.status, row.problem) == ("failed", replays.HOPELESS)
        assert 4 <= row.done <= 5


def test_it_goes_on_where_a_killed_worker_stopped(acme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first worker dies between two slices: what it counted stays, what it had in hand is judged again."""
    with in_tenant(acme):
        record(6)
        record(4, action="write")
        row = replays.of_version(draft(DENIES_READS).pk, by=ADA)
        real, batches = recorded.batch, []

        def dies(*args: Any) -> Any:
            batches.append(args)
            if len(batches) == 3:
                raise KeyboardInterrupt  # as far as a test can be killed
            return real(*args)

        with small_batches(monkeypatch, 3), monkeypatch.context() as patch:
            patch.setattr(recorded, "batch", dies)
            patch.setattr(comparisons, "release", lambda row: None)
            with pytest.raises(KeyboardInterrupt):
                replays.work("first", seconds=30)
        row.refresh_from_db()
        assert (row.status, row.done, row.flips, row.lease_owner) == ("running", 6, 6, "first")
        assert not replays.work("second", seconds=30)  # its lease still holds
        Comparison.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        assert replays.work("second", seconds=30)
        row.refresh_from_db()
        assert (row.status, row.total, row.done) == ("done", 10, 10)
        assert row.totals == {"allow": {"deny": 6}}
        assert [(one.count, one.kept) for one in row.groups.all()] == [(6, 6)]
        assert Flip.objects.filter(comparison=row).count() == 6


def test_a_worker_that_lost_its_lease_adds_nothing(acme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with in_tenant(acme):
        record(4)
        row = replays.of_version(draft(DENIES_READS).pk, by=ADA)
        real = recorded.batch

        def overtaken(*args: Any) -> Any:
            Comparison.objects.update(lease_owner="second")
            return real(*args)

        with monkeypatch.context() as patch:
            patch.setattr(recorded, "batch", overtaken)
            assert replays.work("first", seconds=30)
        row.refresh_from_db()
        assert (row.status, row.done, row.lease_owner) == ("running", 0, "second")


def test_it_works_in_turns(acme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with in_tenant(acme):
        record(4)
        row = replays.of_version(draft(DENIES_READS).pk, by=ADA)
        for turn in range(1, 5):
            assert replays.work("test", seconds=0)
            row.refresh_from_db()
            assert (row.done, row.status, row.lease_owner) == (turn, "running", "")
        assert done(row).status == "done"


def test_it_is_cancelled_between_slices(acme: str) -> None:
    with in_tenant(acme):
        record(4)
        row = replays.of_version(draft(DENIES_READS).pk, by=ADA)
        replays.work("test", seconds=0)
        assert replays.cancel(row.pk, by=GRACE).status == "cancelled"
        assert not replays.work("test", seconds=30)
        with pytest.raises(Conflict):
            replays.cancel(row.pk, by=GRACE)
        row.refresh_from_db()
        assert (row.done, row.finished_at is not None) == (1, True)


def test_it_stays_with_the_rules_that_were_in_effect_when_it_was_asked_for(acme: str) -> None:
    with in_tenant(acme):
        record(3, action="write")
        made = draft(allowing())
        row = replays.of_version(made.pk, by=ADA)
        services.activate(made.pk, actor="user:ada")
        assert done(row).totals == {"deny": {"allow": 3}}


def test_it_asks_for_a_role_and_knows_no_other_tenants(acme: str, globex: str) -> None:
    with in_tenant(acme):
        made = draft(policy())
        row = replays.of_version(made.pk, by=ADA)
        with pytest.raises(NotAllowed):
            replays.of_version(made.pk, by=ANALYST)
        with pytest.raises(NotAllowed):
            replays.cancel(row.pk, by=ANALYST)
        with pytest.raises(Conflict):
            replays.of_version(made.pk, by=ADA, archives=True)
    with in_tenant(globex):
        with pytest.raises(NotFound):
            replays.of_version(made.pk, by=ADA)
        with pytest.raises(NotFound):
            replays.cancel(row.pk, by=ADA)
        assert not replays.work("test", seconds=1)


def test_it_lumps_together_what_is_too_much_to_list(acme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with in_tenant(acme):
        for number in range(6):
            record(1, tool_name=f"tool{number}")
        monkeypatch.setattr(comparisons, "MAX_GROUPS", 2)
        monkeypatch.setattr(comparisons, "BATCH", 3)
        row = done(replays.of_version(draft(DENIES_READS).pk, by=ADA))
        listed = {one.tool: one.count for one in row.groups.all()}
        assert listed == {"tool0": 1, "tool1": 1, comparisons.OTHERS: 4}


def test_two_workers_share_the_work_without_doing_it_twice(fresh_tenant: Callable[[], str]) -> None:
    schema = fresh_tenant()
    with in_tenant(schema):
        record(30)
        row = replays.of_version(draft(DENIES_READS).pk, by=ADA)
    failed: list[Exception] = []

    def work(owner: str) -> None:
        try:
            with in_tenant(schema):
                while Comparison.objects.filter(status__in=("queued", "running")).exists():
                    replays.work(owner, seconds=0)
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    with in_tenant(schema):
        row.refresh_from_db()
        assert (row.status, row.done, row.flips) == ("done", 30, 30)
        assert [one.count for one in row.groups.all()] == [30]


@pytest.mark.parametrize(("days", "left"), [(7, 3), (2, 1), (0, 0)])
def test_inputs_live_as_long_as_the_tenant_says(acme: str, globex: str, days: int, left: int) -> None:
    with in_tenant(globex):
        record(1)
    with in_tenant(acme):
        record(2)
        age(5)
        record(1)
        services.configure(actor="user:root", changes={"replay_days": days})
        now = timezone.now() + timedelta(seconds=1)
        assert inputs.tidy(now) == 3 - left
        assert DecisionInput.objects.count() == left
        assert AuditEntry.objects.filter(kind="call.decision").count() == 3
    with in_tenant(globex):
        assert DecisionInput.objects.count() == 1


def test_inputs_are_deleted_a_bounded_number_at_a_time(acme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with in_tenant(acme):
        record(5)
        age(30)
        monkeypatch.setattr(inputs, "BATCH", 2)
        assert (inputs.tidy(timezone.now(), batches=1), inputs.tidy(timezone.now())) == (2, 3)


def test_results_are_forgotten_after_a_while(acme: str) -> None:
    with in_tenant(acme):
        record(1)
        row = done(replays.of_version(draft(DENIES_READS).pk, by=ADA))
        inputs.tidy(timezone.now())
        assert Comparison.objects.exists()
        Comparison.objects.filter(pk=row.pk).update(finished_at=timezone.now() - timedelta(days=91))
        inputs.tidy(timezone.now())
        assert not Comparison.objects.exists() and not Flip.objects.exists()
