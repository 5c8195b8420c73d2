"""What servers list, compared with what was pinned, before a caller sees it; what is quarantined is left out.

`listed` and `instructions` get a result as its server sent it, before policy filters it and before it is screened.
Clients keep lists, so servers are also asked by the gateway itself: before a tool is called that nobody has seen, now
and then while tools are called, and when they say that a list changed.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from types import MappingProxyType
from typing import Final, TypeVar

import orjson

from apps.agents import services as agents
from apps.agents.services import Item
from apps.decision import pins as canon
from apps.decision.errors import AppError, Outdated
from apps.decision.events import EventKind
from apps.decision.types import JSON, Effect, InboundAction, InboundFinding, Pin, PinStatus, Severity, Tier
from apps.gateway import entries
from apps.gateway.asking import Asking
from apps.gateway.context import Request
from apps.gateway.door import Door, Refused
from apps.gateway.errors import CallerGone
from apps.gateway.io import Io
from apps.gateway.messages import Message, ProtocolError
from apps.gateway.param_headers import Catalog
from apps.gateway.pipeline import Case
from apps.gateway.upstreams import Upstreams
from apps.tenants.context import in_tenant

logger = logging.getLogger(__name__)
ASK_AGAIN_SECONDS: Final = 60.0  # a server that lists no such tool, or does not answer
RELIST_SECONDS: Final = 300.0  # while its tools are called
RECENT_SECONDS: Final = 60.0  # of what an approval relies upon
UNLISTED_SECONDS: Final = 3600  # between two entries about the same tool
UNLISTED: Final = "unlisted"
MAX_BACKGROUND: Final = 32
MAX_REMEMBERED: Final = 20_000
LISTS: Final = MappingProxyType({"tools/list": ("tool", "tools"), "prompts/list": ("prompt", "prompts")})
ASKED_BY: Final = MappingProxyType({"tools/call": "tools/list", "prompts/get": "prompts/list"})
CHANGED: Final = MappingProxyType(
    {"notifications/tools/list_changed": "tools/list", "notifications/prompts/list_changed": "prompts/list"}
)
_NONE: Final[Mapping[tuple[str, str], Pin]] = MappingProxyType({})
Place = tuple[str, str, str]  # schema, server, method of the listing
Pinned = Mapping[tuple[str, str], Pin]
K = TypeVar("K")
V = TypeVar("V")


class Pins:
    """Belongs to one event loop. What it remembers saves questions only: pins are rows, and part of the rulebook."""

    def __init__(self, io: Io, door: Door, upstreams: Upstreams) -> None:
        self._io = io
        self._door = door
        self.asking = Asking(io, upstreams)
        self.catalog = Catalog()
        self._approved: dict[tuple[Place, bytes], int] = {}  # whole listings of approved items; under which rules
        self._digests: dict[bytes, str] = {}
        # When what may not be used anyway was last looked at, and when for going back to what was approved.
        self._seen_at: dict[tuple[Place, bool], float] = {}
        self._asked: dict[Place, float] = {}  # when the server was last asked by the gateway itself
        self._answered: set[Place] = set()  # and whether it said what it lists
        self._due: dict[Place, float] = {}
        self._running: dict[Place, asyncio.Task[None]] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._told: set[tuple[str, str, str, int]] = set()

    # --- what passes ------------------------------------------------------------------------------------------------

    async def listed(self, request: Request, method: str, result: dict[str, JSON]) -> dict[str, JSON]:
        """The result of `tools/list` or `prompts/list` (one page or all) with only what may be used; others as is."""
        if method not in LISTS:
            return result
        kind, field = LISTS[method]
        items = result.get(field)
        if not isinstance(items, list) or not items:
            return result
        place = (request.schema, request.facts.server.name, method)
        whole = (place, sha256(orjson.dumps(items)).digest())
        if self._approved.get(whole) == request.facts.book.version:
            return result
        if kind == canon.TOOL:
            self.catalog.learn(request.schema, request.facts.server.name, result)
        named = [Item(kind, one["name"], one) for one in items if isinstance(one, dict) and _named(one)]
        kept = await self._usable(request, place, named)
        if place not in self._due:
            self._due[place] = time.monotonic() + RELIST_SECONDS
        if len(kept) < len(items):
            return {**result, field: [item.definition for item in kept]}
        _remember(self._approved, whole, request.facts.book.version)
        return result

    async def instructions(self, request: Request, result: dict[str, JSON]) -> dict[str, JSON]:
        """The result of `initialize` or `server/discover`, without instructions that wait for a person."""
        text = result.get("instructions")
        if text is None or text == "":
            return result
        place = (request.schema, request.facts.server.name, canon.INSTRUCTIONS)
        if isinstance(text, str) and await self._usable(request, place, [Item(canon.INSTRUCTIONS, "", text)]):
            return result
        return {key: value for key, value in result.items() if key != "instructions"}

    def changed(self, request: Request, method: str, meta: JSON = None) -> None:
        """The server said that a list changed (`notifications/tools/list_changed`): it is asked anew; nobody waits.

        `meta` is the `_meta` of the request on whose stream it came, which the stateless revision needs.
        """
        if method in CHANGED:
            place = (request.schema, request.facts.server.name, CHANGED[method])
            self._due[place] = 0.0  # should it not be answered now, the next call asks
            self._relist_soon(request, meta, place)

    # --- what is called ---------------------------------------------------------------------------------------------

    async def ready(self, case: Case) -> None:
        """Before a call is recorded: a server is asked for what nobody has seen yet.

        Raises Outdated when its answer changed the rules.
        """
        message, request = case.message, case.request
        method = ASKED_BY.get(message.method)
        if method is None:
            return
        refused, allowed = (case.decision.effect is one for one in (Effect.DENY, Effect.ALLOW))
        name, server, book = str(message.params.get("name")), request.facts.server.name, request.facts.book
        place = (request.schema, server, method)
        if (LISTS[method][0], name) in book.pins.get(server, _NONE):
            if allowed and time.monotonic() >= self._due.get(place, 0.0):
                self._relist_soon(request, message.params.get("_meta"), place)
        elif not refused or case.decision.policy == "pin.new":
            await self._first(request, message, place)
            if method == "tools/list" and place in self._answered:
                await self._unlisted(request, name)

    async def digest(self, request: Request, message: Message) -> str:
        """Of the tool's definition as approved, which its server listed a moment ago. Raises what asking it raises, and
        Outdated when its answer changed the rules."""
        server, name = request.facts.server.name, str(message.params.get("name"))
        place = (request.schema, server, "tools/list")
        if place not in self._answered or self._asked.get(place, 0.0) < time.monotonic() - RECENT_SECONDS:
            await self._relist(request, message.params.get("_meta"), place)
        pin = request.facts.book.pins.get(server, _NONE).get((canon.TOOL, name))
        return pin.digest if pin is not None else UNLISTED

    async def close(self) -> None:
        """Wait for what runs in the background."""
        for task in (*self._background, *self._running.values()):
            task.cancel()
        await asyncio.gather(*self._background, *self._running.values(), return_exceptions=True)

    async def _first(self, request: Request, message: Message, place: Place) -> None:
        """One question for all who wait for the same; asked again after a while only."""
        task = self._running.get(place)
        if task is None:
            if place in self._asked and time.monotonic() < self._asked[place] + ASK_AGAIN_SECONDS:
                return
            work = self._relist(request, message.params.get("_meta"), place)
            task = self._running[place] = asyncio.create_task(work, name="gateway-first-list")
            task.add_done_callback(lambda done: self._running.pop(place, None))
        try:
            await asyncio.shield(task)
        except Outdated:
            raise
        except (AppError, ProtocolError):
            pass  # whoever does not say what it lists has nothing pinned

    async def _unlisted(self, request: Request, name: str) -> None:
        server, schema = request.facts.server.name, request.schema
        told = (schema, server, name, int(time.monotonic() // UNLISTED_SECONDS))
        if told in self._told:
            return
        if len(self._told) >= MAX_REMEMBERED:
            self._told.clear()
        self._told.add(told)
        short = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        if await self._io.once(schema, "unlisted", server, short, seconds=UNLISTED_SECONDS):
            self._io.record_soon(schema, entries.of_agent(request, EventKind.TOOL_UNLISTED, tool_name=name, extra={}))

    # --- asking -----------------------------------------------------------------------------------------------------

    def _relist_soon(self, request: Request, meta: JSON, place: Place) -> None:
        if place in self._running or len(self._background) >= MAX_BACKGROUND:
            return
        self._due[place] = time.monotonic() + RELIST_SECONDS
        task = asyncio.create_task(self._relist_behind(request, meta, place), name="gateway-relist")
        self._running[place] = task
        self._background.add(task)

        def over(done: "asyncio.Task[None]") -> None:
            self._background.discard(done)
            self._running.pop(place, None)

        task.add_done_callback(over)

    async def _relist_behind(self, request: Request, meta: JSON, place: Place) -> None:
        try:
            alone = replace(request, lease=None)  # it is no call of the agent's
            if time.monotonic() > request.fresh_until:
                alone = await self._door.again(alone)
            with suppress(Outdated):  # its answer changed the rules: that was the point
                await self._relist(alone, meta, place)
        except (AppError, ProtocolError, Refused, CallerGone) as error:
            logger.info("list not had", extra={"server": place[1], "error": type(error).__name__})

    async def _relist(self, request: Request, meta: JSON, place: Place) -> None:
        """The server's whole list, against the pins. Raises Outdated when they are others now."""
        kind, field = LISTS[place[2]]
        self._asked[place] = time.monotonic()
        self._answered.discard(place)
        found, whole = await self.asking.all(request, meta, place[2], field)
        named = [Item(kind, one["name"], one) for one in found if isinstance(one, dict) and _named(one)]
        now = await self._observe(request, named, complete=(kind,) if whole else ())
        self._due[place] = time.monotonic() + RELIST_SECONDS
        if whole:
            self._answered.add(place)
            if kind == canon.TOOL:
                self.catalog.known(request.schema, place[1], found)
        before = request.facts.book.pins.get(place[1], _NONE)
        if any(before.get(key) != pin for key, pin in now.items()):
            raise Outdated("What the server lists has changed", retry_after=1)

    # --- comparing --------------------------------------------------------------------------------------------------

    async def _usable(self, request: Request, place: Place, items: list[Item]) -> list[Item]:
        """Those that are approved as they are."""
        book = request.facts.book
        pins: Pinned = book.pins.get(request.facts.server.name, _NONE)
        digests = [self._digest(item) for item in items]
        news = [
            (digest, pin)
            for item, digest in zip(items, digests, strict=True)
            if (pin := pins.get((item.kind, item.name))) is None or digest != pin.said
        ]
        # What may not be used in any case can wait to be looked at: a server that changes with each answer is no load.
        # Going back is looked at apart from that, so that nobody approves meanwhile what the server has taken back.
        urgent = any(pin is None or pin.status is PinStatus.APPROVED for _, pin in news)
        back = any(pin is not None and digest == pin.digest for digest, pin in news)
        if news and (urgent or self._seen_at.get((place, back), 0.0) < time.monotonic() - ASK_AGAIN_SECONDS):
            self._seen_at[place, back] = time.monotonic()
            pins = await self._observe(request, items)
        return [
            item
            for item, digest in zip(items, digests, strict=True)
            if (pin := pins.get((item.kind, item.name))) is not None
            and pin.status is PinStatus.APPROVED
            and digest == pin.digest
        ]

    async def _observe(self, request: Request, items: Sequence[Item], complete: tuple[str, ...] = ()) -> Pinned:
        schema, server, book = request.schema, request.facts.server.name, request.facts.book

        def judge(definition: JSON) -> tuple[InboundFinding, ...]:
            screened = book.screen_inbound(definition, server, b"")
            if screened.action is InboundAction.WITHHOLD and not screened.findings:
                rule = "blocked_source" if screened.tier is Tier.BLOCK else "unreadable"
                return (InboundFinding("", rule, Severity.CRITICAL, "$", 0, 0),)
            return screened.findings

        def observe() -> Pinned:
            with in_tenant(schema):
                return agents.observe(server, items, judge=judge, review_new=book.review_new, complete=complete)

        return await self._io.in_thread(observe)

    def _digest(self, item: Item) -> str:
        raw = sha256(item.kind.encode() + orjson.dumps(item.definition)).digest()
        digest = self._digests.get(raw)
        if digest is None:
            digest = canon.identify(item.kind, item.name, item.definition)
            _remember(self._digests, raw, digest)
        return digest


def _named(item: dict[str, JSON]) -> bool:
    return isinstance(item.get("name"), str)


def _remember(known: dict[K, V], key: K, value: V) -> None:
    """The oldest is forgotten first."""
    while len(known) >= MAX_REMEMBERED:
        known.pop(next(iter(known)))
    known[key] = value
