"""The blast radius on the way of a real call: what it stops, and that a change holds from the next call on."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from apps.audit.models import DecisionInput
from apps.gateway.tests.conftest import Caller, FakeUpstream, Tenant
from apps.policies import services as policies
from apps.policies.models import BlastRadiusSetting
from apps.policies.services import blast_radius

CallerOf = Callable[..., Caller]


@pytest.fixture
def ready(tenant: Tenant, upstream: FakeUpstream) -> Tenant:
    tenant.inside(lambda: BlastRadiusSetting.objects.all().delete())
    tenant.inside(lambda: blast_radius.configure(actor="system", changes={"bulk_action_threshold": 49}))
    tenant.server(transport="http", url=upstream.url)
    return tenant


def changed(tenant: Tenant, **changes: Any) -> None:
    tenant.inside(lambda: blast_radius.configure(actor="user:ada", changes=changes))


async def test_a_change_holds_from_the_next_call_on(ready: Tenant, caller_of: CallerOf, upstream: FakeUpstream) -> None:
    _, token = ready.agent("filesystem:*")
    caller = caller_of(ready, token)
    assert not (await caller.call("delete_file", path="/srv/data/a.csv")).json()["result"].get("isError")
    changed(ready, min_delete_depth=4)
    refused = (await caller.call("delete_file", path="/srv/data/a.csv")).json()["result"]
    assert refused["isError"]
    assert len(upstream.methods) == 1
    decisions = ready.log("call.decision")
    assert [row["policy_result"] for row in decisions] == ["allow", "deny"]
    assert (decisions[1]["policy_id"], decisions[1]["stage"]) == ("blast_radius.shallow_delete", "blast_radius")
    changed(ready, min_delete_depth=None)
    assert not (await caller.call("delete_file", path="/srv/data/a.csv")).json()["result"].get("isError")


async def test_it_names_the_order_the_same_whoever_gives_it(ready: Tenant, caller_of: CallerOf) -> None:
    for _ in range(2):
        _, token = ready.agent("filesystem:*")
        await caller_of(ready, token).call("read_file", path="/srv/data/a.csv")
    await caller_of(ready, token).call("read_file", path="/srv/data/b.csv")
    first, second, other = (row["instruction_hash"] for row in ready.log("call.decision"))
    assert first == second != other
    assert len(first) == 64


async def test_another_tenants_limits_are_its_own(
    ready: Tenant, other_tenant: Tenant, caller_of: CallerOf, upstream: FakeUpstream
) -> None:
    other_tenant.inside(lambda: BlastRadiusSetting.objects.all().delete())
    other_tenant.server(transport="http", url=upstream.url)
    changed(ready, min_delete_depth=9)
    for tenant, refused in ((ready, True), (other_tenant, False)):
        _, token = tenant.agent("filesystem:*")
        answer = (await caller_of(tenant, token).call("delete_file", path="/srv/data/a.csv")).json()["result"]
        assert answer.get("isError", False) is refused
    changed(ready, min_delete_depth=None)


async def test_what_is_redacted_is_judged_as_redacted_and_counted_as_sent(
    ready: Tenant, caller_of: CallerOf, upstream: FakeUpstream
) -> None:
    setting = {"action": "redact", "enabled": True}
    ready.inside(lambda: policies.set_builtin("email", actor="system", changes=setting))
    try:
        _, token = ready.agent("filesystem:*", "email:*")
        await caller_of(ready, token).call("write_file", path="/srv/data/ada@people.test")
        ready.server("post", kind="email", transport="http", url=upstream.url)
        mail = {"name": "send_mail", "arguments": {"to": [f"p{one}@people.test" for one in range(11)]}}
        await caller_of(ready, token, "post").stateless("tools/call", mail)
    finally:
        back = {"action": None, "enabled": None}
        ready.inside(lambda: policies.set_builtin("email", actor="system", changes=back))
    kept = ready.inside(lambda: [json.loads(row.document)["request"] for row in DecisionInput.objects.order_by("seq")])
    written, mailed = kept[-2:]
    assert upstream.methods.count("tools/call") == 1
    assert "people" not in json.dumps(written)
    assert written["reach"]["names"]
    assert (mailed["reach"]["recipients"], "people" in json.dumps(mailed)) == (11, False)
    assert ready.log("call.decision")[-1]["policy_id"] == "blast_radius.recipients"
