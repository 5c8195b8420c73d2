"""What `make run` shows: seeds the demo, drives its agent, verifies the log, and says where to go next."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from behavry.demo import agent
from behavry.demo.person import Person
from behavry.embedded import ROOT, ServiceError

RULE = "─" * 100


@dataclass(frozen=True, slots=True)
class Demo:
    """The logins of the demo tenant, made once and kept in var/demo.json."""

    admin_password: str
    operator_password: str
    client_id: str
    client_secret: str
    state: Path


def seed(env: Mapping[str, str], var: Path, *, web_port: int) -> Demo:
    state = var / "demo.json"
    command = [sys.executable, "-m", "behavry.demo.seed", str(state), "--web-port", str(web_port)]
    done = subprocess.run(command, env=dict(env), cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise ServiceError(f"The demo could not be prepared:\n{done.stderr[-2000:]}")
    found = json.loads(state.read_text())
    return Demo(found["admin_password"], found["operator_password"], found["client_id"], found["client_secret"], state)


def drive(demo: Demo, base_url: str) -> bool:
    """Take the agent's steps, print what became of each, and say whether all went as the demo intends."""

    async def collect() -> list[agent.Step]:
        async with Person().at_work(base_url, "admin", demo.admin_password) as person:
            return [step async for step in agent.run(base_url, demo.client_id, demo.client_secret, person)]

    steps = asyncio.run(collect())
    heading, *rows = agent.table(steps)
    _say(heading)
    _say(RULE)
    for row in rows:
        _say(row)
    surprises = [step for step in steps if not step.as_expected]
    for step in surprises:
        _say(f"unexpected: {step.server} {step.what}: {step.outcome}, should be {step.expected}")
    return not surprises


def verify(env: Mapping[str, str]) -> bool:
    """Verify the demo tenant's whole chain; prints the command's own words."""
    command = [sys.executable, "manage.py", "audit_verify", "--schema", "t_demo"]
    _say("")
    return subprocess.run(command, env=dict(env), cwd=ROOT, check=False).returncode == 0  # noqa: S603


def farewell(demo: Demo, base_url: str, *, seconds: float) -> str:
    operator = base_url.replace("localhost", "operator.localhost", 1)
    return "\n".join(
        (
            "",
            f"Console   {base_url}/admin/             admin / {demo.admin_password}",
            f"Operator  {operator}/admin/    operator / {demo.operator_password}",
            f"API       {base_url}/api/v1/schema      (OpenAPI)",
            f"Gateway   {base_url}/mcp/v1/files       agent credentials in {demo.state}",
            "",
            f"ready after {seconds:.0f} s; Ctrl-C stops everything",
        )
    )


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - this is a command line
