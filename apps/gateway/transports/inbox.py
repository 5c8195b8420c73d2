"""Messages on their way from a child to one HTTP response, kept for a while so that a broken one can be resumed."""

import asyncio
import secrets
from typing import Final

from apps.decision.types import JSON
from apps.gateway.messages import Message
from apps.gateway.transports.base import Incoming

MAX_WAITING: Final = 1000
MAX_KEPT: Final = 100
RETRY_MS: Final = 1000


class Inbox:
    """`request` is what it answers; None for the stream of what answers nothing. None in the queue ends it."""

    __slots__ = ("kept", "lost", "name", "queue", "request", "token")

    def __init__(self, request: Message | None) -> None:
        self.request = request
        self.token: JSON = None
        self.name = secrets.token_hex(8)
        self.queue: asyncio.Queue[dict[str, JSON] | None] = asyncio.Queue(MAX_WAITING)
        self.kept: list[Incoming] = []
        self.lost = 0  # how many of the kept ones were let go

    @property
    def listens(self) -> bool:
        return self.request is not None and self.request.method == "subscriptions/listen"

    def put(self, message: dict[str, JSON] | None) -> None:
        if self.queue.full():  # nobody reads: drop the oldest, the end must fit
            self.queue.get_nowait()
        self.queue.put_nowait(message)

    def first(self) -> Incoming:
        """Says nothing but the id to resume from."""
        return Incoming(None, f"{self.name}-0", RETRY_MS)

    def keep(self, message: dict[str, JSON]) -> Incoming:
        incoming = Incoming(message, f"{self.name}-{self.lost + len(self.kept) + 1}")
        self.kept.append(incoming)
        if len(self.kept) > MAX_KEPT:
            del self.kept[0]
            self.lost += 1
        return incoming

    def after(self, event_id: str) -> list[Incoming]:
        """What was sent after the event with this id."""
        number = event_id.rpartition("-")[2]
        return self.kept[max(0, int(number) - self.lost) :] if number.isdigit() else list(self.kept)
