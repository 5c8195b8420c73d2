"""One automaton for all rules: which of them occur at all, in one pass; RE2 then says where."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache

from apps.decision.scan.injection.rule import Place, Rule
from apps.decision.scan.injection.views import View
from apps.decision.scan.linear import compile_re2
from apps.decision.scan.occurring import Occurring
from apps.decision.types import Severity

_APART = b" \x1e "


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
        read = view.buffer if view.only is None else _parted(view.buffer, view.only)
        for index in self.triggered(read):
            rule = self._rules[index]
            for match in self._finders[index].finditer(read):
                start, end = match.span() if view.only is None else _whole(view.only, *match.span())
                place = Place(view.text, view.point(start), view.point(end))
                severity = rule.check(place, rule.severity)
                if severity is not None and place.end > place.start:
                    yield rule, place, severity


def _parted(buffer: bytes, only: Sequence[tuple[int, int]]) -> bytes:
    """The stretches, apart: no rule's gap holds what stands between them, and nothing begins behind it."""
    return b"".join(_APART + buffer[start:end] for start, end in only)


def _whole(only: Sequence[tuple[int, int]], first: int, last: int) -> tuple[int, int]:
    """Where a match in the parted buffer stands in the whole one; nowhere, if it reaches over a cut."""
    at = 0
    for start, end in only:
        at += len(_APART)
        if first < at + end - start:
            shift = start - at
            return max(start, first + shift), min(end, last + shift)
        at += end - start
    return 0, 0


@lru_cache(maxsize=16)
def automaton_for(rules: tuple[Rule, ...]) -> Automaton:
    """The same rules need the same automaton; tenants without rules of their own share one."""
    return Automaton(rules)
