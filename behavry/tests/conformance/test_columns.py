"""The whole harness: a stand-in for the gateway that wants a token, honest once and lying once."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from behavry.conformance import __main__ as harness
from behavry.conformance.report import Difference
from behavry.conformance.serving import fixture_over_http
from behavry.conformance.suite import SUITES, Suite
from behavry.conformance.toolbox import ToolboxError, find

TOKEN_VARIABLE = "CONFORMANCE_TEST_TOKEN"
TOKEN = "not.a.secret"
# What concerns one connection, and what the client library computes anew.
HOP = {"connection", "transfer-encoding", "content-length", "content-encoding", "keep-alive", "date", "server"}

pytestmark = [pytest.mark.processes, pytest.mark.slow]


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        find(Path("var/conformance"))
    except ToolboxError as missing:
        pytest.skip(str(missing))
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)


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


async def _differences(*, lie: bool, suites: Sequence[Suite]) -> list[Difference]:
    tools = find(Path("var/conformance"))
    found: list[Difference] = []
    async with fixture_over_http() as direct, relay(direct, lie=lie) as through:
        targets = [harness.Target(harness.DIRECT, direct), harness.Target(harness.OVER_HTTP, through, TOKEN)]
        for suite in suites:
            found += await harness.run_one(tools, suite, targets)
    return found


async def test_it_finds_no_difference_behind_an_honest_relay_that_wants_a_token() -> None:
    assert not await _differences(lie=False, suites=SUITES)


async def test_it_names_the_scenarios_that_a_meddling_relay_changes() -> None:
    found = await _differences(lie=True, suites=SUITES[-1:])
    assert {difference.column for difference in found} == {harness.OVER_HTTP}
    assert "http-header-validation" in {difference.scenario for difference in found}
