"""A second opinion without phrases: how much a sentence reads like a request to an agent, and which words say so."""

import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from apps.decision.scan.injection.features import BUCKETS, bucket, features, pieces, seen_in
from apps.decision.scan.injection.sentences import Sentence

WEIGHTS = Path(__file__).parent / "weights.bin"
_SCALE = 16.0  # a stored step is a sixteenth
_SHOWN = 5
_REMEMBERED = 1 << 15


class Scorer:
    """A logistic regression over hashed features. Immutable; threads may share it."""

    def __init__(self, weights: Sequence[float], bias: float) -> None:
        self._weights = tuple(weights)
        self._bias = bias
        # Looked up before: words with their pieces, pairs, ideas. Losing an entry to another thread costs a look-up.
        self._words: dict[str, tuple[float, int]] = {}
        self._pairs: dict[tuple[str, str], float] = {}
        self._ideas: dict[str, float] = {}

    def packed(self) -> bytes:
        return packed(self._weights, self._bias)

    def chance(self, sentence: Sentence, doubt: float = 0.0) -> float:
        """The probability, after so much doubt (in logits)."""
        words, ideas = seen_in(sentence)
        total, count = 0.0, 0
        previous = "^"
        for word in words:
            known = self._words.get(word)
            if known is None:
                known = self._learned(word)
            total += known[0]
            count += known[1]
            pair = (previous, word)
            weight = self._pairs.get(pair)
            if weight is None:
                weight = self._weights[bucket(f"{previous} {word}")]
                if len(self._pairs) < _REMEMBERED:
                    self._pairs[pair] = weight
            total += weight
            previous = word
        count += len(words)
        for name in ideas:
            total += self._weight(name)
            count += 1
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, self._bias - doubt + total / math.sqrt(count or 1)))))

    def _learned(self, word: str) -> tuple[float, int]:
        names = list(pieces(word))
        known = sum(self._weights[bucket(name)] for name in names), len(names)
        if len(self._words) < _REMEMBERED:
            self._words[word] = known
        return known

    def _weight(self, name: str) -> float:
        weight = self._ideas.get(name)
        if weight is None:
            weight = self._weights[bucket(name)]
            if len(self._ideas) < _REMEMBERED:
                self._ideas[name] = weight
        return weight

    def words(self, sentence: Sentence) -> tuple[str, ...]:
        """What weighed most towards the verdict."""
        weighed: dict[str, float] = {}
        for name in features(sentence):
            weighed[name] = weighed.get(name, 0.0) + self._weights[bucket(name)]
        best = sorted(weighed, key=lambda name: (-weighed[name], name))
        return tuple(name for name in best if weighed[name] > 0 and not name.startswith("~"))[:_SHOWN]


def packed(weights: Sequence[float], bias: float) -> bytes:
    """One signed byte a weight, the bias first in two."""
    steps = [max(-127, min(127, round(weight * _SCALE))) for weight in weights]
    return round(bias * 256).to_bytes(2, "big", signed=True) + bytes(step & 0xFF for step in steps)


def unpacked(raw: bytes) -> Scorer:
    if len(raw) != BUCKETS + 2:
        raise ValueError("not the scorer's weights")
    steps = memoryview(raw)[2:].cast("b")
    return Scorer([step / _SCALE for step in steps], int.from_bytes(raw[:2], "big", signed=True) / 256)


@lru_cache(maxsize=1)
def shipped() -> Scorer:
    return unpacked(WEIGHTS.read_bytes())
