"""Children for stdio backends: one per governed session, or one per agent and server in the stateless era.

A child lives in one gateway process. Another process does not know its sessions and answers 404, at which clients
start anew; a balancer that keeps a session with its process (by `Mcp-Session-Id`) spares them that. A child that
ends on its own is started again for the next message, after a pause that grows while it keeps ending.
"""

import asyncio
import time
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Final

from apps.decision.errors import Outdated, RateLimited, UpstreamFailed
from apps.decision.types import JSON, Server
from apps.gateway.limits import Limits
from apps.gateway.messages import Message
from apps.gateway.transports.base import Reply, Sure
from apps.gateway.transports.conversation import Conversation

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
SPARE: Final = "spare"  # instead of a session's name, for a child that was started too slowly to be told anything yet
_INITIALIZED: Final = Message(None, "notifications/initialized", {}, has_params=False)


@dataclass(slots=True)
class _Trouble:
    """How often a server's child ended on its own in a row, and until when no new one is started."""

    times: int = 0
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class Place:
    """Whose child: `session` is empty for the shared child of the stateless era."""

    schema: str
    agent: str
    server: str
    session: str = ""


class StdioTransport:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._conversations: dict[Place, Conversation] = {}
        self._trouble: dict[Hashable, _Trouble] = {}
        self._locks: dict[Place, asyncio.Lock] = {}

    async def close(self) -> None:
        conversations = list(self._conversations.values())
        self._conversations.clear()
        await asyncio.gather(*(conversation.close() for conversation in conversations))

    def pids(self) -> list[int]:
        return [conversation.pid for conversation in self._conversations.values() if conversation.alive]

    def knows(self, place: Place) -> bool:
        return place in self._conversations

    async def open(self, place: Place, server: Server, opening: Message, sure: Sure) -> Reply:
        """A new session: a new child, and what it says to `initialize`."""
        conversation = self._take_spare(place, server) or await self._make(place, server)
        conversation.opening = opening
        try:
            reply = await self._begin(place, conversation, opening, sure)
            conversation.begun = True
            return reply
        except Outdated:  # it has been told nothing, so the next attempt may have it
            if not self._keep_spare(place):
                await self.end(place)
            raise
        except BaseException:
            await self.end(place)
            raise

    async def ask(self, place: Place, server: Server, message: Message, params: dict[str, JSON], sure: Sure) -> Reply:
        conversation = await self._ready(place, server, sure)
        try:
            reply = await conversation.ask(message, params, sure)
        except UpstreamFailed:
            if not conversation.alive:
                self._note_trouble(place)
            raise
        self._trouble.pop((place.schema, place.server), None)
        return reply

    async def tell(self, place: Place, server: Server, message: Message, params: dict[str, JSON], sure: Sure) -> None:
        await (await self._ready(place, server, sure)).tell(message, params, sure)

    async def listen(self, place: Place, server: Server, last_event_id: str, sure: Sure) -> Reply | None:
        return (await self._ready(place, server, sure)).listen(last_event_id)

    async def end(self, place: Place) -> None:
        conversation = self._conversations.pop(place, None)
        self._locks.pop(place, None)
        if conversation is not None:
            await conversation.close()

    async def reap(self) -> None:
        """End what nobody has used for a while."""
        now = time.monotonic()
        for place, conversation in list(self._conversations.items()):
            kept = place.session not in ("", SPARE)
            idle = self._limits.session_idle_seconds if kept else self._limits.child_idle_seconds
            if not conversation.busy and now - conversation.used_at > idle:
                await self.end(place)

    async def _ready(self, place: Place, server: Server, sure: Sure) -> Conversation:
        """A conversation with a living child that runs what the registry says now."""
        conversation = self._conversations.get(place)
        if (
            conversation is not None
            and conversation.begun
            and conversation.alive
            and _same(conversation.server, server)
        ):
            conversation.used_at = time.monotonic()
            return conversation
        lock = self._locks.setdefault(place, asyncio.Lock())
        async with lock:
            conversation = self._conversations.get(place)
            if conversation is None or not conversation.alive or not _same(conversation.server, server):
                opening = conversation.opening if conversation is not None else None
                if conversation is not None:
                    self._conversations.pop(place, None)
                    await conversation.close()
                conversation = await self._make(place, server)
                conversation.opening = opening
            if conversation.begun:
                return conversation
            if conversation.opening is None:
                await self._start(place, conversation)
            else:
                # The session's own opening, said again to a new child. It is what the agent wrote, so the last check
                # holds for it; a child that started too slowly for that waits for the next attempt.
                reply = await self._begin(place, conversation, conversation.opening, sure)
                await reply.close()
                await conversation.tell(_INITIALIZED, {}, _certain)
            conversation.begun = True
            return conversation

    async def _make(self, place: Place, server: Server) -> Conversation:
        while self._full(place):
            await self._make_room(place)
        conversation = Conversation(server, self._limits, shared=not place.session)
        conversation.used_at = time.monotonic()
        self._conversations[place] = conversation
        return conversation

    def _take_spare(self, place: Place, server: Server) -> Conversation | None:
        spare = self._conversations.get(replace(place, session=SPARE))
        if spare is None or not spare.alive or not _same(spare.server, server):
            return None
        del self._conversations[replace(place, session=SPARE)]
        self._conversations[place] = spare
        spare.used_at = time.monotonic()
        return spare

    def _keep_spare(self, place: Place) -> bool:
        spare = replace(place, session=SPARE)
        if spare in self._conversations or place not in self._conversations:
            return False
        self._conversations[spare] = self._conversations.pop(place)
        return True

    def _full(self, place: Place) -> bool:
        mine = sum(_same_agent(other, place) for other in self._conversations)
        return len(self._conversations) >= self._limits.children or mine >= self._limits.children_per_agent

    async def _make_room(self, place: Place) -> None:
        """End the same agent's conversation that was idle longest: clients come and go without a word."""
        idle = [
            (conversation.used_at, other)
            for other, conversation in self._conversations.items()
            if _same_agent(other, place) and not conversation.busy
        ]
        if not idle or min(idle, key=_first)[0] > time.monotonic() - self._limits.child_rest_seconds:
            raise RateLimited("Too many backend processes are running", code="too_many_processes", retry_after=5)
        await self.end(min(idle, key=_first)[1])

    async def _begin(self, place: Place, conversation: Conversation, opening: Message, sure: Sure) -> Reply:
        if not conversation.alive:
            await self._start(place, conversation)
        try:
            return await conversation.ask(opening, opening.params, sure)
        except UpstreamFailed:
            self._note_trouble(place)
            raise

    async def _start(self, place: Place, conversation: Conversation) -> None:
        trouble = self._trouble.get((place.schema, place.server))
        pause = trouble.until - time.monotonic() if trouble is not None else 0.0
        if pause > 0:
            raise UpstreamFailed(
                "The backend's process keeps ending", code="upstream_keeps_ending", retry_after=int(pause) + 1
            )
        await conversation.start()

    def _note_trouble(self, place: Place) -> None:
        trouble = self._trouble.setdefault((place.schema, place.server), _Trouble())
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * (2 ** min(trouble.times, 10) - 1))
        trouble.times += 1
        trouble.until = time.monotonic() + pause


def _certain() -> None:
    """For what no decision stands behind."""


def _same_agent(one: Place, other: Place) -> bool:
    return (one.schema, one.agent) == (other.schema, other.agent)


def _first(pair: tuple[float, Place]) -> float:
    return pair[0]


def _same(one: Server, other: Server) -> bool:
    return one is other or (one.command == other.command and dict(one.environment) == dict(other.environment))
