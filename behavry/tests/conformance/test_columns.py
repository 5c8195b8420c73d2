"""The whole harness: a stand-in for the gateway that wants a token, honest once and lying once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from behavry.conformance.__main__ import DIRECT, OVER_HTTP, Target, run_one
from behavry.conformance.report import compare
from behavry.conformance.serving import fixture_over_http
from behavry.conformance.suite import SUITES, Suite, run_suite
from behavry.conformance.toolbox import Toolbox, ToolboxError, find

TOKEN = "not.a.secret"
# What concerns one connection, and what the client library computes anew.
HOP = {"connection", "transfer-encoding", "content-length", "content-encoding", "keep-alive", "date", "server"}

pytestmark = [pytest.mark.processes, pytest.mark.slow]


@pytest.fixture
def tools() -> Toolbox:
    try:
        return find(Path("var/conformance"))
    except ToolboxError as missing:
        pytest.skip(str(missing))


@asynccontextmanager
async def relay(upstream: str, *, lie: bool) -> AsyncIterator[str]:
    """Passes everything on for who brings the token; when it lies, it spells one member wrongly."""
    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def passes(request: web.Request) -> web.StreamResponse:
            if request.headers.get("Authorization") != f"Bearer {TOKEN}":
                return web.Response(status=401)
            # A gateway speaks to its backend under the backend's own name, after having judged the caller's.
            sent = {
                name: value for name, value in request.headers.items() if name.lower() not in {*HOP, "authorization"}
            }
            if "evil" not in sent["Host"]:
                sent.pop("Host")
                sent.pop("Origin", None)
            body = await request.read()
            async with session.request(request.method, upstream, headers=sent, data=body or None) as got:
                kept = {name: value for name, value in got.headers.items() if name.lower() not in HOP}
                answer = web.StreamResponse(status=got.status, headers=kept)
                await answer.prepare(request)
                async for chunk in got.content.iter_any():
                    await answer.write(chunk.replace(b'"ttlMs"', b'"ttlms"') if lie else chunk)
                await answer.write_eof()
                return answer

        application = web.Application()
        application.router.add_route("*", "/mcp/v1/fixture", passes)
        runner = web.AppRunner(application, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/mcp/v1/fixture"
        finally:
            await runner.cleanup()


@pytest.mark.parametrize("suite", SUITES[:-1], ids=lambda suite: suite.title)
async def test_the_fixture_passes_every_scenario_of_the_sessions_era(tools: Toolbox, suite: Suite) -> None:
    async with fixture_over_http() as direct:
        outcomes = await run_suite(tools, suite, direct)
    assert len(outcomes) > 30
    assert not [name for name, outcome in outcomes.items() if not outcome.passed]


async def test_it_finds_no_difference_behind_an_honest_relay_that_wants_a_token(tools: Toolbox) -> None:
    suite = SUITES[-1]
    async with fixture_over_http() as direct, relay(direct, lie=False) as through:
        expected = await run_suite(tools, suite, direct)
        got = await run_suite(tools, suite, through, TOKEN)
    assert len(expected) > 30
    assert not [name for name, outcome in expected.items() if not outcome.passed]
    assert not list(compare(suite, expected, got, OVER_HTTP))


async def test_it_names_the_scenario_that_a_meddling_relay_changes(tools: Toolbox) -> None:
    suite = Suite("one", "suite-0.2", ("--scenario", "caching", "--spec-version", "2026-07-28"))
    async with fixture_over_http() as direct, relay(direct, lie=True) as through:
        (found,) = await run_one(tools, suite, [Target(DIRECT, direct), Target(OVER_HTTP, through, TOKEN)])
    assert (found.scenario, found.column) == ("caching", OVER_HTTP)
    assert found.why.startswith("ok became FAIL")
