"""One look at everything a message says: the orders in it, each with the parts it stands in."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from apps.decision.inbound.joints import Glued, glued
from apps.decision.inbound.texts import BETWEEN, Piece, Texts
from apps.decision.scan.injection.kinds import CLASS_SEVERITY, RANK, Injection, InjectionClass, Report, action_for
from apps.decision.types import InboundAction, Severity

_WINDOW = 64_000  # code points that are scanned at once; findings are counted between two windows
_OVERLAP = 4_000
_CENTRE = _OVERLAP // 2
MAX_ORDERS = 200  # that are withheld; who reads on after so many?
MAX_FOUND = 2_000  # of all others, that are kept: a manual is full of what looks a little like orders
_SEVERITIES = tuple(Severity)
_STRENGTH = {action: strength for strength, action in enumerate(InboundAction)}


@dataclass(frozen=True, slots=True)
class Order:
    """A finding, what it weighs from this source, and where it stands."""

    injection: Injection
    severity: Severity
    action: InboundAction
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """`complete` is False when reading stopped: what comes after was seen by nobody."""

    orders: tuple[Order, ...] = ()
    score: float = 0.0
    complete: bool = True

    @property
    def action(self) -> InboundAction:
        return max((order.action for order in self.orders), key=_STRENGTH.__getitem__, default=InboundAction.ALLOW)

    @property
    def severity(self) -> Severity | None:
        return max((order.severity for order in self.orders), key=RANK.__getitem__, default=None)


NOTHING = Reading()


@dataclass(frozen=True, slots=True)
class Reader:
    """`actions` replaces, for a class, what its severity asks for; `promoted`: everything weighs one step more."""

    scan: Callable[[str], Report]
    actions: Mapping[InjectionClass, InboundAction]
    promoted: bool = False

    def __call__(self, texts: Texts, before: str) -> tuple[Texts, Reading]:
        """The texts come back with their places, when anything was found in them."""
        joints = glued(texts, before)
        lead = before.replace(BETWEEN, "\n") + "\n" if before else ""
        text = lead + texts.text
        if len(text) <= _WINDOW:
            report = self.scan(text)
            if not report.findings and joints is None:
                return texts, NOTHING
            found, score = [one for one in report.findings if one.end > len(lead)], report.score
            found, complete = self._kept(found)
        else:
            found, score, complete = self._in_windows(text, len(lead))
        across: list[Injection] = []
        if joints is not None:
            across, _, whole = self._in_windows(joints.text)
            complete = complete and whole
        if found or across:
            texts = texts.located()
        orders = tuple(self._orders(texts, found, across, joints, len(lead)))
        reading = Reading(orders, score if orders else 0.0, complete)
        if texts.partial and complete and reading.action is InboundAction.WITHHOLD:
            return self(texts.located(whole=True), before)  # it has to be taken out of both
        return texts, reading

    def _orders(
        self, texts: Texts, found: Iterable[Injection], across: Iterable[Injection], joints: Glued | None, lead: int
    ) -> Iterable[Order]:
        known: set[tuple[str, tuple[Piece, ...]]] = set()
        for injection in found:
            pieces = tuple(texts.pieces(injection.start - lead, injection.end - lead))
            if pieces and (injection.start >= lead or _says(texts, pieces)):
                known.add((injection.rule, pieces))
                yield self._weighed(injection, pieces)
        for injection in across:
            pieces = tuple(joints.pieces(injection.start, injection.end)) if joints else ()
            if pieces and (injection.rule, pieces) not in known and _says(texts, pieces):
                yield self._weighed(injection, pieces)

    def _in_windows(self, text: str, lead: int = 0) -> tuple[list[Injection], float, bool]:
        """Whatever begins in the overlap's first half belongs to the window before, the rest to the one after.

        What ends within the lead was there before.
        """
        found: list[Injection] = []
        score = 0.0
        for at in range(0, max(1, len(text) - _OVERLAP), _WINDOW - _OVERLAP):
            report = self.scan(text[at : at + _WINDOW])
            score = max(score, report.score)
            last = at + _WINDOW >= len(text)
            for one in report.findings:
                begins_here = one.start >= _CENTRE or at == 0
                if begins_here and (last or one.start < _WINDOW - _CENTRE) and at + one.end > lead:
                    found.append(replace(one, start=at + one.start, end=at + one.end))
            found, complete = self._kept(found)
            if not complete:
                return found, score, False
        return found, score, True

    def _kept(self, found: list[Injection]) -> tuple[list[Injection], bool]:
        """No more than anybody wants to know; and whether reading may go on."""
        if len(found) <= MAX_ORDERS:
            return found, True
        grave = [one for one in found if self._weight(one)[1] is InboundAction.WITHHOLD]
        if len(grave) > MAX_ORDERS:
            return grave[:MAX_ORDERS], False
        if len(found) <= MAX_FOUND:
            return found, True
        others = [one for one in found if self._weight(one)[1] is not InboundAction.WITHHOLD]
        return sorted((*grave, *others[:MAX_FOUND]), key=lambda one: one.start), True

    def _weighed(self, injection: Injection, pieces: tuple[Piece, ...]) -> Order:
        return Order(injection, *self._weight(injection), pieces)

    def _weight(self, found: Injection) -> tuple[Severity, InboundAction]:
        """What was lowered, for it is quoted or hedged, is nothing that the action of its class is meant for."""
        rank = RANK[found.severity]
        severity = _SEVERITIES[min(rank + self.promoted, len(_SEVERITIES) - 1)]
        own = self.actions.get(found.kind)
        if own is not None and not found.quoted and rank >= min(RANK[Severity.HIGH], RANK[CLASS_SEVERITY[found.kind]]):
            return severity, own
        return severity, action_for(severity)


def _says(texts: Texts, pieces: Iterable[Piece]) -> bool:
    """Whether it needs these pieces: what ends in nothing but marks was all there before."""
    return any(
        character.isalnum() for piece in pieces for character in texts.parts[piece.part][piece.start : piece.end]
    )
