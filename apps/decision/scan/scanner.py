"""A tenant's scanner: its patterns, its actions, and findings that say where without saying what."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import orjson

from apps.decision.scan.canary import canaries_as_patterns
from apps.decision.scan.custom import CustomPattern
from apps.decision.scan.matcher import Budget, Match, Matcher, TooManyCandidates, matcher_for
from apps.decision.scan.pattern import Pattern
from apps.decision.scan.patterns import BUILTIN_PATTERNS
from apps.decision.scan.walk import Flat, code_points
from apps.decision.types import JSON, DlpAction, Finding, Scanner, Severity

DEFAULT_ACTIONS: Mapping[Severity, DlpAction] = MappingProxyType(
    {
        Severity.CRITICAL: DlpAction.DENY,
        Severity.HIGH: DlpAction.DENY,
        Severity.MEDIUM: DlpAction.LOG,
        Severity.LOW: DlpAction.LOG,
    }
)
SCAN_LIMIT = "scan_limit"
MAX_CANDIDATES = 4000  # about a fifth of a second; a call that needs more is refused, not half scanned
MAX_RESULT_CANDIDATES = 20_000  # results list what people keep: a page of customers is nothing to be refused for
MAX_PATHS = 1_000_000  # characters in which all findings of a value may say where they are, at great depth
LEAST_PLANTED = 12  # characters of a finding that is taken for a planted value; no canary has fewer
_STRENGTH = {action: strength for strength, action in enumerate(DlpAction)}


@dataclass(frozen=True, slots=True)
class PatternSetting:
    """What a tenant changed about a built-in pattern; None leaves it as it is."""

    action: DlpAction | None = None
    enabled: bool | None = None


def build_scanner(
    settings: Mapping[str, PatternSetting] = MappingProxyType({}),
    custom: Iterable[CustomPattern] = (),
    *,
    canaries: Mapping[str, str] = MappingProxyType({}),
    max_candidates: int = MAX_CANDIDATES,
) -> Scanner:
    """The scanner of one rulebook version. Settings for patterns that do not exist have no effect.

    `canaries` are planted values by their names: each is a critical finding `canary_<name>`, whatever else is set.

    `max_candidates` bounds what one value may cost; 0 is no bound, for scans that hold nobody up.
    """
    return _built(settings, custom, canaries, max_candidates)


def build_result_scanner(
    settings: Mapping[str, PatternSetting],
    custom: Iterable[CustomPattern],
    action: DlpAction,
    *,
    planted: Collection[str] = (),
) -> Scanner:
    """For what servers send: a finding that would deny or redact a call does `action` here; others are as they are.

    More than can be looked at closely denies, unless secrets are only to be logged. What lies within a `planted` value
    is no finding: a canary that is redacted is no bait.
    """
    scan = _built(settings, custom, MappingProxyType({}), MAX_RESULT_CANDIDATES)
    actions = {
        name: action if _STRENGTH[own] >= _STRENGTH[DlpAction.REDACT] else own for name, own in scan.actions.items()
    }
    beyond = DlpAction.DENY if _STRENGTH[action] >= _STRENGTH[DlpAction.REDACT] else action
    exempt = tuple(value.lower() for value in planted)
    return replace(scan, actions=MappingProxyType(actions), beyond=beyond, exempt=exempt)


def _built(
    settings: Mapping[str, PatternSetting],
    custom: Iterable[CustomPattern],
    canaries: Mapping[str, str],
    max_candidates: int,
) -> "_Scan":
    patterns: list[Pattern] = []
    actions: dict[str, DlpAction] = {}
    for pattern in BUILTIN_PATTERNS:
        setting = settings.get(pattern.name, PatternSetting())
        if pattern.enabled if setting.enabled is None else setting.enabled:
            patterns.append(pattern)
            actions[pattern.name] = setting.action or DEFAULT_ACTIONS[pattern.severity]
    for own in custom:
        patterns.append(own.pattern())
        actions[own.name] = own.action
    for planted in canaries_as_patterns(canaries):
        patterns.append(planted)
        actions[planted.name] = DlpAction.DENY
    return _Scan(matcher_for(tuple(patterns)), MappingProxyType(actions), max_candidates)


def strongest(findings: Iterable[Finding]) -> DlpAction:
    """What all findings together ask for: deny > redact > log > allow; nothing found is allow."""
    return max((finding.action for finding in findings), key=_STRENGTH.__getitem__, default=DlpAction.ALLOW)


@dataclass(frozen=True, slots=True)
class _Scan:
    matcher: Matcher
    actions: Mapping[str, DlpAction]
    max_candidates: int
    beyond: DlpAction = DlpAction.DENY  # what more than `max_candidates` comes to
    exempt: tuple[str, ...] = field(default=(), repr=False)  # in lower case

    def __call__(self, value: JSON) -> tuple[Finding, ...]:
        """A value that hides its secrets in a crowd of look-alikes gets one finding, `scan_limit`."""
        try:
            return self._scanned(value, Budget(self.max_candidates) if self.max_candidates else None)
        except TooManyCandidates:
            return (Finding("dlp", SCAN_LIMIT, Severity.CRITICAL, self.beyond, "$", "***"),)

    def _scanned(self, value: JSON, budget: Budget | None) -> tuple[Finding, ...]:
        if isinstance(value, str):
            return self._text(value, budget)
        try:
            written = orjson.dumps(value)
        except TypeError:  # what orjson cannot write (lone surrogates, long integers, great depth) is walked at once
            written = None
        if written is not None:
            seen = self.matcher.triggered(written)
            if not seen:
                return ()
            # Every pattern reads escaped text, since secrets come in JSON inside JSON: a look here settles it mostly.
            if not self.matcher.find(written, seen, budget=budget):
                return ()
        flat = Flat(value)
        matches = self.matcher.find(flat.buffer, budget=budget)
        return self._located(flat, matches, budget) if matches else ()

    def _text(self, text: str, budget: Budget | None) -> tuple[Finding, ...]:
        buffer = text.encode("utf-8", "replace")
        findings: list[Finding] = []
        bytes_done = points_done = 0
        for match in self.matcher.find(buffer, budget=budget):  # in order of their start
            points_done += code_points(buffer, bytes_done, match.start)
            bytes_done = match.start
            end = points_done + code_points(buffer, match.start, match.end)
            if not self._planted(text[points_done:end]):
                findings.append(self._finding(match, "$", text[points_done:end], False, points_done, end))
        return tuple(findings)

    def _located(self, flat: Flat, matches: list[Match], budget: Budget | None) -> tuple[Finding, ...]:
        places = [(match, *place) for match in matches for place in flat.leaves(match.start, match.end)]
        if self.exempt:
            places = [place for place in places if not self._planted(place[1].text[place[2] : place[3]])]
        masked = frozenset((leaf.place.holder, leaf.place.member) for _, leaf, _, _ in places if leaf.is_key)
        findings: list[Finding] = []
        told = 0
        for match, leaf, start, end in places:
            path = flat.path(leaf, masked)
            told += len(path)
            if told > MAX_PATHS and budget is not None:
                raise TooManyCandidates
            findings.append(self._finding(match, path, leaf.text[start:end], leaf.is_key, start, end))
        return tuple(findings)

    def _planted(self, secret: str) -> bool:
        """A short piece may stand in a canary by chance: a password of a few letters is none."""
        return len(secret) >= LEAST_PLANTED and any(secret.lower() in value for value in self.exempt)

    def _finding(self, match: Match, path: str, secret: str, in_key: bool, start: int, end: int) -> Finding:
        pattern = match.pattern
        known = "" if match.decoded else next((text for text in pattern.shown if secret.startswith(text)), "")
        return Finding(
            scanner="dlp",
            rule=pattern.name,
            severity=pattern.severity,
            action=self.actions[pattern.name],
            path=path,
            excerpt=f"{known}***",
            in_key=in_key,
            start=start,
            end=end,
        )
