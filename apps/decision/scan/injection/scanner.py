"""Rules and scorer together: what one text came to."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from apps.decision.scan.injection.automaton import Automaton, automaton_for
from apps.decision.scan.injection.custom import CustomRule
from apps.decision.scan.injection.disguises import views
from apps.decision.scan.injection.kinds import RANK, Injection, InjectionClass, Report, strongest
from apps.decision.scan.injection.rule import Place, Rule
from apps.decision.scan.injection.rules.table import BUILTIN_RULES
from apps.decision.scan.injection.scorer import Scorer, shipped
from apps.decision.scan.injection.surroundings import on_topic, talked_about
from apps.decision.scan.injection.views import View
from apps.decision.scan.injection.weighed import Weighed
from apps.decision.types import Severity

STATISTICAL = "statistical"
LIKELY, SUSPICIOUS = 0.62, 0.55
CERTAIN, TOPICAL = 0.8, 3  # where the text is about models and attacks, a sentence has to say more
_BUILTIN = frozenset(rule.name for rule in BUILTIN_RULES)
_MARGIN = 12  # a sentence that a rule has nearly all of needs no second finding
# Where nothing is disguised, what the words of a rule mean is a matter of the words beside them.
_OPEN = frozenset(("", "markup", "lookalikes"))
_WORDED = frozenset(
    (
        InjectionClass.IMPERATIVE_COMMAND,
        InjectionClass.AUTHORITY_CLAIM,
        InjectionClass.PERMISSION_EXPANSION,
        InjectionClass.ROLE_REASSIGNMENT,
    )
)
# Readings of what another view holds already.
_READINGS = frozenset(("markup", "letters", "lookalikes", "rot13", "url"))
_BASE = {Severity.CRITICAL: 0.95, Severity.HIGH: 0.8, Severity.MEDIUM: 0.35, Severity.LOW: 0.15}
# Disguises nobody needs for what is harmless: a rule's match under one of them is hiding, too.
_HIDING = frozenset(("tags", "selectors", "bidi", "base64", "hex", "codes", "rot13", "letters"))


@dataclass(frozen=True, slots=True)
class RuleSetting:
    """What a tenant changed about a built-in rule; None leaves it as it is."""

    severity: Severity | None = None
    enabled: bool | None = None


_AS_IT_IS = RuleSetting()


class InjectionScanner:
    """Text in, report out. Holds no state between texts; threads may share it."""

    def __init__(
        self,
        automata: Sequence[Automaton],
        scorer: Scorer,
        changed: Mapping[str, RuleSetting] = MappingProxyType({}),
    ) -> None:
        self._automata = automata
        self._scorer = scorer
        self._changed = changed
        self._statistical = changed.get(STATISTICAL, _AS_IT_IS)

    def __call__(self, text: str) -> Report:
        found: list[Injection] = []
        for view in views(text):
            disguises = view.via.split("+")
            matches = list(self._matches(view))
            weigh = self._statistical.enabled is not False and not _READINGS.intersection(disguises)
            weighed = Weighed(view, self._scorer) if weigh or (matches and view.via in _OPEN) else None
            covered: list[Place] = []
            for rule, place, severity in matches:
                if weighed is not None and view.via in _OPEN and self._may_soften(rule):
                    softened = weighed.opinion(place, severity)
                else:
                    softened = severity
                found.extend(_injections(view, rule, place, severity, softened))
                if RANK[softened] >= RANK[Severity.HIGH]:
                    covered.append(place)
            found.extend(_hidden(view))
            if weigh and weighed is not None:
                found.extend(
                    _requests(view, weighed, covered, self._scorer, self._statistical.severity or Severity.HIGH)
                )
        findings = tuple(_settled(found))
        return Report(findings, _score(findings), strongest(findings))

    def _may_soften(self, rule: Rule) -> bool:
        """What a tenant wrote or set is meant as it stands; forged machinery is no matter of wording."""
        return rule.kind in _WORDED and rule.name in _BUILTIN and rule.name not in self._changed

    def _matches(self, view: View) -> Iterator[tuple[Rule, Place, Severity]]:
        for automaton in self._automata:
            if not self._changed:
                yield from automaton.find(view)
                continue
            for rule, place, severity in automaton.find(view):
                setting = self._changed.get(rule.name, _AS_IT_IS)
                if setting.enabled is False:
                    continue
                weighed = rule.check(place, setting.severity) if setting.severity else severity
                if weighed is not None:
                    yield rule, place, weighed


def build_injection_scanner(
    tenant_rules: Iterable[CustomRule] = (), changed: Mapping[str, RuleSetting] = MappingProxyType({})
) -> InjectionScanner:
    """The scanner of one rulebook: built-in rules, and a tenant's own, which were checked when saved, on top."""
    own = tuple(rule.rule() for rule in tenant_rules)
    # The built-in ones take seconds to compile, a tenant's a moment: they have an automaton each.
    automata = (automaton_for(BUILTIN_RULES), automaton_for(own)) if own else (automaton_for(BUILTIN_RULES),)
    return InjectionScanner(automata, shipped(), changed)


def _requests(
    view: View, weighed: Weighed, covered: Sequence[Place], scorer: Scorer, most: Severity
) -> Iterator[Injection]:
    """Sentences that read like requests to an agent. By itself this is never more than high."""
    for sentence, chance in weighed.doubted():
        if chance < SUSPICIOUS:
            continue
        place = Place(view.text, sentence.start, sentence.start + len(sentence.text))
        if any(one.start - place.start <= _MARGIN >= place.end - one.end for one in covered):
            continue
        quoted = talked_about(place)
        likely = LIKELY if chance >= CERTAIN or on_topic(place) < TOPICAL else CERTAIN
        severity = Severity.HIGH if chance >= likely and not quoted else Severity.MEDIUM
        severity = min(severity, most, key=RANK.__getitem__)
        start, end = view.back(place.start, place.end)
        kind = InjectionClass.ENCODED_PAYLOAD if view.via else InjectionClass.IMPERATIVE_COMMAND
        words = scorer.words(sentence) if severity is Severity.HIGH else ()
        yield Injection(kind, STATISTICAL, severity, start, end, view.via, words, quoted, chance)


def _injections(view: View, rule: Rule, place: Place, severity: Severity, softened: Severity) -> Iterator[Injection]:
    start, end = view.back(place.start, place.end)
    quoted = RANK[severity] >= RANK[Severity.HIGH] and talked_about(place)
    severity = Severity.MEDIUM if quoted else softened
    yield Injection(rule.kind, rule.name, severity, start, end, view.via, quoted=quoted)
    hiding = _HIDING.intersection(view.via.split("+"))
    if hiding and rule.kind is not InjectionClass.ENCODED_PAYLOAD and RANK[severity] >= RANK[Severity.HIGH]:
        yield Injection(InjectionClass.ENCODED_PAYLOAD, f"hidden_in_{min(hiding)}", Severity.HIGH, start, end, view.via)


def _hidden(view: View) -> Iterator[Injection]:
    """Writing in characters that nobody sees is a finding, whatever it says."""
    if view.via in ("tags", "selectors") and any(character.isalpha() for character in view.text):
        start, end = view.back(0, len(view.text))
        yield Injection(InjectionClass.ENCODED_PAYLOAD, f"hidden_{view.via}", Severity.HIGH, start, end, view.via)


def _settled(found: list[Injection]) -> Iterator[Injection]:
    """In order of their start; of one rule's overlapping findings the most severe, the plainest."""
    reach: dict[str, int] = {}
    for one in sorted(found, key=lambda one: (one.start, -RANK[one.severity], len(one.via), -one.end)):
        if one.start >= reach.get(one.rule, -1) or one.end > reach[one.rule]:
            reach[one.rule] = max(one.end, one.start + 1)
            yield one


def _score(findings: tuple[Injection, ...]) -> float:
    """How sure, from 0 to 1: the strongest finding, and a little more for each other kind beside it."""
    if not findings:
        return 0.0
    best = max(max(_BASE[finding.severity], finding.chance * 0.9) for finding in findings)
    kinds = len({finding.kind for finding in findings})
    return round(best + (1 - best) * (1 - 0.7 ** (kinds - 1)), 4)
