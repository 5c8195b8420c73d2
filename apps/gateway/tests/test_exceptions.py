"""An exception through a whole gateway: what was denied passes while it lives, says so in the log, and ends with it."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from apps.exceptions import tasks
from apps.exceptions.models import ExceptionGrant
from apps.exceptions.services import grants
from apps.gateway.tests.conftest import Caller, FakeUpstream, Tenant, rpc

CallerOf = Callable[..., Caller]
PATH = "/var/lib/app/report.txt"  # policy lets nobody change what lies below /var/lib


@pytest.fixture
def ready(tenant: Tenant, upstream: FakeUpstream) -> Tenant:
    tenant.server(transport="http", url=upstream.url)
    return tenant


def grant(tenant: Tenant, agent: str, **changes: Any) -> ExceptionGrant:
    fields: dict[str, Any] = {
        "agent_id": UUID(agent), "tool": "write_file", "resource": PATH, "expires_in_hours": 1,
        "justification": "The owner agreed to it.", "actor": "user:ada",
    }  # fmt: skip
    return tenant.inside(lambda: grants.create(**(fields | changes)))


def revoke(tenant: Tenant, row: ExceptionGrant) -> None:
    tenant.inside(lambda: grants.revoke(row.pk, actor="user:ada", reason="It is done."))


def decision_of(tenant: Tenant) -> dict[str, Any]:
    return tenant.log("call.decision")[-1]


async def test_what_is_denied_passes_while_an_exception_lives(
    ready: Tenant, upstream: FakeUpstream, caller_of: CallerOf
) -> None:
    agent, token = ready.agent("filesystem:*")
    caller = caller_of(ready, token)
    assert (await caller.call("write_file", path=PATH)).json()["result"]["isError"] is True
    assert (decision_of(ready)["policy_result"], decision_of(ready)["policy_id"]) == ("deny", "filesystem.programs")
    assert upstream.seen == []

    row = grant(ready, agent)
    assert (await caller.call("write_file", path=PATH)).json()["result"]["isError"] is False
    entry = decision_of(ready)
    assert (entry["policy_result"], entry["stage"], entry["policy_id"]) == ("allow", "exception", "exception")
    assert entry["extra"]["exception"] == str(row.pk)
    assert "filesystem.programs" in entry["policy_reason"]
    assert len(upstream.seen) == 1

    for other in ("/var/lib/app/other.txt", "/var/lib/app/x/../report.txt", PATH.upper(), f"{PATH}%00"):
        assert (await caller.call("write_file", path=other)).json()["result"]["isError"] is True
    assert (await caller.call("write_file", path=PATH, destination="/opt/x")).json()["result"]["isError"] is True
    assert (await caller.call("delete_file", path="/var")).json()["result"]["isError"] is True

    revoke(ready, row)
    assert (await caller.call("write_file", path=PATH)).json()["result"]["isError"] is True
    assert (decision_of(ready)["policy_result"], "exception" in decision_of(ready)["extra"]) == ("deny", False)
    assert len(upstream.seen) == 1

    assert ready.inside(lambda: tasks.count_uses(ready.schema)) > 0
    row = ready.inside(lambda: ExceptionGrant.objects.get(pk=row.pk))
    assert (row.use_count, row.last_used_at) == (1, entry["timestamp"])


async def test_no_exception_loosens_a_shallow_deletion_or_a_suspension(
    ready: Tenant, upstream: FakeUpstream, caller_of: CallerOf
) -> None:
    agent, token = ready.agent("filesystem:*")
    caller = caller_of(ready, token)
    grant(ready, agent, tool="delete_*", resource="**")
    assert (await caller.call("delete_file", path="/srv")).json()["result"]["isError"] is True
    assert decision_of(ready)["policy_id"] == "blast_radius.shallow_delete"
    assert (await caller.call("delete_file", path=f"{PATH}.old")).json()["result"]["isError"] is False
    assert len(upstream.seen) == 1


async def test_an_exception_for_one_agent_is_none_for_another(
    ready: Tenant, other_tenant: Tenant, upstream: FakeUpstream, caller_of: CallerOf
) -> None:
    agent, _ = ready.agent("filesystem:*")
    grant(ready, agent)
    _, token = ready.agent("filesystem:*")
    assert (await caller_of(ready, token).call("write_file", path=PATH)).json()["result"]["isError"] is True
    other_tenant.server(transport="http", url=upstream.url)
    _, token = other_tenant.agent("filesystem:*")
    assert (await caller_of(other_tenant, token).call("write_file", path=PATH)).json()["result"]["isError"] is True
    assert upstream.seen == []


async def test_a_tool_that_an_exception_names_is_listed(
    ready: Tenant, upstream: FakeUpstream, caller_of: CallerOf
) -> None:
    async def answer(request: Any, message: Any) -> Any:
        return rpc(message, {"tools": [{"name": name} for name in ("edit_file", "read_file", "write_file")]})

    upstream.answer = answer
    agent, token = ready.agent("filesystem:read")
    caller = caller_of(ready, token)

    async def listed() -> list[str]:
        return [tool["name"] for tool in (await caller.ask("tools/list")).json()["result"]["tools"]]

    assert await listed() == ["read_file"]
    row = grant(ready, agent)
    assert await listed() == ["read_file", "write_file"]
    revoke(ready, row)
    assert await listed() == ["read_file"]
