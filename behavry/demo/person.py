"""The demo's person: signs in, watches for calls that wait, and approves them, as somebody would in the console."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx2

from behavry.demo.clients import TIMEOUT

LOOK_SECONDS = 0.3
NOTE = "The demo's person has looked at it."


class Person:
    """`approved` holds, per tool, the rule that asked for a person."""

    def __init__(self) -> None:
        self.approved: dict[str, str] = {}

    @asynccontextmanager
    async def at_work(self, base: str, username: str, password: str) -> AsyncIterator["Person"]:
        async with httpx2.AsyncClient(base_url=base, timeout=TIMEOUT) as http:
            signed_in = await http.post("/api/v1/auth/admin/login", json={"username": username, "password": password})
            signed_in.raise_for_status()
            http.headers["Authorization"] = f"Bearer {signed_in.json()['access_token']}"
            looking = asyncio.create_task(self._look(http))
            try:
                yield self
            finally:
                looking.cancel()
                with suppress(asyncio.CancelledError):
                    await looking

    async def _look(self, http: httpx2.AsyncClient) -> None:
        while True:
            waiting = await http.get("/api/v1/escalations", params={"status": "pending"})
            waiting.raise_for_status()
            for one in waiting.json()["results"]:
                answer = {"resolution": "approve", "note": NOTE}
                done = await http.post(f"/api/v1/escalations/{one['id']}/resolve", json=answer)
                if done.status_code == httpx2.codes.OK:  # another answer: somebody was faster
                    self.approved[one["tool_name"]] = one["policy_id"]
            await asyncio.sleep(LOOK_SECONDS)
