"""`python -m behavry.conformance`: both suites directly and through the gateway; fails where a column differs."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from behavry.conformance import report, toolbox
from behavry.conformance.report import Column, Difference
from behavry.conformance.serving import HTTP_SERVER, STDIO_SERVER, NotStartedError, fixture_over_http, start_gateway
from behavry.conformance.suite import SUITES, Suite, SuiteError, run_suite
from behavry.conformance.toolbox import Toolbox, ToolboxError

DIRECT = "direct"
OVER_HTTP = "gateway, http"
OVER_STDIO = "gateway, stdio"


@dataclass(frozen=True, slots=True)
class Target:
    column: str
    url: str
    token: str = field(default="", repr=False)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        found = toolbox.install(options.tools)
        if options.install:
            _say(f"Node and the suites are in {options.tools}")
            return 0
        return asyncio.run(_run(found, options))
    except (ToolboxError, SuiteError, NotStartedError) as problem:
        _say(str(problem))
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m behavry.conformance", description=__doc__)
    parser.add_argument("--install", action="store_true", help="only install Node 22 and the suites")
    parser.add_argument("--tools", type=Path, default=Path("var/conformance"), help="where Node and the suites are")
    parser.add_argument("--direct-only", action="store_true", help="leave the gateway out")
    parser.add_argument("--gateway-url-http", metavar="URL", help="a running gateway with the fixture behind HTTP")
    parser.add_argument("--gateway-url-stdio", metavar="URL", help="a running gateway with the fixture behind stdio")
    parser.add_argument("--fixture-url", metavar="URL", help="the running fixture, instead of one of its own")
    parser.add_argument("--token-env", metavar="VAR", help="environment variable with the agent's bearer token")
    return parser


async def _run(tools: Toolbox, options: argparse.Namespace) -> int:
    async with AsyncExitStack() as stack:
        direct = options.fixture_url or await stack.enter_async_context(fixture_over_http())
        targets = [Target(DIRECT, direct)]
        if not options.direct_only:
            targets += await _gateway(stack, options, direct)
        differences: list[Difference] = []
        for suite in SUITES:
            differences += await run_one(tools, suite, targets)
    for difference in differences:
        _say(f"differs: {difference.suite}: {difference.scenario} ({difference.column}): {difference.why}")
    if len(targets) > 1 and not differences:
        _say("Every scenario gives the same result directly and through the gateway.")
    return 1 if differences else 0


async def _gateway(stack: AsyncExitStack, options: argparse.Namespace, fixture: str) -> list[Target]:
    """The gateway that was named, or one of our own."""
    if options.gateway_url_http or options.gateway_url_stdio:
        token = os.environ.get(options.token_env or "", "")
        given = ((OVER_HTTP, options.gateway_url_http), (OVER_STDIO, options.gateway_url_stdio))
        return [Target(column, url, token) for column, url in given if url]
    running = await stack.enter_async_context(start_gateway(fixture))
    servers = ((OVER_HTTP, HTTP_SERVER), (OVER_STDIO, STDIO_SERVER))
    return [Target(column, running.url(server), running.token) for column, server in servers]


async def run_one(tools: Toolbox, suite: Suite, targets: Sequence[Target]) -> list[Difference]:
    columns: dict[str, Column] = {}
    for target in targets:
        columns[target.column] = await run_suite(tools, suite, target.url, target.token)
    for line in report.table(suite, columns):
        _say(line)
    others = [name for name in columns if name != DIRECT]
    return [found for name in others for found in report.compare(suite, columns[DIRECT], columns[name], name)]


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
