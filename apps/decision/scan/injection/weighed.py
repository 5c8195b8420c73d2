"""A text's sentences with the scorer's opinion of each: a second look at what the rules matched, and at all the rest."""

import math
from bisect import bisect_left
from collections.abc import Iterator

from apps.decision.scan.injection.kinds import RANK
from apps.decision.scan.injection.rule import Place
from apps.decision.scan.injection.scorer import Scorer
from apps.decision.scan.injection.sentences import Sentence, sentences
from apps.decision.scan.injection.views import View
from apps.decision.types import Severity

CLEAR, UNSURE, SURE = 0.4, 0.34, 0.5
_DOUBT, _FEW = 0.5, 2
_NEAR = 80  # an order may follow what makes way for it


class Weighed:
    """Sentences in the order in which they stand, none over another."""

    def __init__(self, view: View, scorer: Scorer) -> None:
        self._sentences = list(sentences(view))
        self._scorer = scorer
        self._ends = [sentence.start + len(sentence.text) for sentence in self._sentences]
        # A manual is full of orders, and each of them is one more chance to be wrong.
        self._doubt = _DOUBT * math.log(max(1, len(self._sentences) / _FEW))

    def doubted(self) -> Iterator[tuple[Sentence, float]]:
        for sentence in self._sentences:
            yield sentence, self._scorer.chance(sentence, self._doubt)

    def opinion(self, place: Place, severity: Severity) -> Severity:
        """How severe a match is, seen with the sentences it stands in and before: critical needs both to agree."""
        if RANK[severity] < RANK[Severity.HIGH]:
            return severity
        best = -1.0
        for at in range(bisect_left(self._ends, place.start), len(self._sentences)):
            if self._sentences[at].start > place.end + _NEAR or best >= SURE:
                break
            best = max(best, self._scorer.chance(self._sentences[at]))
        if 0 <= best < (CLEAR if severity is Severity.CRITICAL else UNSURE):
            return Severity.MEDIUM
        return Severity.HIGH if best < SURE else severity
