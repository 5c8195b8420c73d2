"""A replay of 100,000 recorded calls: the base rules and 60 of a tenant's own in 12 policies, one of them changed.

The inputs differ in agent, tool, path, text and size, and are written through the log's own appender, with their
entries. Timed is what a worker does from the first turn to the result, turn by turn as tasks run it, compiling
included; not timed are writing the inputs and the pause of up to two seconds that beat leaves between turns.
"""

import asyncio
import random
import resource
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson
import uvloop
from django.conf import settings

from apps.audit.appender import Appender
from apps.decision.types import JSON
from apps.policies.models import Policy, PolicyVersion
from apps.policies.permissions import Person
from apps.policies.services import replays
from apps.policies.services.policies import digest_of
from apps.policies.tasks import REPLAY_SECONDS
from apps.tenants.context import in_tenant
from apps.tenants.roles import Role
from apps.tenants.services import create_tenant
from bench import rulebook60
from bench.appends import entry

INPUTS = 100_000
AT_ONCE = 512
WORDS = ("report", "invoice", "draft", "customer", "budget", "plan", "review", "meeting", "minutes")
VERBS = (
    ("read", "read_file"),
    ("read", "search"),
    ("write", "write_file"),
    ("delete", "delete_file"),
    ("send", "post"),
)
BY = Person("user:bench", None, Role.ADMIN)


def measure(number: int = INPUTS) -> dict[str, Any]:
    slug = f"replay{uuid.uuid4().hex[:8]}"
    schema = create_tenant(name=slug, slug=slug, hosts=[f"{slug}.test"]).schema_name
    uvloop.run(_write(schema, number))
    with in_tenant(schema):
        candidate = _policies()
        row = replays.of_version(candidate.pk, by=BY, number=2)
        began, processor = time.perf_counter(), time.process_time()
        while replays.work("bench", seconds=REPLAY_SECONDS):
            pass
        took, processor = time.perf_counter() - began, time.process_time() - processor
        row.refresh_from_db()
    if (row.status, row.done) != ("done", number):
        raise RuntimeError(f"the replay is {row.status} after {row.done} inputs: {row.problem}")
    return {
        "replay_s": round(took, 2),
        "replay_cpu_s": round(processor, 2),
        "replay_inputs": row.done,
        "replay_flips": row.flips,
        "replay_errors": row.errors_after + row.errors_before + row.unreadable,
        "replay_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _policies() -> Policy:
    """Twelve policies in effect. The first one has a second version, which forbids other paths and fewer things."""
    found = []
    for name, text in sorted(rulebook60.modules().items()):
        if name.startswith("pack"):
            content = text.replace("package behavry.rules.", "package behavry.tenant.")
            policy = Policy.objects.create(name=name, slug=name.removesuffix(".rego"))
            policy.active_version, policy.status = _version(policy, 1, content), Policy.Status.ACTIVE
            policy.save()
            found.append(policy)
            _version(policy, 2, content.replace('"/etc/', '"/srv/team/').replace("> 5", "> 2"))
    return found[0]


def _version(policy: Policy, number: int, content: str) -> PolicyVersion:
    return PolicyVersion.objects.create(
        policy=policy, number=number, content=content, digest=digest_of(content), author="bench"
    )


async def _write(schema: str, number: int) -> None:
    appender, waiting = Appender(settings.DATABASE_URL), set[Any]()
    for document in _documents(number):
        agent, request = document["agent"], document["request"]
        decided = replace(
            entry(), agent_id=agent["id"], tool_name=request["tool_name"], target=request["resource"],
            mcp_server=request["mcp_server"], action=request["action"],
        )  # fmt: skip
        waiting.add(appender.enqueue(schema, decided, orjson.dumps(document)))
        if len(waiting) >= AT_ONCE:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
    await asyncio.gather(*waiting)
    await appender.close()


def _documents(number: int) -> Iterator[JSON]:
    chance = random.Random(7)
    agents = [
        {
            "id": str(uuid.UUID(int=n)), "name": f"agent-{n}", "status": "active",
            "roles": ["reader", f"operator{n % 12}"],
            "permissions": [f"{chance.choice(rulebook60.KINDS)}:*", "filesystem:read", "generic:*"],
            "risk_tier": chance.choice(("low", "low", "medium", "high", "critical")),
        }
        for n in range(40)
    ]  # fmt: skip
    for n in range(number):
        action, tool = chance.choice(VERBS)
        kind = chance.choice(rulebook60.KINDS)
        path = f"/srv/team/{chance.randrange(12)}/{'/'.join(chance.choices(WORDS, k=3))}-{n % 5000}.txt"
        text = " ".join(chance.choices(WORDS, k=chance.choice((5, 20, 60, 120))))
        found = n % 50 == 0
        yield {
            "agent": chance.choice(agents),
            "request": {
                "method": "tools/call", "tool_name": tool, "action": action, "resource": path, "resource_kind": kind,
                "resource_count": chance.choice((1, 1, 1, 12, 60)), "mcp_server": f"{kind}-server",
                "parameters": {"path": path, "content": "[REDACTED]" if found else text, "tags": WORDS[: n % 9]},
                "reach": {"paths": [path], "names": [path.rpartition("/")[2]], "recipients": 0, "items": 1},
            },
            "context": {"tenant": "bench", "session_id": f"s{n % 97}", "time_ns": 1_790_000_000_000_000_000 + n},
            "requester": {"id": chance.choice(("ada", "grace", "")), "channel": "chat", "verified": False},
            "workflow_session": None, "delegation": None,
            "dlp": {"has_findings": found, "findings": []}, "inbound": {"has_findings": False, "findings": []},
        }  # fmt: skip
