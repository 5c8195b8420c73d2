"""What comes back from an upstream passes here, whatever it is: compared with its pins, filtered, screened, recorded.

`answer` is the way of what answers a request of the client, `message` of what a server says by itself. Nothing that a
server sent reaches a client but what these two return.
"""

import asyncio
import logging
import re
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from apps.decision.errors import AppError
from apps.decision.events import EventKind
from apps.decision.types import JSON, Screened, Severity
from apps.gateway import answers, correlation, entries, methods
from apps.gateway.context import Request
from apps.gateway.envelope import Era
from apps.gateway.io import Io
from apps.gateway.messages import INVALID_PARAMS, MAX_ID_LENGTH
from apps.gateway.methods import Care, Listing, Withheld
from apps.gateway.pinning import Pins
from apps.gateway.pipeline import Judged
from apps.gateway.screening import FAILED, Fate, Screening, Trail, fate_of, unremarkable
from apps.gateway.upstreams import Upstreams
from apps.gateway.visibility import filtered

logger = logging.getLogger(__name__)
MAX_LIST_TTL_MS: Final = 60_000
MAX_NOT_THERE_TEXT: Final = 300
SESSION_SECONDS: Final = 86_400
REPEATED: Final = 3  # messages of one session with findings that none of them would be flagged for
_NOT_THERE = re.compile(r"\b(unknown|not found|no such|does not exist|doesn't exist|not exist)\b", re.IGNORECASE)
_METHOD = re.compile(r"[A-Za-z0-9_$./-]{1,128}\Z")
_HELLO: Final = frozenset({"initialize", "server/discover"})
_LIST_CHANGED: Final = frozenset({"notifications/tools/list_changed", "notifications/prompts/list_changed"})
_OF_ANSWERS: Final = ("jsonrpc", "id", "result", "error")
_OF_MESSAGES: Final = ("jsonrpc", "id", "method", "params")


@dataclass(frozen=True, slots=True)
class Came:
    """What the client gets of an answer. Where `held` is set (to the entry that says why) it gets nothing of it yet:
    `body` is as it came, and a person is asked."""

    body: dict[str, JSON]
    screened: Screened | None = None  # None: there is nothing to say of it
    held: UUID | None = None


class Inbound:
    """Belongs to one event loop; closed with the gateway."""

    def __init__(self, io: Io, upstreams: Upstreams, pins: Pins, screening: Screening) -> None:
        self._io = io
        self._upstreams = upstreams
        self._pins = pins
        self._screening = screening
        self._telling: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        if self._telling:
            await asyncio.wait(self._telling)
        self._screening.close()

    async def answer(
        self, request: Request, judged: Judged | None, message: dict[str, JSON], trail: Trail, size: int = 0
    ) -> Came:
        """`judged` is what it answers; None on a resumed stream, which may bring the answer to any request."""
        message = {**{key: message[key] for key in _OF_ANSWERS if key in message}, "jsonrpc": "2.0"}
        if judged is None:
            message["id"] = message["id"] if _is_id(message.get("id")) else None
        else:
            message["id"] = judged.message.id
            tool = judged.entry.tool_name
            if judged.message.method == "tools/call" and _says_not_there(message, tool):
                return Came(answers.unknown(judged.message, tool))
        part = "result" if message.get("error") is None else "error"
        message.pop("error" if part == "result" else "result", None)
        if part not in message:
            return Came(message)
        if part == "result" and isinstance(message["result"], dict):
            message["result"] = await self._of_lists(request, judged, message["result"])
        asked = judged.message if judged is not None else None
        screened = await self._screening.screen(request, message[part], trail.text, asked, size)
        came = Came({**message, part: screened.value})
        if not unremarkable(screened):
            came = await self._remarkable(request, judged, message, part, screened)
        if judged is None:  # more may follow on the same stream
            trail.add(came.body.get("result", came.body.get("error")))
        return came

    async def message(
        self, request: Request, judged: Judged | None, message: dict[str, JSON], trail: Trail
    ) -> dict[str, JSON] | None:
        """A notification or a request of the server; None when the client gets nothing of it.

        `judged` is the request on whose stream it is; None on a GET stream."""
        method = message["method"]
        if not isinstance(method, str) or not _METHOD.match(method) or not _is_id(message.get("id", 0)):
            # Texts where nobody looks for one.
            await self._noted(request, judged, "", FAILED, Withheld.REFUSE)
            self._refuse(request, message)
            return None
        if method in _LIST_CHANGED:
            stateless = judged is not None and request.era is Era.STATELESS
            self._pins.changed(request, method, judged.message.params.get("_meta") if judged and stateless else None)
        spec = methods.from_server(method)
        if spec.care is Care.COUNT:
            request.counts[method] = request.counts.get(method, 0) + 1
        passing: dict[str, JSON] = {key: message[key] for key in _OF_MESSAGES if key in message}
        passing["jsonrpc"] = "2.0"
        screened = None
        if message.get("params"):
            screened = await self._screening.screen(request, message["params"], trail.text)
            if unremarkable(screened):
                passing["params"] = screened.value
                screened = None
        if screened is not None:
            fate, _ = await self._noted(request, judged, method, screened, spec.withheld)
            if fate is Fate.REFUSE:
                self._refuse(request, message)
                return None
            passing["params"] = screened.value if fate is Fate.DELIVER else screened.sanitised
        if spec.care is not Care.COUNT or screened is not None:
            self._io.record_soon(request.schema, entries.message_entry(request, method, screened))
        trail.add(passing.get("params"))
        return passing

    async def _of_lists(self, request: Request, judged: Judged | None, result: dict[str, JSON]) -> dict[str, JSON]:
        """What lists, or says how a server is to be used: without what may not be, and what policy never allows."""
        if judged is None:
            if "instructions" in result and ("protocolVersion" in result or "serverInfo" in result):
                result = await self._pins.instructions(request, result)
            for method, listing in methods.LISTINGS.items():
                if isinstance(result.get(listing.items), list):
                    result = await self._pins.listed(request, method, result)
                    result = await filtered(request.facts, listing, result)
            return result
        method, own = judged.message.method, judged.method.listing
        if method in _HELLO:
            return await self._pins.instructions(request, result)
        if own is None:
            return result
        result = await self._pins.listed(request, method, result)
        return await self._listed(request, own, result)

    async def _listed(self, request: Request, listing: Listing, result: dict[str, JSON]) -> dict[str, JSON]:
        result = await filtered(request.facts, listing, result)
        if request.era is Era.STATELESS:
            ttl = result.get("ttlMs")
            ttl = min(ttl, MAX_LIST_TTL_MS) if isinstance(ttl, int) else 0
            result = {**result, "cacheScope": "private", "ttlMs": ttl}
        return result

    async def _remarkable(
        self, request: Request, judged: Judged | None, message: dict[str, JSON], part: str, screened: Screened
    ) -> Came:
        if judged is None:
            method, withheld = "response", Withheld.REFUSE  # there is nobody who could come again for it
        else:
            method, withheld = judged.message.method, judged.method.withheld
        if part == "error":
            withheld = Withheld.SANITISE
        fate, event_id = await self._noted(request, judged, method, screened, withheld)
        if judged is None:
            self._io.record_soon(request.schema, entries.message_entry(request, method, screened))
        if fate is Fate.HOLD:
            return Came(message, screened, event_id)
        if fate is Fate.REFUSE:
            return Came(answers.withheld(judged, message.get("id"), screened, event_id), screened)
        value = screened.value if fate is Fate.DELIVER else screened.sanitised
        if fate is Fate.SANITISE and method in _HELLO and isinstance(value, dict):
            value = {key: one for key, one in value.items() if key != "instructions"}
        return Came({**message, part: value}, screened)

    async def _noted(
        self, request: Request, judged: Judged | None, method: str, screened: Screened, withheld: Withheld
    ) -> tuple[Fate, UUID | None]:
        """What becomes of it, and the entry that says so: durable before anything goes on. Raises Unavailable."""
        fate, kinds = fate_of(screened, withheld)
        correlation.seen(self._io, request, screened.secrets)
        repeated = 0
        if not kinds and screened.severity is Severity.MEDIUM:
            repeated = await self._io.count(
                request.schema, "inbound_repeated", request.facts.caller.session_id, seconds=SESSION_SECONDS
            )
            kinds = (EventKind.INBOUND_INJECTION_DETECTED,) if repeated == REPEATED else ()
        first: UUID | None = None
        for kind in kinds:
            entry = entries.inbound_entry(
                request, judged.entry if judged is not None else None, kind, method, screened, repeated
            )
            await self._io.record(request.schema, entry)
            first = first or entry.id
        return fate, first

    def _refuse(self, request: Request, message: dict[str, JSON]) -> None:
        """A server whose request the client never gets would wait for an answer. Nobody waits for it to be told."""
        id = message.get("id")
        if request.era is Era.STATEFUL and isinstance(id, str | int) and _is_id(id):
            task = asyncio.create_task(self._tell(request, id), name="gateway-refusal")
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def _tell(self, request: Request, id: str | int) -> None:
        try:
            await self._upstreams.refuse(request, id, answers.NOT_PASSED)
        except AppError as error:
            logger.warning("a refusal did not arrive", extra={"schema": request.schema, "error": error.code})


def _is_id(id: JSON) -> bool:
    return (isinstance(id, int) and not isinstance(id, bool)) or (isinstance(id, str) and len(id) <= MAX_ID_LENGTH)


def _says_not_there(message: dict[str, JSON], tool: str) -> bool:
    """Servers say "no such tool" in several ways; all of them become the same answer that a hidden tool gets."""
    error, result = message.get("error"), message.get("result")
    if isinstance(error, dict):
        if error.get("code") not in (INVALID_PARAMS, -32601):
            return False
        text = error.get("message")
    elif isinstance(result, dict) and result.get("isError") is True:
        content = result.get("content")
        only = content[0] if isinstance(content, list) and len(content) == 1 else None
        text = only.get("text") if isinstance(only, dict) else None
    else:
        return False
    if not isinstance(text, str) or len(text) > len(tool) + MAX_NOT_THERE_TEXT:
        return False
    rest = text.replace(tool, "", 1)
    return tool in text and "tool" in rest.lower() and _NOT_THERE.search(rest) is not None
