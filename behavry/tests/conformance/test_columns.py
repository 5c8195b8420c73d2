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
from behavry.conformance.suite import SUITES, Suite, Verdict, run_suite
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
    """Passes everything on for who brings the token; when it lies, it renames one tool."""
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
                    await answer.write(chunk.replace(b"test_simple_text", b"test_simple_t3xt") if lie else chunk)
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


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.title)
async def test_it_finds_no_difference_behind_an_honest_relay_that_wants_a_token(tools: Toolbox, suite: Suite) -> None:
    async with fixture_over_http() as direct, relay(direct, lie=False) as through:
        expected = await run_suite(tools, suite, direct)
        got = await run_suite(tools, suite, through, TOKEN)
    assert not [name for name, outcome in expected.items() if outcome.verdict in (Verdict.FAILED, Verdict.MISSING)]
    assert len(expected) > 30
    assert not list(compare(suite, expected, got, OVER_HTTP))


async def test_it_names_the_scenarios_that_a_meddling_relay_changes(tools: Toolbox) -> None:
    async with fixture_over_http() as direct, relay(direct, lie=True) as through:
        found = await run_one(tools, SUITES[-1], [Target(DIRECT, direct), Target(OVER_HTTP, through, TOKEN)])
    assert {difference.column for difference in found} == {OVER_HTTP}
    assert "http-header-validation" in {difference.scenario for difference in found}
