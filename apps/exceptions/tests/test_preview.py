"""What an exception would have covered: from the kept inputs where there are some, by tool and target where not."""

from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from apps.audit.models import AuditEntry, DecisionInput
from apps.decision import pipeline
from apps.decision.errors import BadInput
from apps.decision.reach import reach_of
from apps.decision.tests.builders import make_call, make_facts
from apps.exceptions.models import ExceptionGrant
from apps.exceptions.services.preview import Preview, Would, preview
from apps.exceptions.tests.asking import hold, make_asked
from apps.exceptions.tests.asking import make_call as make_held_call
from apps.exceptions.tests.granting import decided, new_agent
from apps.tenants.context import in_tenant

DENIED: dict[str, Any] = {"policy_result": "deny", "policy_id": "filesystem.roots"}


def look(schema: str, agent: UUID, **changes: Any) -> Preview:
    fields = {"agent_id": agent, "tool": "read_*", "resource": "/srv/*", **changes}
    with in_tenant(schema):
        return preview(**fields)


def keep_input(schema: str, arguments: dict[str, Any]) -> None:
    """Beside the last entry, as the gateway keeps it."""
    call = make_call(arguments=arguments, resource=arguments["path"], reach=reach_of("filesystem", arguments))
    document = orjson.dumps(pipeline.document(call, make_facts())).decode()
    with in_tenant(schema):
        entry = AuditEntry.objects.order_by("-seq")[0]
        DecisionInput.objects.create(seq=entry.seq, event_id=entry.id, recorded_at=entry.recorded_at, document=document)


def test_it_says_what_would_have_passed_and_what_would_not(acme: str) -> None:
    agent = new_agent(acme)
    decided(acme, agent)
    decided(acme, agent, **DENIED)
    decided(acme, agent, policy_result="escalate", policy_id="blast_radius.bulk", stage="blast_radius")
    decided(acme, agent, policy_result="deny", policy_id="blast_radius.shallow_delete")
    decided(acme, agent, policy_result="deny", policy_id="dlp.private_key", stage="dlp")
    decided(acme, agent, **DENIED, target="/etc/passwd")
    decided(acme, agent, **DENIED, target="/srv/../etc/passwd")
    decided(acme, agent, **DENIED, tool_name="write_file")
    seen = look(acme, agent)
    assert seen.looked_at == 8
    assert dict(seen.numbers) == {Would.ALLOW: 2, Would.NOTHING: 1, Would.STAY: 2}
    assert [one.would for one in seen.covered] == [Would.STAY, Would.STAY, Would.ALLOW, Would.ALLOW, Would.NOTHING]
    assert not any(one.sure for one in seen.covered)


def test_it_stays_refused_where_a_critical_secret_was_found(acme: str) -> None:
    agent = new_agent(acme)
    finding = {
        "scanner": "dlp", "rule": "x", "severity": "critical", "action": "log", "path": "$", "excerpt": "***",
    }  # fmt: skip
    decided(acme, agent, **DENIED, dlp_findings=(finding,))
    assert look(acme, agent).numbers[Would.STAY] == 1


def test_it_says_what_comes_of_a_call_that_a_person_denied(acme: str) -> None:
    """An exception is looked at before a person is asked, so it lets pass what one has denied or nobody decided."""
    agent = new_agent(acme)
    settled: dict[str, Any] = {"policy_result": "deny", "policy_id": "approval", "stage": "approval"}
    for policies in (["delete.ask"], ["delete.ask", "risk_tier.unknown"]):
        held = hold(acme, make_asked(acme, make_held_call(tool=policies[-1]), policies=policies))
        decided(acme, agent, **settled, extra={"escalation": held.id})
    decided(acme, agent, **settled | {"policy_id": "approval.too_many"})
    decided(acme, agent, **settled | {"policy_result": "allow"})
    seen = look(acme, agent)
    assert [one.would for one in seen.covered] == [Would.NOTHING, Would.ALLOW, Would.STAY, Would.ALLOW]


def test_it_judges_by_the_calls_own_input_where_that_was_kept(acme: str) -> None:
    agent = new_agent(acme)
    decided(acme, agent, **DENIED)
    keep_input(acme, {"path": "/srv/report.csv"})
    decided(acme, agent, **DENIED)
    keep_input(acme, {"path": "/srv/report.csv", "destination": "/etc/cron.d/x"})
    seen = look(acme, agent)
    assert (seen.looked_at, len(seen.covered), seen.covered[0].sure) == (2, 1, True)


def test_it_looks_at_the_last_calls_only_and_at_one_server(acme: str) -> None:
    agent = new_agent(acme)
    for _ in range(3):
        decided(acme, agent)
    assert look(acme, agent, last=2).looked_at == 2
    assert len(look(acme, agent, mcp_server="files").covered) == 3
    assert look(acme, agent, mcp_server="other").covered == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"last": 0}, "last"),
        ({"last": 5001}, "last"),
        ({"tool": "**", "resource": "*"}, "resource"),
        ({"agent_id": uuid4()}, "agent_id"),
    ],
)
def test_it_refuses_what_could_not_be_granted(acme: str, changes: dict[str, Any], field: str) -> None:
    agent = new_agent(acme)
    with pytest.raises(BadInput) as refused:
        look(acme, agent, **changes)
    assert list(refused.value.fields) == [field]


def test_it_grants_nothing_and_sees_nothing_of_another_tenant(acme: str, globex: str) -> None:
    agent = new_agent(acme)
    decided(acme, agent)
    with pytest.raises(BadInput):
        look(globex, agent)
    look(acme, agent)
    with in_tenant(acme):
        assert not ExceptionGrant.objects.exists()
