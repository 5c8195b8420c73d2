"""Runs one of the two public suites against one URL and reads back what each scenario gave."""

import asyncio
import json
import os
import re
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from behavry.conformance.toolbox import Toolbox

PRELOAD = Path(__file__).parent / "preload.mjs"
RUN_TIMEOUT = 600.0
_RESULT = re.compile(r"server-(?P<scenario>.+)-\d{4}-\d\d-\d\dT[\d-]+Z$")


class SuiteError(Exception):
    """The suite itself did not run; this says nothing about the server."""


@dataclass(frozen=True, slots=True)
class Suite:
    """One column group: which package, and which of its scenarios. `required` is empty where all of them count."""

    title: str
    package: str
    options: tuple[str, ...]


SUITES = (
    Suite("0.1.16, stateful", "suite-0.1", ("--suite", "all")),
    Suite("0.2.0-alpha.12, 2025-11-25", "suite-0.2", ("--requirements", "2025-11-25")),
    Suite("0.2.0-alpha.12, 2026-07-28", "suite-0.2", ("--requirements", "2026-07-28")),
)


class Verdict(StrEnum):
    PASSED = "ok"
    WARNED = "warn"
    FAILED = "FAIL"
    MISSING = "none"


@dataclass(frozen=True, slots=True)
class Check:
    id: str
    status: str  # SUCCESS, FAILURE, WARNING, SKIPPED, INFO
    error: str


@dataclass(frozen=True, slots=True)
class Outcome:
    checks: tuple[Check, ...]

    @property
    def counts(self) -> Mapping[str, int]:
        return Counter(check.status for check in self.checks)

    @property
    def verdict(self) -> Verdict:
        if not self.checks:
            return Verdict.MISSING
        if self.counts.get("FAILURE"):
            return Verdict.FAILED
        return Verdict.WARNED if self.counts.get("WARNING") else Verdict.PASSED

    @property
    def passed(self) -> bool:
        return self.verdict in (Verdict.PASSED, Verdict.WARNED)


NOTHING = Outcome(())


async def run_suite(toolbox: Toolbox, suite: Suite, url: str, token: str = "") -> dict[str, Outcome]:
    """Every scenario of the suite against `url`; with a token, each request carries it as a bearer."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as scratch:
        command = toolbox.command(suite.package, "server", "--url", url, *suite.options, "-o", scratch)
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=scratch,
            env=_environment(url, token),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(RUN_TIMEOUT):
                shown, _ = await process.communicate()
        except TimeoutError as late:
            raise SuiteError(f"The suite {suite.title} did not end within {RUN_TIMEOUT:.0f} s") from late
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        outcomes = read_outcomes(Path(scratch))
    if not outcomes:
        raise SuiteError(f"The suite {suite.title} left no results: {shown.decode(errors='replace')[-2000:]}")
    return outcomes


def read_outcomes(directory: Path) -> dict[str, Outcome]:
    found: dict[str, Outcome] = {}
    for result in sorted(directory.glob("server-*/checks.json")):
        named = _RESULT.match(result.parent.name)
        if named is not None:
            found[named["scenario"]] = Outcome(tuple(_check(entry) for entry in json.loads(result.read_bytes())))
    return found


def _check(entry: Mapping[str, object]) -> Check:
    return Check(str(entry.get("id", "")), str(entry.get("status", "")), str(entry.get("errorMessage") or ""))


def _environment(url: str, token: str) -> dict[str, str]:
    # The suite needs the caller's PATH and locale, and must not meet the caller's own Node options.
    environment = {**os.environ, "NODE_OPTIONS": ""}
    if token:
        parts = urlsplit(url)
        environment |= {
            "NODE_OPTIONS": f"--import={PRELOAD.as_uri()}",
            "CONFORMANCE_ORIGIN": f"{parts.scheme}://{parts.netloc}",
            "CONFORMANCE_TOKEN": token,
        }
    return environment
