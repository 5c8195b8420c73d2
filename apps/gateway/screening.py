"""What servers send, put before the rulebook's screen: large things in a thread, and a screen that fails lets nothing
through."""

import asyncio
import hmac
import logging
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Final

from apps.decision.events import EventKind
from apps.decision.inbound.addresses import fetched_of
from apps.decision.inbound.texts import remembered
from apps.decision.types import JSON, DlpAction, InboundAction, Screened, Severity, Tier
from apps.gateway.context import Request
from apps.gateway.io import Io
from apps.gateway.limits import Limits
from apps.gateway.messages import Message, dumps
from apps.gateway.methods import Withheld
from apps.tenants.sealing import derived_key

logger = logging.getLogger(__name__)
LARGE_BYTES: Final = 64 * 1024  # from here on other calls would notice the wait
THREADS: Final = 2
# What is not known cannot be passed on, nor shown to a person.
FAILED: Final = Screened(None, InboundAction.WITHHOLD, Severity.CRITICAL, 1.0)


class Fate(Enum):
    """What becomes of one message."""

    DELIVER = "goes on"
    SANITISE = "goes on without what was found"
    HOLD = "a person is asked"
    REFUSE = "goes nowhere"


@dataclass(slots=True)
class Trail:
    """What the client has read on one stream already: orders and secrets may be spread over its messages."""

    text: str = ""

    def add(self, value: JSON) -> None:
        self.text = remembered(self.text, value)


class Screening:
    """Belongs to one event loop; closed with the gateway."""

    def __init__(self, io: Io, limits: Limits) -> None:
        self._io = io
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="gateway-screen")
        self._keys: dict[str, bytes] = {}
        self._salts: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._kept = limits.tokens

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def screen(
        self, request: Request, value: JSON, before: str = "", asked: Message | None = None, size: int = 0
    ) -> Screened:
        """By the newest rules this process knows of. `asked` is what it answers, where that is known; `size` is that
        of the value in bytes, 0 if nobody counted."""
        book = await self._io.book(request.schema)
        called = request.facts.server
        server, salt = called.name, self._salt(request.schema, request.facts.caller.session_id)
        try:
            fetched: tuple[str, ...] = ()
            if asked is not None and book.source_rules:
                fetched = fetched_of(asked.method, asked.params, called.kind)
            if (size or len(dumps(value))) < LARGE_BYTES:
                return book.screen_inbound(value, server, salt, before, fetched)
            work = partial(book.screen_inbound, value, server, salt, before, fetched)
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except Exception as error:  # a defect of a scanner: nothing that was not looked at may pass
            logger.error("inbound screen failed", extra={"schema": request.schema, "error": type(error).__name__})
            return FAILED

    def _salt(self, schema: str, session_id: str) -> bytes:
        """One per session, the same in all processes: a secret's placeholder must not change between two calls."""
        known = self._salts.get((schema, session_id))
        if known is not None:
            return known
        key = self._keys.get(schema)
        if key is None:
            key = self._keys[schema] = derived_key(f"gateway.placeholders:{schema}")
        salt = self._salts[schema, session_id] = hmac.digest(key, session_id.encode(), "sha256")
        if len(self._salts) > self._kept:
            self._salts.popitem(last=False)
        return salt


def unremarkable(screened: Screened) -> bool:
    """Whether there is nothing to say of it, and it passes."""
    return (
        screened.action is InboundAction.ALLOW
        and not screened.findings
        and not screened.secrets
        and screened.tier is None
    )


def fate_of(screened: Screened, withheld: Withheld) -> tuple[Fate, tuple[EventKind, ...]]:
    """What becomes of a message for which the table says `withheld`, and what the log calls it."""
    orders = screened.action is not InboundAction.ALLOW
    blocked = (EventKind.INBOUND_INJECTION_BLOCKED,) if orders else ()
    if screened.tier is Tier.BLOCK:
        return Fate.REFUSE, (EventKind.INBOUND_SOURCE_BLOCKED,)
    if screened.secrets_action is DlpAction.DENY:
        return Fate.REFUSE, (EventKind.INBOUND_SECRETS_DENIED, *blocked)
    if screened.action is InboundAction.WITHHOLD:
        if screened is FAILED or withheld is Withheld.REFUSE:
            return Fate.REFUSE, blocked
        return (Fate.HOLD if withheld is Withheld.HOLD else Fate.SANITISE), blocked
    return Fate.DELIVER, (EventKind.INBOUND_INJECTION_DETECTED,) if orders else ()
