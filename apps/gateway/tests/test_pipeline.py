"""What the pipeline does to a call on its way: stops, redaction, what the log keeps, and what must not slip past it."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from django.db import transaction
from django.utils import timezone

from apps.audit import services as audit
from apps.decision.events import EventKind
from apps.exceptions.models import KillSwitch
from apps.gateway.tests.conftest import Caller, FakeUpstream, Tenant
from apps.policies.services import dlp
from apps.tenants.context import in_operator
from apps.tenants.models import TenantConfig

CallerOf = Callable[..., Caller]
ADDRESS = "jane.doe" + "@" + "acme.org"


@pytest.fixture
def ready(tenant: Tenant, upstream: FakeUpstream) -> Tenant:
    tenant.server(transport="http", url=upstream.url)
    return tenant


def configure(tenant: Tenant, **fields: Any) -> None:
    def change() -> None:
        with in_operator():
            TenantConfig.objects.filter(tenant__schema_name=tenant.schema).update(**fields)
        audit.record(EventKind.TENANT_CONFIGURED, actor="system")

    tenant.inside(change)


def act_on_addresses(tenant: Tenant, action: str | None) -> None:
    """The pattern is switched off unless a tenant asks for it."""
    changes = {"action": action, "enabled": True if action else None}
    tenant.inside(lambda: dlp.set_builtin("email", actor="system", changes=changes))


def _engage(reason: str) -> None:
    with transaction.atomic():
        KillSwitch.objects.create(reason=reason)
        audit.record(EventKind.KILL_SWITCH_ENGAGED, actor="system")


def _release() -> None:
    with transaction.atomic():
        KillSwitch.objects.update(released_at=timezone.now())
        audit.record(EventKind.KILL_SWITCH_RELEASED, actor="system")


async def test_a_stopped_tenant_does_nothing(ready: Tenant, upstream: FakeUpstream, caller_of: CallerOf) -> None:
    _, token = ready.agent("filesystem:read")
    caller = caller_of(ready, token)
    await ready.change(lambda: _engage("incident"))
    try:
        for answer in (await caller.call("read_file"), await caller.ask("tools/list"), await caller.ask("ping")):
            assert "kill_switch" in answer.text
    finally:
        await ready.change(_release)
    assert upstream.seen == []
    assert (await caller.call("read_file")).json()["result"]["isError"] is False


async def test_what_is_redacted_leaves_redacted_and_the_log_knows(
    ready: Tenant, upstream: FakeUpstream, caller_of: CallerOf
) -> None:
    act_on_addresses(ready, "redact")
    try:
        _, token = ready.agent("filesystem:*")
        answer = await caller_of(ready, token).call("write_file", path="/srv/a", content=f"write to {ADDRESS} soon")
        assert answer.json()["result"]["isError"] is False
    finally:
        act_on_addresses(ready, None)
    assert upstream.seen[0]["params"]["arguments"]["content"] == "write to [REDACTED:email] soon"
    entry = ready.log("call.decision")[0]
    assert (entry["policy_result"], entry["dlp_action"]) == ("allow", "redact")
    assert ADDRESS not in repr(ready.log())


@pytest.mark.parametrize(
    ("mode", "kept"),
    [
        ("metadata_only", None),
        ("full", {"path": "/srv/a", "note": ADDRESS}),
        ("redacted", {"path": "/srv/a", "note": "[REDACTED:email]"}),
    ],
)
async def test_the_log_keeps_as_much_as_the_tenant_says(
    ready: Tenant, upstream: FakeUpstream, caller_of: CallerOf, mode: str, kept: Any
) -> None:
    configure(ready, payload_mode=mode)
    act_on_addresses(ready, "log")
    try:
        _, token = ready.agent("filesystem:*")
        await caller_of(ready, token).call("read_file", path="/srv/a", note=ADDRESS)
    finally:
        configure(ready, payload_mode="metadata_only")
        act_on_addresses(ready, None)
    payload = ready.log("call.decision")[0]["payload"]
    payload = orjson.loads(payload) if isinstance(payload, str) else payload
    assert payload == kept
    assert upstream.seen[0]["params"]["arguments"]["note"] == ADDRESS


async def test_a_clients_answer_to_the_server_is_scanned_like_everything_that_leaves(
    ready: Tenant, upstream: FakeUpstream, caller_of: CallerOf
) -> None:
    _, token = ready.agent("filesystem:*")
    secret = "AKIA" + "Q3EGRIJ7PLMWXZ2T"
    answer = {"jsonrpc": "2.0", "id": 3, "result": {"action": "accept", "content": {"key": secret}}}
    refused = await caller_of(ready, token).send(answer)
    assert (refused.status_code, upstream.seen) == (403, [])
    assert secret not in refused.text + repr(ready.log())


async def test_a_requester_is_named_in_the_entry(ready: Tenant, upstream: FakeUpstream, caller_of: CallerOf) -> None:
    _, token = ready.agent("filesystem:read")
    await caller_of(ready, token).ask("tools/call", {"name": "read_file"}, X_Requester_Id="jane")
    entry = ready.log("call.decision")[0]
    assert (entry["requester_id"], entry["requester_verified"]) == ("jane", False)


async def test_a_secret_in_a_requesters_name_is_masked_and_a_mail_address_is_not(
    ready: Tenant, upstream: FakeUpstream, caller_of: CallerOf
) -> None:
    _, token = ready.agent("filesystem:read")
    secret = "AKIA" + "QWERTYUIOPASDFGH"
    given = {"X_Requester_Id": f"key {secret}", "X_Requester_Channel": ADDRESS}
    await caller_of(ready, token).ask("tools/call", {"name": "read_file"}, **given)
    entry = ready.log("call.decision")[0]
    assert secret not in entry["requester_id"]
    assert entry["requester_id"].startswith("key ")
    assert entry["requester_channel"] == ADDRESS


async def test_a_subscription_to_resources_is_decided_for_each(
    ready: Tenant, upstream: FakeUpstream, caller_of: CallerOf
) -> None:
    _, token = ready.agent("filesystem:read")
    wanted = {"resourceSubscriptions": ["file:///srv/a", "file:///etc/shadow"]}
    refused = await caller_of(ready, token).stateless("subscriptions/listen", {"notifications": wanted})
    assert refused.json()["error"]["code"] == -32003
    assert upstream.seen == []


async def test_a_crowd_of_look_alikes_is_denied_and_nothing_of_it_is_kept(
    ready: Tenant, upstream: FakeUpstream, caller_of: CallerOf
) -> None:
    configure(ready, payload_mode="redacted")
    try:
        _, token = ready.agent("filesystem:*")
        await caller_of(ready, token).call("read_file", path="/srv/a", note="4111111111111111 " * 20_000)
    finally:
        configure(ready, payload_mode="metadata_only")
    entry = ready.log("call.decision")[0]
    assert (entry["policy_result"], entry["policy_id"]) == ("deny", "dlp.scan_limit")
    assert "4111" not in str(entry)
    assert upstream.seen == []
