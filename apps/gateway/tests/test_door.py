"""Who is let in: hosts, origins, tokens, tenants, audiences and sessions, each refusal without a word too many."""

from collections.abc import Callable

import pytest
from aiohttp import web

from apps.agents import services as agents
from apps.agents.models import Session
from apps.gateway.tests.conftest import Caller, FakeUpstream, Tenant, eventually, rpc

CallerOf = Callable[..., Caller]


@pytest.fixture
def ready(tenant: Tenant, upstream: FakeUpstream) -> Tenant:
    tenant.server(transport="http", url=upstream.url)
    return tenant


async def test_it_asks_for_a_token_and_says_where_to_get_one(ready: Tenant, caller_of: CallerOf) -> None:
    caller = caller_of(ready, "")
    answer = await caller.call("read_file")
    assert answer.status_code == 401
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith("Bearer resource_metadata=")
    address = challenge.split('"')[1]
    metadata = (await caller.client.get(address, headers={"Host": ready.host})).json()
    assert metadata["resource"] == f"http://{ready.host}/mcp/v1/files"
    assert metadata["authorization_servers"] == [f"http://{ready.host}"]


async def test_the_metadata_does_not_tell_which_servers_there_are(ready: Tenant, caller_of: CallerOf) -> None:
    client = caller_of(ready, "").client
    base = f"http://{ready.host}/.well-known/oauth-protected-resource/mcp/v1"
    known, unknown = await client.get(f"{base}/files"), await client.get(f"{base}/nothing")
    assert known.text.replace("files", "nothing") == unknown.text


async def test_a_bad_token_and_a_foreign_tenants_token_get_the_same_answer(
    ready: Tenant, other_tenant: Tenant, upstream: FakeUpstream, caller_of: CallerOf
) -> None:
    _, foreign = other_tenant.agent("*:*")
    _, good = ready.agent("filesystem:read")
    broken = good[:-4] + ("AAAA" if not good.endswith("AAAA") else "BBBB")
    answers = [await caller_of(ready, token).call("read_file") for token in (foreign, broken, "x.y.z")]
    assert {answer.status_code for answer in answers} == {401}
    assert (
        len({answer.text for answer in answers}) == len({answer.headers["www-authenticate"] for answer in answers}) == 1
    )
    assert 'error="invalid_token"' in answers[0].headers["www-authenticate"]
    assert upstream.seen == []
    refused = await eventually(lambda: len(rows := ready.log("call.refused")) == 3 and rows)
    assert {row["policy_reason"] for row in refused} >= {"unknown_key", "signature"}


async def test_a_token_for_one_server_does_not_open_another(
    ready: Tenant, upstream: FakeUpstream, caller_of: CallerOf
) -> None:
    ready.server("other", transport="http", url=upstream.url)

    def make() -> str:
        made = agents.register(name="narrow", actor="system", permissions=["filesystem:read"])
        resource = f"http://{ready.host}/mcp/v1/files"
        secret = made.client_secret
        return agents.issue_token(client_id=made.agent.client_id, client_secret=secret, resource=resource).access_token

    token = ready.inside(make)
    assert (await caller_of(ready, token, "files").call("read_file")).status_code == 200
    assert (await caller_of(ready, token, "other").call("read_file")).status_code == 401


async def test_a_revoked_session_is_out_at_once(ready: Tenant, caller_of: CallerOf) -> None:
    agent, token = ready.agent("filesystem:read")
    caller = caller_of(ready, token)
    assert (await caller.call("read_file")).status_code == 200

    def revoke() -> None:
        agents.revoke_session(Session.objects.get(agent_id=agent).id, actor="system")

    ready.inside(revoke)
    assert (await caller.call("read_file")).status_code == 401


async def test_a_token_signed_with_a_new_key_is_known_at_once(ready: Tenant, caller_of: CallerOf) -> None:
    _, token = ready.agent("filesystem:read")
    assert (await caller_of(ready, token).call("read_file")).status_code == 200
    ready.inside(lambda: agents.rotate_signing_key(actor="system"))
    _, fresh = ready.agent("filesystem:read")
    assert (await caller_of(ready, fresh).call("read_file")).status_code == 200
    assert (await caller_of(ready, token).call("read_file")).status_code == 200


async def test_an_unknown_host_is_nobodys(ready: Tenant, caller_of: CallerOf) -> None:
    _, token = ready.agent("filesystem:read")
    assert (await caller_of(ready, token).call("read_file")).status_code == 200
    caller = caller_of(ready, token)
    caller.host = "elsewhere.test"
    assert (await caller.call("read_file")).status_code == 421


@pytest.mark.parametrize(("origin", "status"), [("http://evil.test", 403), ("null", 403), ("http://{host}", 200)])
async def test_a_foreign_origin_is_refused(ready: Tenant, caller_of: CallerOf, origin: str, status: int) -> None:
    _, token = ready.agent("filesystem:read")
    caller = caller_of(ready, token)
    answer = await caller.ask("tools/call", {"name": "read_file"}, Origin=origin.format(host=ready.host))
    assert answer.status_code == status


async def test_another_agents_session_is_not_found(ready: Tenant, upstream: FakeUpstream, caller_of: CallerOf) -> None:
    async def answer(request: web.Request, message: dict[str, object]) -> web.StreamResponse:
        return rpc(message, {"protocolVersion": "2025-11-25"}, **{"Mcp-Session-Id": "upstream-session"})

    upstream.answer = answer
    _, owner = ready.agent("filesystem:*")
    _, stranger = ready.agent("filesystem:*")
    mine, theirs = caller_of(ready, owner), caller_of(ready, stranger)
    await mine.initialize()
    assert mine.session and mine.session != "upstream-session"
    await mine.call("read_file")
    assert upstream.headers[-1]["Mcp-Session-Id"] == "upstream-session"
    theirs.session = mine.session
    foreign = await theirs.call("read_file")
    theirs.session = "A" * 32
    unknown = await theirs.call("read_file")
    assert (foreign.status_code, foreign.text) == (unknown.status_code, unknown.text) == (404, unknown.text)
    theirs.session = "upstream-session"
    assert (await theirs.call("read_file")).status_code == 404
    assert len(upstream.seen) == 2


async def test_a_session_belongs_to_its_server(ready: Tenant, upstream: FakeUpstream, caller_of: CallerOf) -> None:
    async def answer(request: web.Request, message: dict[str, object]) -> web.StreamResponse:
        return rpc(message, {"protocolVersion": "2025-11-25"}, **{"Mcp-Session-Id": "upstream-session"})

    upstream.answer = answer
    ready.server("other", transport="http", url=upstream.url)
    _, token = ready.agent("filesystem:*")
    caller = caller_of(ready, token)
    await caller.initialize()
    caller.server = "other"
    assert (await caller.call("read_file")).status_code == 404


async def test_a_flood_of_refusals_is_counted_instead_of_written(ready: Tenant, caller_of: CallerOf) -> None:
    _, token = ready.agent("filesystem:read")
    caller = caller_of(ready, token[:-3])
    for _ in range(260):
        assert (await caller.call("read_file")).status_code == 401
    rows = await eventually(lambda: ready.log("call.refused"))
    assert len(rows) < 250
