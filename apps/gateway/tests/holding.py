"""What the tests of held calls share: a tenant with a server whose broadcasts need a person, and the people."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
from aiohttp import web
from django.utils import timezone

from apps.exceptions.models import Escalation
from apps.exceptions.services import resolutions
from apps.exceptions.services.escalation_settings import configure_escalations
from apps.gateway.app import Gateway
from apps.gateway.limits import Limits
from apps.gateway.tests.conftest import Caller, FakeUpstream, Settling, Tenant, events_of, eventually, rpc

LIMITS = Limits(call_seconds=5.0, hold_seconds=20.0, hold_poll_seconds=0.02, hold_pulse_seconds=0.02)
TEXT = "@everyone look"
HASTY = replace(LIMITS, hold_seconds=0.05)


class Room:
    """A tenant with a server whose broadcasts need a person, one of its agents, and the people."""

    def __init__(self, tenant: Tenant, upstream: FakeUpstream, **more: Any) -> None:
        self.tenant = tenant
        self.upstream = upstream
        self.definition = {"name": "post_message", "description": "Posts", "inputSchema": {"type": "object"}}
        upstream.answer, upstream.asked = self.answer, True
        self.server = f"chat{secrets.token_hex(4)}"  # what is known of a server's tools outlives a test
        tenant.server(self.server, kind="slack", transport="http", url=upstream.url)
        tenant.inside(lambda: configure_escalations(actor="system", changes={"hold_seconds": 45}))
        self.agent, self.token = tenant.agent("slack:*", **more)

    async def answer(self, request: web.Request, message: Any) -> web.StreamResponse:
        if not isinstance(message, dict) or "id" not in message:
            return web.Response(status=202)
        if message["method"] == "tools/list":
            return rpc(message, {"tools": [self.definition]})
        return rpc(message, {"content": [{"type": "text", "text": "done"}], "isError": False})

    @property
    def forwarded(self) -> list[dict[str, Any]]:
        return [message["params"] for message in self.upstream.seen if message.get("method") == "tools/call"]

    def escalations(self, *status: str) -> list[Escalation]:
        rows = self.tenant.inside(lambda: list(Escalation.objects.filter(agent_id=self.agent).order_by("created_at")))
        return [row for row in rows if not status or row.status in status]

    async def asked(self, count: int = 1) -> Escalation:
        """The last of so many escalations, once they are there and wait."""

        def waiting() -> Escalation | None:
            rows = self.escalations()
            return rows[-1] if len(rows) == count and rows[-1].status == "pending" else None

        row: Escalation = await eventually(waiting)
        return row

    async def resolve(self, row: Escalation, resolution: str, note: str = "looked at") -> None:
        await self.tenant.change(
            lambda: resolutions.resolve(row.id, resolution=resolution, actor="user:ann", note=note)
        )

    async def expire(self, row: Escalation) -> None:
        past = timezone.now() - timedelta(seconds=1)
        await self.tenant.change(lambda: Escalation.objects.filter(pk=row.pk).update(expires_at=past))

    def log(self) -> list[tuple[str, str, str, str]]:
        return [
            (row["policy_result"], row["stage"], row["policy_id"], row["extra"].get("escalation", ""))
            for row in self.tenant.log("call.decision")
        ]


def outcome(answer: httpx.Response) -> dict[str, Any]:
    """The last message's result."""
    result: dict[str, Any] = events_of(answer)[-1]["result"]
    return result


def account(answer: httpx.Response) -> dict[str, Any]:
    found: dict[str, Any] = outcome(answer)["_meta"]["behavry/decision"]
    return found


@asynccontextmanager
async def served(room: Room, limits: Limits) -> AsyncIterator[Caller]:
    """A caller at a gateway of its own."""
    async with (
        Gateway(limits) as running,
        httpx.AsyncClient(transport=Settling(running), timeout=20) as client,
    ):
        yield Caller(client, room.tenant.host, room.token, room.server)
