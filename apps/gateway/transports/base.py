"""What both transports give: an answer at once, or a stream of messages that ends with it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from apps.decision.types import JSON

# Asked when the next thing is to send, after every wait: raises Outdated, and then nothing has been sent.
Sure: TypeAlias = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message from the upstream. None is a sign of life, or only an event id to resume from."""

    message: dict[str, JSON] | None
    event_id: str | None = None
    retry: int | None = None


@dataclass(slots=True)
class Reply:
    """What came back for one message. Exactly one of `message` and `stream`, or neither for an acknowledgement.

    Whoever takes a Reply with a stream closes it.
    """

    message: dict[str, JSON] | None = None
    stream: AsyncIterator[Incoming] | None = None
    session: str = ""  # the upstream's session id, when it opened one
    status: int = 200
    size: int = 0
    keep: bool = False  # whether the client can come back for the rest
    release: Callable[[], Awaitable[None]] | None = None

    async def close(self) -> None:
        if self.release is not None:
            await self.release()
            self.release = None
