"""The demo's person: signs in, watches for calls that wait, and approves them, as somebody would in the console."""

import asyncio
from collections.abc import AsyncIterator, Set
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx2

from behavry.demo.clients import TIMEOUT

LOOK_SECONDS = 0.3
AGENT = "demo-agent"
NOTE = "The demo's person has looked at it."


class Person:
    """`approved` holds, per tool, the rule that asked for a person.

    Decides for the demo's agent alone, and nothing that waited before the demo began.
    """

    def __init__(self) -> None:
        self.approved: dict[str, str] = {}

    @asynccontextmanager
    async def at_work(self, base: str, username: str, password: str) -> AsyncIterator["Person"]:
        async with httpx2.AsyncClient(base_url=base, timeout=TIMEOUT) as http:
            signed_in = await http.post("/api/v1/auth/admin/login", json={"username": username, "password": password})
            signed_in.raise_for_status()
            http.headers["Authorization"] = f"Bearer {signed_in.json()['access_token']}"
            before = {one["id"] for one in await _waiting(http)}
            looking = asyncio.create_task(self._look(http, before))
            try:
                yield self
            finally:
                looking.cancel()
                with suppress(asyncio.CancelledError):
                    await looking

    async def _look(self, http: httpx2.AsyncClient, before: Set[str]) -> None:
        while True:
            for one in await _waiting(http):
                if one["id"] in before or one["agent_name"] != AGENT:
                    continue
                answer = {"resolution": "approve", "note": NOTE}
                done = await http.post(f"/api/v1/escalations/{one['id']}/resolve", json=answer)
                if done.status_code == httpx2.codes.OK:  # another answer: somebody was faster
                    self.approved[one["tool_name"]] = one["policy_id"]
            await asyncio.sleep(LOOK_SECONDS)


async def _waiting(http: httpx2.AsyncClient) -> list[dict[str, Any]]:
    found = await http.get("/api/v1/escalations", params={"status": "pending", "limit": 500})
    found.raise_for_status()
    return list(found.json()["results"])
