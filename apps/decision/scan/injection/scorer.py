"""A second opinion without phrases: how much a sentence reads like a request to an agent, and which words say so."""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from apps.decision.scan.injection.features import BUCKETS, bucket, features, ideas, pieces, seen_in
from apps.decision.scan.injection.sentences import Sentence

WEIGHTS = Path(__file__).parent / "weights.bin"
_SCALE = 16.0  # a stored step is a sixteenth
_SHOWN = 5
_REMEMBERED = 1 << 15


class _Remembered(dict[Any, float]):
    """What was looked up before. Losing an entry to another thread costs a look-up."""

    def __init__(self, look_up: Callable[[Any], float]) -> None:
        super().__init__()
        self._look_up = look_up

    def __missing__(self, key: Any) -> float:
        found = self._look_up(key)
        if len(self) < _REMEMBERED:
            self[key] = found
        return found


class Scorer:
    """A logistic regression over hashed features. Immutable; threads may share it."""

    def __init__(self, weights: Sequence[float], bias: float) -> None:
        known = tuple(weights)
        self._weights = known
        self._bias = bias
        self._words = _Remembered(lambda word: sum([known[bucket(name)] for name in pieces(word)])).__getitem__
        self._counts = _Remembered(lambda word: len(list(pieces(word)))).__getitem__
        self._pairs = _Remembered(lambda pair: known[bucket(f"{pair[0]} {pair[1]}")]).__getitem__
        self._around = _Remembered(lambda name: known[bucket(name)]).__getitem__
        # The same few ideas meet again and again: their sum and number, for each set of them.
        self._ideas = _Remembered(lambda seen: sum([known[bucket(name)] for name in ideas(*seen)])).__getitem__
        self._numbers = _Remembered(lambda seen: len(list(ideas(*seen)))).__getitem__

    def packed(self) -> bytes:
        return packed(self._weights, self._bias)

    def chance(self, sentence: Sentence, doubt: float = 0.0) -> float:
        """The probability, after so much doubt (in logits)."""
        words, members, first, around = seen_in(sentence)
        seen = (members, first)
        total = sum(map(self._words, words)) + sum(map(self._around, around)) + self._ideas(seen)
        total += sum(map(self._pairs, zip(["^", *words], words, strict=False)))
        count = sum(map(self._counts, words)) + len(words) + len(around) + self._numbers(seen)
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
