"""A second opinion without phrases: how much a sentence reads like a request to an agent, and which words say so."""

import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from apps.decision.scan.injection.features import BUCKETS, bucket, features
from apps.decision.scan.injection.sentences import Sentence

WEIGHTS = Path(__file__).parent / "weights.bin"
_SCALE = 16.0  # a stored step is a sixteenth
_SHOWN = 5


class Scorer:
    """A logistic regression over hashed features. Immutable; threads may share it."""

    def __init__(self, weights: Sequence[float], bias: float) -> None:
        self._weights = tuple(weights)
        self._bias = bias
        self._known: dict[str, float] = {}

    def packed(self) -> bytes:
        return packed(self._weights, self._bias)

    def chance(self, sentence: Sentence, doubt: float = 0.0) -> float:
        """The probability, after so much doubt (in logits)."""
        total, count = 0.0, 0
        known = self._known
        for name in features(sentence):
            weight = known.get(name)
            if weight is None:
                weight = self._weights[bucket(name)]
                if len(known) < 1 << 16:
                    known[name] = weight
            total += weight
            count += 1
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, self._bias - doubt + total / math.sqrt(count or 1)))))

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
