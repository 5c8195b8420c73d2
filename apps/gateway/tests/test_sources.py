"""Domains that a tenant trusts or blocks, through a whole gateway: what is not sent, and what is not scanned."""

import secrets
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web

from apps.exceptions.services import grants
from apps.exceptions.services.escalation_settings import configure_escalations
from apps.gateway.tests.conftest import Caller, FakeUpstream, Tenant, eventually, rpc
from apps.gateway.tests.test_returning import ORDER, READ
from apps.policies.models import SourceRule
from apps.policies.services import source_rules

CallerOf = Callable[..., Caller]


@pytest.fixture
def server() -> str:
    return f"sources{secrets.token_hex(4)}"


@pytest.fixture
def ready(tenant: Tenant, other_tenant: Tenant, upstream: FakeUpstream, server: str) -> Iterator[Tenant]:
    for one in (tenant, other_tenant):
        one.server(server, kind="web", transport="http", url=upstream.url)
        one.server(f"{server}-other", kind="generic", transport="http", url=upstream.url)
    tenant.inside(lambda: configure_escalations(actor="system", changes={"hold_seconds": 0}))
    tenant.inside(lambda: rule("*.bad.example", "block"))
    tenant.inside(lambda: rule("docs.good.example", "trusted"))
    yield tenant
    tenant.inside(lambda: [source_rules.remove(row.pk, actor="system") for row in SourceRule.objects.all()])


def rule(pattern: str, tier: str) -> SourceRule:
    return source_rules.create(kind="domain", pattern=pattern, tier=tier, actor="system")


def saying(upstream: FakeUpstream, text: str) -> None:
    async def answer(request: web.Request, message: Any) -> web.StreamResponse:
        return rpc(message, {"content": [{"type": "text", "text": text}]})

    upstream.answer = answer


async def test_a_call_that_names_a_blocked_domain_is_denied_and_no_exception_helps(
    ready: Tenant, other_tenant: Tenant, caller_of: CallerOf, upstream: FakeUpstream, server: str
) -> None:
    agent, token = ready.agent("*:*")
    caller = caller_of(ready, token, server)

    def permit() -> None:
        grants.create(
            agent_id=UUID(agent), tool="fetch", resource="https://a.bad.example/x", expires_in_hours=1,
            justification="The owner agreed to it.", actor="user:ada",
        )  # fmt: skip

    for before in (None, permit):
        if before is not None:
            ready.inside(before)
        for address in ("https://a.bad.example/x", "https://docs.good.example@bad.example/"):
            assert (await caller.call("fetch", url=address)).json()["result"]["isError"] is True
        assert (await caller.call("run", command="curl -s bad.example")).json()["result"]["isError"] is True
    assert {row["policy_id"] for row in ready.log("call.decision")} == {"domain_trust.blocked"}
    assert "tools/call" not in upstream.methods
    _, elsewhere = other_tenant.agent("*:*")
    await caller_of(other_tenant, elsewhere, server).call("fetch", url="https://a.bad.example/x")
    assert upstream.methods.count("tools/call") == 1


async def test_what_was_fetched_from_a_trusted_domain_is_not_scanned_and_the_log_says_so(
    ready: Tenant, caller_of: CallerOf, upstream: FakeUpstream, server: str
) -> None:
    _, token = ready.agent("*:*")
    caller = caller_of(ready, token, server)
    saying(upstream, ORDER)
    answer = await caller.call("fetch", url="https://docs.good.example/x")
    assert READ in answer.text
    outcomes = await eventually(lambda: ready.log("call.outcome"))
    assert outcomes[-1]["extra"]["inbound"]["tier"] == "trusted"
    assert ready.log("inbound.injection_blocked", "inbound.injection_detected") == []


async def test_an_argument_that_a_tool_ignores_makes_nothing_trusted(
    ready: Tenant, caller_of: CallerOf, upstream: FakeUpstream, server: str
) -> None:
    _, token = ready.agent("*:*")
    saying(upstream, ORDER)
    good = "https://docs.good.example/x"
    beside: list[tuple[str, dict[str, str]]] = [
        (f"{server}-other", {"page": "evil", "href": good}),
        (f"{server}-other", {"url": good}),
        (server, {"page": "https://evil.example/", "href": good}),
        (server, {"url": "https://evil.example/", "href": good}),
        (server, {"query": "evil", "url": good}),
    ]
    for number, (name, arguments) in enumerate(beside):
        assert ORDER not in (await caller_of(ready, token, name).call("read_page", id=number, **arguments)).text


async def test_naming_a_trusted_domain_makes_nothing_trusted_and_a_blocked_one_blocks(
    ready: Tenant, caller_of: CallerOf, upstream: FakeUpstream, server: str
) -> None:
    _, token = ready.agent("*:*")
    caller = caller_of(ready, token, server)
    saying(upstream, f"See https://docs.good.example/x for more. {ORDER}")
    assert ORDER not in (await caller.call("search", query="https://docs.good.example/x")).text
    saying(upstream, f"{ORDER} See https://elsewhere.example/.")
    assert ORDER not in (await caller.call("fetch", url="https://docs.good.example/x", id=2)).text
    saying(upstream, "Harmless, but see https://x.bad.example/.")
    assert "Harmless" not in (await caller.call("fetch", url="https://docs.good.example/y", id=3)).text
    assert len(await eventually(lambda: ready.log("inbound.source_blocked"))) == 1
