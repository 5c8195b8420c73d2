"""Every way in × every control: each control is set against the caller, a message is sent down every way, and the
upstream must see nothing of it while the log says which control it was. The table is docs/coverage.md."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
from aiohttp import web
from django.conf import settings
from django.utils import timezone
from psycopg import sql

from apps.agents import services as agents
from apps.audit import services as audit
from apps.decision.events import EventKind
from apps.exceptions.models import Escalation, ExceptionGrant
from apps.exceptions.services import kill_switch
from apps.exceptions.services.escalation_settings import configure_escalations
from apps.gateway import methods
from apps.gateway.app import Gateway
from apps.gateway.limits import Limits
from apps.gateway.tests import coverage
from apps.gateway.tests.conftest import Caller, FakeUpstream, Tenant, eventually, rpc
from apps.gateway.tests.coverage import DELETE, GET, RESPONSE, RESUME, Control, Ingress, Way, ingresses, why_not
from apps.policies.services import limits

SECRET = "AKIA" + "Q7RDY2ZJ5MXWT3LB"
FILE = "file:///srv/notes/a.md"
REACHED = "file:///srv/notes/MEMORY.md"
HELLO = {"protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
PARAMS: dict[str, dict[str, Any]] = {
    "tools/call": {"name": "read_file", "arguments": {"path": "notes/a.md"}},
    "resources/read": {"uri": FILE},
    "resources/subscribe": {"uri": FILE},
    "resources/unsubscribe": {"uri": FILE},
    "prompts/get": {"name": "greet", "arguments": {"path": "notes/a.md"}},
    "completion/complete": {"ref": {"type": "ref/prompt", "name": "greet"}, "argument": {"name": "who", "value": "a"}},
    "subscriptions/listen": {"notifications": {"resourceSubscriptions": [FILE]}},
    "initialize": HELLO,
    **{f"tasks/{verb}": {"taskId": "task-1"} for verb in ("get", "result", "update", "cancel")},
}


def params_of(ingress: Ingress, control: Control) -> dict[str, Any]:
    params = dict(PARAMS.get(ingress.method, {}))
    if control is Control.DLP:
        params["note"] = SECRET
    if control is Control.BLAST_RADIUS:
        if "uri" in params:
            params["uri"] = REACHED
        elif ingress.method == "subscriptions/listen":
            params["notifications"] = {"resourceSubscriptions": [FILE, REACHED]}
        else:
            params["arguments"] = {"path": "notes/MEMORY.md"}
    return params


async def send(caller: Caller, ingress: Ingress, params: dict[str, Any]) -> httpx.Response:
    """Down this way. The body is what a well-behaved client would send."""
    url = f"http://{caller.host}/mcp/v1/{caller.server}"
    if ingress.method == GET:
        return await caller.client.get(url, headers=caller.headers())
    if ingress.method == RESUME:
        return await caller.client.get(url, headers=caller.headers(Last_Event_Id="7"))
    if ingress.method == DELETE:
        return await caller.client.delete(url, headers=caller.headers())
    if ingress.way is Way.STATELESS:
        named = params.get(ingress.spec.header) if ingress.spec.header else None
        return await caller.stateless(ingress.method, params, **({"Mcp_Name": named} if named else {}))
    body: dict[str, Any] = {"jsonrpc": "2.0", "method": ingress.method, "params": params}
    if ingress.method == RESPONSE:
        body = {"jsonrpc": "2.0", "id": 77, "result": params}
    elif not ingress.one_way:
        body["id"] = 1
    return await caller.send([body] if ingress.way is Way.BATCH else body)


def applying(control: Control) -> list[Ingress]:
    return [ingress for ingress in ingresses() if not why_not(ingress, control)]


def test_the_page_is_what_the_gateway_is() -> None:
    written = Path(settings.BASE_DIR, "docs", "coverage.md").read_text(encoding="utf-8")
    assert written == coverage.page(), "run make gen"


def test_no_method_is_left_out() -> None:
    listed = {ingress.method for ingress in ingresses()}
    assert set(methods.FROM_CLIENT) <= listed


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with Gateway(Limits(call_seconds=3.0, in_flight=200)) as running:
        yield running


@pytest.fixture
def ready(tenant: Tenant, upstream: FakeUpstream) -> Iterator[Tenant]:
    """A tenant whose limits leave room for all of this, and whose people answer no escalation."""
    tenant.server(transport="http", url=upstream.url)
    tenant.inside(lambda: configure_escalations(actor="system", changes={"hold_seconds": 0}))
    yield tenant


@pytest.fixture
def trusted(ready: Tenant, caller_of: Callable[..., Caller]) -> Caller:
    _, token = ready.agent("*:*")
    return caller_of(ready, token)


class Watched:
    """What reached the upstream, way by way."""

    def __init__(self, upstream: FakeUpstream) -> None:
        self._upstream = upstream
        self.passed: list[str] = []
        self.statuses: list[int] = []

    async def send_all(self, caller: Caller, control: Control) -> None:
        for ingress in applying(control):
            before = len(self._upstream.seen)
            answer = await send(caller, ingress, params_of(ingress, control))
            self.statuses.append(answer.status_code)
            arrived = self._upstream.seen[before:]
            # The gateway's own question for the definition of a tool that waits for a person is none of the caller's.
            if any(message.get("id") != "behavry-catalog" for message in arrived):
                self.passed.append(str(ingress))


@pytest.fixture
def watched(upstream: FakeUpstream) -> Watched:
    return Watched(upstream)


def named_in_the_log(ingress: Ingress) -> str:
    return {RESPONSE: "response", GET: "stream/open", RESUME: "stream/resume", DELETE: "session/end"}.get(
        ingress.method, ingress.method
    )


def reasons(tenant: Tenant) -> Counter[str]:
    """Why requests were turned away at the door, as the log has it."""
    return Counter(row["policy_reason"] for row in tenant.log("call.refused"))


def expected(control: Control) -> Counter[str]:
    return Counter(named_in_the_log(ingress) for ingress in applying(control))


def decided(tenant: Tenant, holds: Callable[[dict[str, Any]], bool]) -> Counter[str]:
    return Counter(row["method"] for row in tenant.log("call.decision") if holds(row))


async def test_every_way_leads_to_the_upstream_and_the_log_is_first(
    ready: Tenant, trusted: Caller, upstream: FakeUpstream, watched: Watched
) -> None:
    unlogged: list[str] = []

    async def check(request: web.Request, message: Any) -> web.StreamResponse:
        method = message.get("method", "response") if message else ""
        rows = await asyncio.to_thread(ready.log, "call.decision", "message.recorded")
        if len([row for row in rows if not method or row["method"] == method]) < 1:
            unlogged.append(method)
        if not message or "id" not in message or "method" not in message:
            return web.Response(status=202)
        return rpc(message, {})

    upstream.answer = check
    await watched.send_all(trusted, Control.AUDIT)
    assert watched.passed == [str(ingress) for ingress in applying(Control.AUDIT)]
    assert unlogged == []


async def test_identity_fires_on_every_way(ready: Tenant, caller_of: Callable[..., Caller], watched: Watched) -> None:
    id, token = ready.agent("*:*")
    await ready.change(lambda: agents.suspend(UUID(id), actor="system"))
    await watched.send_all(caller_of(ready, token), Control.IDENTITY)
    assert (watched.passed, set(watched.statuses)) == ([], {401})
    await eventually(lambda: sum(reasons(ready).values()) == len(applying(Control.IDENTITY)))


async def test_the_kill_switch_fires_on_every_way(ready: Tenant, trusted: Caller, watched: Watched) -> None:
    await ready.change(lambda: kill_switch.engage(reason="covering every way", actor="system"))
    try:
        await watched.send_all(trusted, Control.KILL_SWITCH)
    finally:
        await ready.change(lambda: kill_switch.release(reason="all ways covered", actor="system"))
    assert watched.passed == []
    assert decided(ready, lambda row: row["stage"] == "kill_switch") == expected(Control.KILL_SWITCH)


async def test_dlp_fires_on_every_way(ready: Tenant, trusted: Caller, watched: Watched) -> None:
    await watched.send_all(trusted, Control.DLP)
    assert watched.passed == []
    assert decided(ready, lambda row: row["stage"] == "dlp") == expected(Control.DLP)


async def test_the_blast_radius_fires_on_every_way(ready: Tenant, trusted: Caller, watched: Watched) -> None:
    await watched.send_all(trusted, Control.BLAST_RADIUS)
    assert watched.passed == []
    held = decided(ready, lambda row: row["policy_id"].startswith("blast_radius.") and row["policy_result"] != "allow")
    assert held == expected(Control.BLAST_RADIUS)


async def test_policy_fires_on_every_way(ready: Tenant, caller_of: Callable[..., Caller], watched: Watched) -> None:
    _, token = ready.agent()
    await watched.send_all(caller_of(ready, token), Control.POLICY)
    assert watched.passed == []
    assert decided(ready, lambda row: row["stage"] == "policy") == expected(Control.POLICY)


async def test_a_person_is_asked_on_every_way(
    ready: Tenant, caller_of: Callable[..., Caller], watched: Watched
) -> None:
    """An agent of a high risk tier that does not say for whom it acts waits for a person, whatever it wants."""
    id, token = ready.agent("*:*", risk_tier="high")
    await watched.send_all(caller_of(ready, token), Control.ESCALATION)
    assert watched.passed == []
    asked = decided(ready, lambda row: row["policy_result"] == "escalate" and bool(row["extra"].get("escalation")))
    assert asked == expected(Control.ESCALATION)
    mine = Escalation.objects.filter(agent_id=id)  # other tests of the run have used this tenant
    pending = await asyncio.to_thread(ready.inside, lambda: set(mine.values_list("method", "status")))
    assert pending == {(method, "pending") for method in expected(Control.ESCALATION)}


async def test_an_exception_holds_on_every_way(
    ready: Tenant, caller_of: Callable[..., Caller], watched: Watched
) -> None:
    id, token = ready.agent()
    await ready.change(lambda: _grant_everything(id))
    await watched.send_all(caller_of(ready, token), Control.EXCEPTION)
    assert watched.passed == [str(ingress) for ingress in applying(Control.EXCEPTION)]
    excepted = Counter(row["method"] for row in ready.log() if row["extra"].get("exception") and row["method"])
    assert excepted == expected(Control.EXCEPTION)


def _grant_everything(agent_id: str) -> None:
    """Wider than the service would allow, since this is about the ways and not about the patterns."""
    until = timezone.now() + timedelta(hours=1)
    ExceptionGrant.objects.create(agent_id=agent_id, tool="**", resource="**", justification="x" * 10, expires_at=until)
    audit.record(EventKind.EXCEPTION_CREATED, actor="system", agent_id=agent_id)


async def test_the_rate_limit_fires_on_every_way(
    ready: Tenant, caller_of: Callable[..., Caller], watched: Watched
) -> None:
    _, token = ready.agent("*:*")
    caller = caller_of(ready, token)
    before = await ready.change(lambda: limits.rate_limits())
    await ready.change(lambda: limits.configure_rate_limits(actor="system", changes={"per_minute": 1, "burst": 1}))
    try:
        assert (await caller.ask("ping")).status_code == 200
        await watched.send_all(caller, Control.RATE)
    finally:
        await ready.change(lambda: limits.configure_rate_limits(actor="system", changes=before))
    assert (set(watched.statuses), len(watched.passed)) == ({429}, 0)
    await eventually(lambda: reasons(ready) == {"rate_limited": len(applying(Control.RATE))})


async def test_nothing_passes_while_the_log_cannot_be_written(
    ready: Tenant, trusted: Caller, upstream: FakeUpstream
) -> None:
    refused = 0
    with _log_that_takes_nothing(ready.schema):
        for ingress in applying(Control.AUDIT):
            answer = await send(trusted, ingress, params_of(ingress, Control.AUDIT))
            refused += "log_unavailable" in answer.text
    assert (upstream.seen, refused) == ([], len(applying(Control.AUDIT)))


@contextmanager
def _log_that_takes_nothing(schema: str) -> Iterator[None]:
    def run(statement: str) -> None:
        with psycopg.connect(os.environ["BEHAVRY_OWNER_DATABASE_URL"]) as owner:
            owner.execute(sql.SQL(statement).format(sql.Identifier(schema), sql.Identifier(settings.BEHAVRY_APP_ROLE)))

    run("REVOKE INSERT ON {}.audit_entry FROM {}")
    try:
        yield
    finally:
        run("GRANT INSERT ON {}.audit_entry TO {}")
