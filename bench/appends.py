"""Durable appends per second: 64 callers, each waiting for its entry before the next, fsync on, one process.

Once bare, and once with the decision's input document beside each entry, as every policy-judged call has it.
"""

import asyncio
import time
import uuid
from datetime import UTC, datetime
from typing import Any

import orjson
import uvloop
from django.conf import settings

from apps.audit.appender import Appender
from apps.decision.events import Entry, EventKind
from apps.tenants.services import create_tenant

CONCURRENCY, SECONDS = 64, 5.0
DOCUMENT = orjson.dumps(
    {"agent": {"id": "bench", "roles": ["reader"] * 4}, "request": {"parameters": {"text": "x" * 900}}}
)


def entry() -> Entry:
    return Entry(
        id=uuid.uuid4(),
        kind=EventKind.CALL_DECISION,
        at=datetime.now(UTC),
        actor="agent:bench",
        agent_id="bench",
        session_id="bench",
        action="read",
        target="notes/plan.md",
        tool_name="read_note",
        mcp_server="bench",
        method="tools/call",
        policy_result="allow",
        policy_id="permission_match",
        policy_reason="The agent may read",
        stage="policy",
        input_hash="0" * 64,
    )


async def _run(schema: str, document: bytes | None) -> float:
    appender = Appender(settings.DATABASE_URL)
    until = time.perf_counter() + SECONDS
    done = 0

    async def caller() -> None:
        nonlocal done
        while time.perf_counter() < until:
            await appender.append(schema, entry(), document, acts=True)
            done += 1

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(CONCURRENCY)))
    took = time.perf_counter() - began
    await appender.close()
    return done / took


def measure() -> dict[str, Any]:
    slug = f"appends{uuid.uuid4().hex[:8]}"
    schema = create_tenant(name=slug, slug=slug, hosts=[f"{slug}.test"]).schema_name
    return {
        "appends_per_s": round(uvloop.run(_run(schema, None))),
        "appends_with_input_per_s": round(uvloop.run(_run(schema, DOCUMENT))),
    }
