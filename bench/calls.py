"""Whole governed calls against one real gateway process, beside an aiohttp pass-through in front of the same upstream.

Each figure comes from the same load generator, in turns. "Added" is governed minus direct to the upstream, both at half
of the governed maximum. The overload run offers more connections than the process admits.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
from django.conf import settings
from django.db import connection

from apps.agents import services as agents
from apps.audit.verification import walk
from apps.policies.services import limits
from apps.tenants.context import in_operator, in_tenant
from apps.tenants.models import TenantConfig
from apps.tenants.services import create_tenant
from behavry.embedded import ROOT, free_port
from behavry.processes import Processes

CONNECTIONS, SECONDS, MANY = 32, 6.0, 1_000_000


def load(url: str, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.load", url, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


@contextmanager
def stage(directory: Path) -> Iterator[dict[str, Any]]:
    """An upstream, a pass-through and a gateway, with a tenant whose host is 127.0.0.1 and one permitted agent."""
    upstream, passthrough, gateway = free_port(), free_port(), free_port()
    slug = f"calls{gateway}"
    schema = create_tenant(name=slug, slug=slug, hosts=["127.0.0.1"]).schema_name
    with in_operator():
        TenantConfig.objects.filter(tenant__schema_name=schema).update(max_rpm_per_agent=MANY)
    with in_tenant(schema):
        rates = {"per_minute": MANY, "burst": 100_000, "concurrent": 10_000}  # never met: what is measured is the calls
        limits.configure_rate_limits(actor="system", changes=rates)
        url = f"http://127.0.0.1:{upstream}/mcp"
        agents.register_server(name="bench", transport="http", actor="system", kind="filesystem", url=url)
        made = agents.register(name="bench", actor="system", permissions=["filesystem:read"])
        grant = agents.issue_token(client_id=made.agent.client_id, client_secret=made.client_secret)
    token = directory / "token"
    token.write_text(grant.access_token)
    token.chmod(0o600)
    with Processes(environment(), directory) as processes:
        python = sys.executable
        processes.start("upstream", [python, "-m", "bench.upstream", "--port", str(upstream)])
        yardstick = processes.start(
            "passthrough",
            [python, "-W", "ignore", "-m", "bench.passthrough", "--port", str(passthrough), "--upstream", url],
        )
        server = ["-m", "uvicorn", "behavry.asgi:gateway", "--host", "127.0.0.1", "--port", str(gateway)]
        server += ["--http", "apps.gateway.serving:HttpProtocol", "--no-access-log", "--log-level", "warning"]
        process = processes.start("gateway", [python, *server])
        found = {
            "schema": schema,
            "token": token,
            "direct": url,
            "passthrough": f"http://127.0.0.1:{passthrough}/mcp",
            "governed": f"http://127.0.0.1:{gateway}/mcp/v1/bench",
            "process": psutil.Process(process.pid),
            "yardstick": psutil.Process(yardstick.pid),
        }
        _await(found, processes)
        yield found


def environment() -> dict[str, str]:
    return {**os.environ, "BEHAVRY_LOG_LEVEL": "WARNING"}


def _await(found: dict[str, Any], processes: Processes) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        processes.raise_if_any_ended()
        try:
            httpx.post(found["governed"], timeout=1)
            httpx.post(found["passthrough"], timeout=1)
            return
        except httpx.HTTPError:
            time.sleep(0.1)
    raise RuntimeError("the processes of the benchmark did not come up; see their logs")


def _entries(schema: str, kind: str) -> int:
    with in_tenant(schema), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit_entry WHERE kind = %s", [kind])
        return int(cursor.fetchone()[0])


def measure(memory_calls: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as directory, stage(Path(directory)) as found:
        credentials = ("--token-file", str(found["token"]), "--header", "MCP-Protocol-Version: 2025-11-25")
        many = ("--connections", str(CONNECTIONS), "--seconds", str(SECONDS))
        load(found["governed"], *credentials, "--connections", "4", "--seconds", "1")
        passthrough, yardstick_us = _with_cpu(found["yardstick"], found["passthrough"], *many)
        governed, governed_us = _with_cpu(found["process"], found["governed"], *many, *credentials)
        half = ("--connections", str(CONNECTIONS), "--seconds", str(SECONDS), "--rate", str(governed["rps"] / 2))
        slow, direct = load(found["governed"], *half, *credentials), load(found["direct"], *half)
        large = _beside_large(found, credentials)
        memory = _memory(found, credentials, memory_calls, governed["rps"])
        return {
            "governed_rps": governed["rps"],
            "passthrough_rps": passthrough["rps"],
            "ratio": round(governed["rps"] / passthrough["rps"], 3),
            "governed_cpu_us": governed_us,
            "passthrough_cpu_us": yardstick_us,
            "added_p50_ms": round(slow["p50_ms"] - direct["p50_ms"], 2),
            "added_p99_ms": round(slow["p99_ms"] - direct["p99_ms"], 2),
            **large,
            **memory,
            **_overload(found, credentials, governed["rps"]),
        }


def _with_cpu(process: psutil.Process, url: str, *arguments: str) -> tuple[dict[str, Any], float]:
    """A run, and what each of its calls cost the process in microseconds of CPU: that hardly depends on what else
    the machine does."""
    before = process.cpu_times()
    found = load(url, *arguments)
    after = process.cpu_times()
    spent = after.user + after.system - before.user - before.system
    return found, round(spent / max(1, sum(found["statuses"].values())) * 1e6, 1)


def _beside_large(found: dict[str, Any], credentials: tuple[str, ...]) -> dict[str, Any]:
    """Small calls at a low rate, alone and while another agent's connection fetches 1 MB again and again."""
    few = ("--connections", "8", "--seconds", str(SECONDS), "--rate", "100")
    alone = load(found["governed"], *few, *credentials)
    with ThreadPoolExecutor(1) as pool:
        large = ("--connections", "1", "--seconds", str(SECONDS), "--tool", "read_all")
        passing = pool.submit(load, found["governed"], *large, *credentials)
        beside = load(found["governed"], *few, *credentials)
        passed = passing.result()
    if set(passed["statuses"]) != {"200"}:
        raise AssertionError(f"1 MB results did not pass: {passed}")
    return {
        "beside_none_ms": f"{alone['p50_ms']:.1f} / {alone['p99_ms']:.1f}",
        "beside_large_ms": f"{beside['p50_ms']:.1f} / {beside['p99_ms']:.1f}",
        "beside_large_p99_ms": beside["p99_ms"],
        "large_per_s": passed["rps"],
    }


def _memory(found: dict[str, Any], credentials: tuple[str, ...], calls: int, rate: float) -> dict[str, Any]:
    readings = []
    for _ in range(2):
        load(found["governed"], "--connections", "32", "--seconds", str(max(1.0, calls / 2 / rate)), *credentials)
        readings.append(found["process"].memory_info().rss / 1e6)
    return {"rss_mb": round(readings[1], 1), "rss_growth_mb": round(readings[1] - readings[0], 1)}


def _overload(found: dict[str, Any], credentials: tuple[str, ...], rate: float) -> dict[str, Any]:
    connections = str(2 * settings.BEHAVRY_GATEWAY_MAX_IN_FLIGHT)
    before = _entries(found["schema"], "call.decision")
    flood = load(found["governed"], "--connections", connections, "--seconds", "5", *credentials)
    after = load(found["governed"], "--connections", "32", "--seconds", "2", *credentials)
    time.sleep(0.5)
    logged = _entries(found["schema"], "call.decision") - before
    answered = flood["calls"] + after["calls"]
    with in_tenant(found["schema"]):
        intact = not walk().breaks
    return {
        "overload_shed": flood["statuses"].get("429", 0),
        "overload_rps": flood["rps"],
        "recovered_rps": after["rps"],
        "overload_ok": bool(
            flood["statuses"].get("429")
            and not flood["failed"]
            and logged >= answered
            and intact
            and after["rps"] >= 0.7 * rate
        ),
    }
