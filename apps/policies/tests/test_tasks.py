"""The background doors: each does its turn in the tenant it is given."""

from django.conf import settings

from apps.policies import tasks
from apps.policies.models import Comparison
from apps.policies.services import replays, shadows
from apps.policies.tests.recording import ADA, record
from apps.policies.tests.test_replays import DENIES_READS, draft
from apps.tenants.context import in_tenant


def test_each_does_its_turn(acme: str, globex: str) -> None:
    with in_tenant(acme):
        made = draft(DENIES_READS)
        shadows.begin(made.pk, by=ADA)
        record(2)
        replays.of_version(made.pk, by=ADA)
    assert (tasks.run_replays(globex), tasks.run_shadows(globex), tasks.tidy(globex)) == (False, 0, 0)
    assert (tasks.run_replays(acme), tasks.run_shadows(acme), tasks.tidy(acme)) == (True, 1, 0)
    with in_tenant(acme):
        rows = Comparison.objects.order_by("kind").values_list("kind", "status", "done")
        assert list(rows) == [("replay", "done", 2), ("shadow", "running", 2)]


def test_beat_knows_each() -> None:
    sent = {entry["args"][0] for entry in settings.CELERY_BEAT_SCHEDULE.values() if entry.get("args")}
    assert {tasks.run_replays.name, tasks.run_shadows.name, tasks.tidy.name} <= sent
