"""The kill switch under load: two gateway processes, a web process, and agents of two tenants that never tire.

Each trial engages over REST, goes on hammering, and releases. The upstream notes when each call arrived, on the same
monotonic clock that notes when the answer to the engagement was there: no call may arrive after it. The second tenant's
agents hammer all the while and must not notice.
"""

import random
import struct
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from django.contrib.auth.models import Group, User

from apps.agents import services as agents
from apps.policies.models import RateLimitSetting
from apps.policies.services.tenant import configure
from apps.tenants.context import in_tenant
from apps.tenants.roles import Role
from apps.tenants.services import create_tenant
from behavry.embedded import free_port
from behavry.processes import Processes
from bench.calls import environment
from bench.hammer import ALLOWED, NOTE, REFUSED
from bench.upstream import STAMP

TRIALS = 200
AFTER_SECONDS = 0.3  # how long the hammering goes on after the answer
ENGAGE = {"action": "engage", "reason": "A trial of the kill switch."}
RELEASE = {"action": "release", "reason": "The trial is over for now."}


@dataclass
class Noted:
    """A file that another process appends fixed-size notes to, read as far as it has come."""

    path: Path
    shape: struct.Struct
    read: int = 0

    def news(self) -> list[tuple[Any, ...]]:
        with self.path.open("rb") as file:
            file.seek(self.read)
            data = file.read()
        data = data[: len(data) // self.shape.size * self.shape.size]
        self.read += len(data)
        return list(self.shape.iter_unpack(data))


@dataclass(frozen=True)
class Side:
    """A tenant, its agents' notes and its upstream's stamps."""

    schema: str
    host: str
    token: Path
    access: str
    calls: Noted
    arrivals: Noted


@dataclass(frozen=True)
class Stage:
    web: str
    stopped: Side
    bystander: Side
    processes: Processes

    def turn(self, body: dict[str, str]) -> tuple[float, float, dict[str, Any]]:
        """When the request was sent, when its answer was there, and what it said."""
        headers = {"Host": self.stopped.host, "Authorization": f"Bearer {self.stopped.access}"}
        asked = time.monotonic()
        answer = httpx.post(f"{self.web}/api/v1/admin/killswitch", json=body, headers=headers, timeout=30)
        came = time.monotonic()
        if answer.status_code != 200:
            raise RuntimeError(f"the kill switch answered {answer.status_code}: {answer.text[:300]}")
        return asked, came, dict(answer.json())


@contextmanager
def stage(directory: Path, *, hammers: int = 2) -> Iterator[Stage]:
    """`hammers`: how many agents of the stopped tenant call each gateway at any time."""
    web = free_port()
    gateways = [free_port(), free_port()]
    with Processes(environment(), directory) as processes:
        sides = [_side(directory, name, processes) for name in ("stopped", "bystander")]
        serve = [sys.executable, "-m", "uvicorn", "--host", "127.0.0.1", "--no-access-log", "--log-level", "warning"]
        serve += ["--http", "apps.gateway.serving:HttpProtocol"]
        for number, port in enumerate(gateways):
            processes.start(f"gateway{number}", [*serve, "behavry.asgi:gateway", "--port", str(port)])
        processes.start("web", [*serve, "behavry.asgi:application", "--port", str(web)])
        for port in (web, *gateways):
            _await(port, processes)
        urls = [word for port in gateways for word in ("--url", f"http://127.0.0.1:{port}/mcp/v1/bench")]
        for side, number, pause in ((sides[0], hammers, 0.0), (sides[1], 1, 0.02)):
            command = [sys.executable, "-m", "bench.hammer", *urls, "--host", side.host, "--agents", str(number)]
            command += ["--pause", str(pause), "--token-file", str(side.token), "--out", str(side.calls.path)]
            processes.start(f"agents of {side.schema}", command)
        yield Stage(f"http://127.0.0.1:{web}", sides[0], sides[1], processes)


def _side(directory: Path, name: str, processes: Processes) -> Side:
    port = free_port()
    slug = f"{name}{uuid.uuid4().hex[:8]}"
    host = f"{slug}.test"
    schema = create_tenant(name=slug, slug=slug, hosts=[host]).schema_name
    stamps, calls, token = (directory / f"{name}.{kind}" for kind in ("stamps", "calls", "token"))
    with in_tenant(schema):
        configure(actor="system", changes={"max_rpm_per_agent": 1_000_000})
        RateLimitSetting.objects.create(per_minute=1_000_000, burst=1_000_000, concurrent=1_000)
        url = f"http://127.0.0.1:{port}/mcp"
        agents.register_server(name="bench", transport="http", actor="system", kind="filesystem", url=url)
        made = agents.register(name="bench", actor="system", permissions=["filesystem:read"])
        grant = agents.issue_token(client_id=made.agent.client_id, client_secret=made.client_secret)
        user = User.objects.create(username="bench")
        user.groups.add(Group.objects.get_or_create(name=Role.ADMIN.group)[0])
        hour = timedelta(hours=1)
        access = agents.create_access_token(user, name="bench", role=Role.ADMIN, ttl=hour, actor="system")
    token.touch(0o600)
    token.write_text(grant.access_token)
    for path in (stamps, calls):
        path.touch()
    command = [sys.executable, "-m", "bench.upstream", "--port", str(port), "--stamps", str(stamps)]
    processes.start(f"upstream of {name}", command)
    return Side(schema, host, token, access.token, Noted(calls, NOTE), Noted(stamps, STAMP))


def _await(port: int, processes: Processes) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        processes.raise_if_any_ended()
        try:
            if httpx.get(f"http://127.0.0.1:{port}/health", timeout=1).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    raise RuntimeError("a process of the benchmark did not come up; see its log")


@dataclass(frozen=True)
class Trial:
    """`late` calls reached the upstream after the answer. Seconds: request to answer, answer to the first refusal that
    came after it, request to the last call that was still forwarded."""

    late: int
    answered: float
    refused: float
    last: float
    announced: bool


def run(stage: Stage, trials: int) -> tuple[list[Trial], dict[str, int]]:
    found = []
    bystander = {"forwarded": 0, "refused": 0}
    for _ in range(trials):
        stage.processes.raise_if_any_ended()
        _await_flow(stage.stopped)
        time.sleep(random.uniform(0, 0.05))
        stage.stopped.arrivals.news()
        stage.bystander.arrivals.news()
        asked, came, said = stage.turn(ENGAGE)
        time.sleep(AFTER_SECONDS)
        over = time.monotonic()
        arrivals = [at for (at,) in stage.stopped.arrivals.news()]
        refusals = [back for _, back, what in stage.stopped.calls.news() if what == REFUSED and back > came]
        bystander["forwarded"] += sum(came < at < over for (at,) in stage.bystander.arrivals.news())
        bystander["refused"] += sum(what != ALLOWED for _, _, what in stage.bystander.calls.news())
        found.append(
            Trial(
                late=sum(at > came for at in arrivals),
                answered=came - asked,
                refused=min(refusals) - came if refusals else float("inf"),
                last=max((at for at in arrivals), default=asked) - asked,
                announced=bool(said["announced"]),
            )
        )
        stage.turn(RELEASE)
    return found, bystander


def _await_flow(side: Side, enough: int = 20) -> None:
    """Until calls go through again at both gateways."""
    side.calls.news()
    deadline, seen = time.monotonic() + 30, 0
    while seen < enough:
        if time.monotonic() > deadline:
            raise RuntimeError("no call is forwarded, although nothing stops the tenant")
        time.sleep(0.01)
        seen += sum(what == ALLOWED for _, _, what in side.calls.news())


def measure(trials: int = TRIALS) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as directory, stage(Path(directory)) as found:
        done, bystander = run(found, trials)
    answered, refused, last = (
        sorted(getattr(trial, name) * 1000 for trial in done) for name in ("answered", "refused", "last")
    )
    return {
        "kill_trials": len(done),
        "kill_late": sum(trial.late for trial in done),
        "kill_unannounced": sum(not trial.announced for trial in done),
        "kill_answer_ms": _percentiles(answered),
        "kill_last_forwarded_ms": _percentiles(last),
        "kill_refused_ms": _percentiles(refused),
        "kill_bystander": f"{bystander['forwarded']:,} forwarded, {bystander['refused']} refused",
    }


def _percentiles(values: list[float]) -> str:
    return f"{values[len(values) // 2]:.1f} / {values[min(len(values) - 1, int(len(values) * 0.99))]:.1f}"
