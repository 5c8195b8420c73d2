"""Whether an agent says that it runs under the system prompt it was registered with. Only digests travel.

An agent that says nothing, or was registered without one, is not compared: this is a statement, not a proof.
"""

import re
from typing import Final

from apps.decision.events import EventKind
from apps.gateway import entries
from apps.gateway.context import Request
from apps.gateway.io import Io
from apps.gateway.messages import Message

HEADER: Final = b"x-system-prompt-hash"
META: Final = "behavry/system-prompt-hash"
ONCE_SECONDS: Final = 86_400  # longer than a session lives
MAX_TOLD: Final = 10_000
_HELLO: Final = frozenset({"initialize", "server/discover"})
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class PromptDrift:
    """Belongs to one event loop."""

    def __init__(self, io: Io) -> None:
        self._io = io
        self._told: set[tuple[str, str, str]] = set()

    async def of_headers(self, request: Request) -> None:
        said = request.headers.get(HEADER)
        if said is not None:
            await self._compare(request, said.decode("latin-1").strip().lower())

    async def of_message(self, request: Request, message: Message) -> None:
        if message.method in _HELLO:
            meta = message.params.get("_meta")
            said = meta.get(META) if isinstance(meta, dict) else None
            if said is not None:
                await self._compare(request, said.strip().lower() if isinstance(said, str) else "")

    async def _compare(self, request: Request, said: str) -> None:
        caller = request.facts.caller
        registered = caller.agent.system_prompt_hash
        if not registered or said == registered:
            return
        told = (request.schema, caller.session_id, registered)
        if told in self._told:
            return
        if len(self._told) >= MAX_TOLD:
            self._told.clear()
        self._told.add(told)
        if await self._io.once(
            request.schema, "prompt_drift", caller.session_id, registered[:16], seconds=ONCE_SECONDS
        ):
            extra = {"registered": registered, "said": said if _DIGEST.fullmatch(said) else "not a SHA-256 digest"}
            self._io.record_soon(request.schema, entries.of_agent(request, EventKind.SYSTEM_PROMPT_DRIFT, extra=extra))
