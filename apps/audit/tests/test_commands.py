"""The commands and tasks: what they print, how they exit."""

import io
import json

import pytest
from django.core.management import call_command

from apps.audit import services, tasks
from apps.audit.models import AuditEntry, Verification
from apps.audit.tests.builders import as_owner
from apps.tenants.context import in_tenant, tenant_key
from apps.tenants.redis import redis_client


def run(command: str, *arguments: str) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command(command, *arguments, stdout=out, stderr=out)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    return 0, out.getvalue()


def test_it_exits_with_zero_for_an_intact_log(log: str) -> None:
    code, text = run("audit_verify", "--schema", log)
    assert (code, text) == (0, f"{log}: 8 entries, 1 to 8, intact\n")


def test_it_exits_with_one_and_names_the_break(log: str) -> None:
    with as_owner(log) as owner:
        owner.execute("DELETE FROM audit_entry WHERE seq = 3")
    code, text = run("audit_verify", "--schema", log, "--json")
    report = json.loads(text)
    assert (code, report["intact"]) == (1, False)
    assert [(item["kind"], item["seq"]) for item in report["found"]] == [("missing", 3)]
    code, text = run("audit_verify", "--schema", log, "--from", "5", "--to", "6")
    assert (code, text) == (0, f"{log}: 2 entries, 5 to 6, intact\n")


@pytest.mark.parametrize("schema", ["public", "t_nobody"])
def test_it_exits_with_two_when_there_is_nothing_to_check(log: str, schema: str) -> None:
    code, text = run("audit_verify", "--schema", schema)
    assert code == 2
    assert "cannot be checked" in text


def test_it_exits_with_the_worst_of_all_tenants(log: str) -> None:
    with as_owner(log) as owner:
        owner.execute("UPDATE audit_entry SET target = 'x' WHERE seq = 3")
    code, text = run("audit_verify", "--all")
    assert code == 1
    assert "t_acme: " in text
    assert f"{log}: " in text


def test_it_says_what_retention_would_drop(log: str) -> None:
    code, text = run("audit_retention", "--schema", log, "--dry-run")
    assert (code, text) == (0, f"{log}: nothing has expired\n")


def test_its_tasks_take_the_schema_and_do_their_work(log: str) -> None:
    assert tasks.verify_chain(log) == 0
    assert tasks.apply_retention(log) == 0
    assert tasks.prepare_partitions(log) > "2026"
    assert tasks.announce_rulebook(log) == 0
    with in_tenant(log):
        assert Verification.objects.count() == 1
        assert AuditEntry.objects.order_by("-seq")[0].actor == "system"
        version = services.head(log).rulebook_version
    assert int(redis_client().get(tenant_key(log, "rulebook_version")) or 0) == version
    for task in (tasks.verify_chain, tasks.apply_retention, tasks.prepare_partitions, tasks.announce_rulebook):
        assert task.takes_schema
        assert task.time_limit
