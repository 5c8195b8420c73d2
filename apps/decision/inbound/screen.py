"""One thing that a server sent, from the value as it came to what may be passed on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from apps.decision.inbound import secrecy
from apps.decision.inbound.addresses import domains_of
from apps.decision.inbound.emptied import emptied
from apps.decision.inbound.reading import NOTHING, Order, Reader, Reading
from apps.decision.inbound.secrecy import Secret
from apps.decision.inbound.texts import Piece, Texts, opened_blobs
from apps.decision.inbound.trust import Sources, resolve
from apps.decision.scan.injection.kinds import RANK, InjectionClass, Report
from apps.decision.scan.injection.sanitise import placeholder
from apps.decision.scan.redact import Edit, edited
from apps.decision.scan.scanner import MAX_PATHS, SCAN_LIMIT, strongest
from apps.decision.types import (
    JSON,
    DlpAction,
    InboundAction,
    InboundFinding,
    InboundScreen,
    Scanner,
    Screened,
    Severity,
    SourceRule,
    Tier,
)

MAX_FINDINGS = 50  # that are told of
_EXCERPT = 80
_ROUNDS = 4  # taking one thing away may join what then makes another
_UNREAD = "[REMOVED:scan_limit]"
_STUBBORN = "[REMOVED]"
_BLOCKED = "[REMOVED:blocked_source]"
_LIMIT = InboundFinding("", SCAN_LIMIT, Severity.CRITICAL, "$", 0, 0)


def build_screen(
    scan_injections: Callable[[str], Report],
    scan_secrets: Scanner,
    *,
    actions: Mapping[InjectionClass, InboundAction] = MappingProxyType({}),
    source_rules: Sequence[SourceRule] = (),
) -> InboundScreen:
    """The screen of one rulebook. `scan_secrets` carries the tenant's actions for results; `actions` replaces, for a
    class of injections, what its severity asks for; `source_rules` come in the order in which they count."""
    screen = _Screen(Reader(scan_injections, actions), scan_secrets)
    if not source_rules:
        return screen
    return _Sourced(screen, Sources(source_rules))


class _Screen:
    """Pure: holds what it judges by and nothing of what it judged."""

    def __init__(self, read: Reader, scan_secrets: Scanner) -> None:
        self.read = read
        self._scan_secrets = scan_secrets

    def __call__(
        self, value: JSON, server: str, salt: bytes, before: str = "", fetched: tuple[str, ...] = ()
    ) -> Screened:
        screened = self.judge(value, salt, before, self.read)
        if screened.action is not InboundAction.WITHHOLD:
            return screened
        return replace(screened, domains=self.named(screened, salt, before))  # a person may want to block them

    def named(self, screened: Screened, salt: bytes, before: str) -> tuple[str, ...]:
        """The hosts to tell of: a name that holds a secret is not told, and neither is one that is only logged."""
        value = screened.value
        if screened.secrets:
            _, secrets = secrecy.find(value, Texts(value), self._scan_secrets, salt, before)
            if any(one.finding.rule == SCAN_LIMIT for one in secrets):
                return ()
            value = edited(value, [one.edit for one in secrets])
        return domains_of([value, *opened_blobs(value)])[:MAX_FINDINGS]

    def judge(self, value: JSON, salt: bytes, before: str, read: Reader | None) -> Screened:
        """Without a reader, orders are not looked for."""
        texts, secrets = secrecy.find(value, Texts(value), self._scan_secrets, salt, before)
        texts, reading = read(texts, before) if read is not None else (texts, NOTHING)
        if not secrets and not reading.orders and reading.complete:
            return Screened(value)
        removed = secrecy.edits(secrets)
        passed = self._without(value, removed, salt, before, None) if removed else value
        if not reading.complete or secrecy.unread(secrets):
            return _unread(value, passed, texts, reading, secrets)
        sanitised: JSON = None
        if reading.action is InboundAction.WITHHOLD:
            wanted = removed + _edits(texts, reading, secrets)
            sanitised = self._without(value, wanted, salt, before, read)
        return Screened(
            passed,
            reading.action,
            reading.severity,
            reading.score,
            _findings(texts, reading, secrets),
            tuple(one.finding for one in secrets[:MAX_FINDINGS]),
            _secrets_action(secrets),
            sanitised,
        )

    def _without(self, value: JSON, wanted: list[Edit], salt: bytes, before: str, read: Reader | None) -> JSON:
        """The value with the edits made, and whatever else comes to light then."""
        for _ in range(_ROUNDS):
            if sum(len(edit.path) for edit in wanted) > MAX_PATHS:
                break
            value = edited(value, wanted)
            texts, secrets = secrecy.find(value, Texts(value), self._scan_secrets, salt, before)
            texts, reading = read(texts, before) if read is not None else (texts, NOTHING)
            if not reading.complete or secrecy.unread(secrets):
                return emptied(value, _UNREAD)
            wanted = secrecy.edits(secrets) + _edits(texts, reading, secrets)
            if not wanted:
                return value
        return emptied(value, _STUBBORN)


class _Sourced:
    """The same, where the tenant says how far sources are trusted."""

    def __init__(self, screen: _Screen, sources: Sources) -> None:
        self._screen, self._sources = screen, sources
        self._promoted = replace(screen.read, promoted=True)

    def __call__(
        self, value: JSON, server: str, salt: bytes, before: str = "", fetched: tuple[str, ...] = ()
    ) -> Screened:
        named = domains_of([value, *opened_blobs(value)])
        standing = resolve(self._sources, server, named, fetched)
        read = None if standing.tier in (Tier.TRUSTED, Tier.BLOCK) else self._screen.read
        read = self._promoted if standing.tier is Tier.UNTRUSTED else read
        screened = self._screen.judge(value, salt, before, read)
        told = named if screened.value is value and not screened.secrets else self._screen.named(screened, salt, before)
        told = tuple(dict.fromkeys((*fetched, *told)))[:MAX_FINDINGS]
        if standing.tier is Tier.BLOCK:
            empty = emptied(value, _BLOCKED)
            screened = Screened(empty, InboundAction.WITHHOLD, sanitised=empty)
        return replace(screened, tier=standing.tier, source_rule=standing.rule, domains=told)


def _unread(value: JSON, passed: JSON, texts: Texts, reading: Reading, secrets: list[Secret]) -> Screened:
    """Nobody saw all of it: it waits for a person. Where it may hold more secrets, not even a person passes it on."""
    empty = emptied(value, _UNREAD)
    known = [one for one in secrets if one.finding.rule != SCAN_LIMIT]
    findings = (_LIMIT, *_findings(texts, reading, secrets))
    return Screened(
        empty if secrecy.unread(secrets) else passed,
        InboundAction.WITHHOLD,
        Severity.CRITICAL,
        reading.score,
        findings[:MAX_FINDINGS],
        tuple(one.finding for one in known[:MAX_FINDINGS]),
        _secrets_action(known),
        empty,
    )


def _secrets_action(secrets: list[Secret]) -> DlpAction:
    return strongest(one.finding for one in secrets)


def _edits(texts: Texts, reading: Reading, secrets: list[Secret]) -> list[Edit]:
    """Whatever is flagged or withheld is taken out."""
    hide = _keys_are_secret(secrets)
    made: list[Edit] = []
    for order in reading.orders:
        if order.action is InboundAction.ALLOW:
            continue
        for piece in order.pieces:
            spot = texts.spot(piece.part)
            through = secrecy.THROUGH if spot.encoded else None
            put = _always(placeholder(order.injection.kind))
            made.append(Edit(texts.path(spot, hide), piece.start, piece.end, put, spot.is_key, through))
    return made


def _always(text: str) -> Callable[[str], str]:
    return lambda _: text


def _keys_are_secret(secrets: list[Secret]) -> bool:
    return any(one.finding.in_key for one in secrets)


def _findings(texts: Texts, reading: Reading, secrets: list[Secret]) -> tuple[InboundFinding, ...]:
    """The weightiest, in order of their places; no excerpt holds a secret."""
    weighty = sorted(reading.orders, key=lambda order: -RANK[order.severity])[:MAX_FINDINGS]
    hidden = list(secrecy.hidden(secrets))
    hide = _keys_are_secret(secrets)
    found = [_finding(texts, order, piece, hide, hidden) for order in weighty for piece in order.pieces]
    return tuple(found[:MAX_FINDINGS])


def _finding(
    texts: Texts, order: Order, piece: Piece, hide: bool, hidden: list[tuple[str, int, int]]
) -> InboundFinding:
    spot, injection = texts.spot(piece.part), order.injection
    path = texts.path(spot, hide)
    start, end = (0, spot.encoded) if spot.encoded else (piece.start, piece.end)
    secret = (spot.is_key and hide) or any(
        path == place and (first < end and start < last) for place, first, last in hidden
    )
    return InboundFinding(
        injection.kind,
        injection.rule,
        order.severity,
        path,
        start,
        end,
        "" if secret else _readable(texts.parts[piece.part][piece.start : piece.end][:_EXCERPT]),
        injection.via,
        injection.words,
        injection.quoted,
    )


def _readable(text: str) -> str:
    """What may stand in a log and on a page: nothing invisible, nothing that turns the reading direction."""
    return "".join(character if character.isprintable() or character in "\n\t" else "\ufffd" for character in text)
