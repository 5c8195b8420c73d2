"""One automaton for all rules: which of them occur at all, in one pass; RE2 then says where."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache

from apps.decision.scan.injection.rule import Place, Rule
from apps.decision.scan.injection.views import View
from apps.decision.scan.linear import compile_re2
from apps.decision.scan.occurring import Occurring
from apps.decision.types import Severity


class Automaton:
    """Immutable once built and shared by threads."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)
        self._finders = tuple(compile_re2(rule.regex, groups=False) for rule in rules)
        # Rules share what they look for: each expression is in the automaton once.
        places: dict[str, int] = {}
        self._needs = tuple(
            tuple(places.setdefault(need, len(places)) for need in rule.needs or (rule.regex,)) for rule in rules
        )
        self._occurring = Occurring([(expression, False) for expression in places])
        # A rule is only looked at where the one of its needs that it shares with the fewest others occurs.
        shared = Counter(place for needs in self._needs for place in needs)
        self._asking: list[list[int]] = [[] for _ in places]
        for index, needs in enumerate(self._needs):
            self._asking[min(needs, key=shared.__getitem__)].append(index)

    def triggered(self, buffer: bytes) -> list[int]:
        """The rules that may match: mostly none, and then there is no more to do."""
        seen = self._occurring(buffer)
        asking = [index for place in seen for index in self._asking[place] if seen.issuperset(self._needs[index])]
        asking.sort()
        return asking

    def find(self, view: View) -> Iterator[tuple[Rule, Place, Severity]]:
        """Every match that its rule's check lets stand, rule by rule, in the order of the text."""
        for index in self.triggered(view.buffer):
            rule = self._rules[index]
            for match in self._finders[index].finditer(view.buffer):
                start, end = match.span()
                place = Place(view.text, view.point(start), view.point(end))
                severity = rule.check(place, rule.severity)
                if severity is not None and place.end > place.start:
                    yield rule, place, severity


@lru_cache(maxsize=16)
def automaton_for(rules: tuple[Rule, ...]) -> Automaton:
    """The same rules need the same automaton; tenants without rules of their own share one."""
    return Automaton(rules)
