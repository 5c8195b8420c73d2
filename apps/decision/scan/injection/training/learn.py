"""`python -m apps.decision.scan.injection.training.learn DATA [--out FILE] [--check]`: makes the scorer's weights.

DATA is the development file that docs/inbound.md describes. Plain stochastic gradient descent with a fixed seed: the
same data give the same bytes. With `--check` nothing is written; what is learned from some sources is tried on others.
"""

import argparse
import math
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from apps.decision.scan.injection.features import BUCKETS, bucket, features
from apps.decision.scan.injection.scorer import WEIGHTS, Scorer, packed, unpacked
from apps.decision.scan.injection.sentences import sentences
from apps.decision.scan.injection.training.beside import interpreter, jumbled, ruled
from apps.decision.scan.injection.training.corpus import Example, Text, downloaded, examples, written
from apps.decision.scan.injection.training.genres import learned
from apps.decision.scan.injection.views import folded

SEED = 20260
ROUNDS = 20
RATE = 0.2
DECAY = 1e-3
THRESHOLD = 0.5


def learn(rows: Sequence[Example], seed: int = SEED) -> Scorer:
    """AdaGrad on the logistic loss. Both labels weigh much the same in sum; a group weighs a handful of sentences."""
    dice = random.Random(seed)  # noqa: S311 - examples, not secrets
    sizes: dict[tuple[str, int], int] = {}
    for row in rows:
        sizes[row.group, row.label] = sizes.get((row.group, row.label), 0) + 1
    data = [
        (tuple(bucket(name) for name in features(row.sentence)), row.label, min(1.0, 4 / sizes[row.group, row.label]))
        for row in rows
    ]
    positive = sum(weight for _, label, weight in data if label)
    negative = sum(weight for _, label, weight in data if not label)
    balance = (negative / positive) ** 0.5
    weights, bias = [0.0] * BUCKETS, 0.0
    squares, square = [1e-2] * BUCKETS, 1e-2
    for _ in range(ROUNDS):
        dice.shuffle(data)
        for names, label, importance in data:
            if not names:
                continue
            scale = 1 / math.sqrt(len(names))
            total = bias + scale * sum(weights[name] for name in names)
            error = 1 / (1 + math.exp(-max(-30.0, min(30.0, total)))) - label
            error *= importance * (balance if label else 1 / balance)
            square += error * error
            bias -= RATE * error / math.sqrt(square)
            step = error * scale
            for name in names:
                gradient = step + DECAY * weights[name]
                squares[name] += gradient * gradient
                weights[name] -= RATE * gradient / math.sqrt(squares[name])
    return unpacked(packed(weights, bias))


def everything(data: Path | None) -> list[Text]:
    """All that is learned from; `data` is the development file, which is not in the repository."""
    return [
        *(downloaded(data) if data else ()),
        *written(SEED),
        *learned(SEED),
        *ruled(),
        *jumbled(SEED),
        *interpreter(),
    ]


def chance(scorer: Scorer, text: Text) -> float:
    return max((scorer.chance(sentence) for sentence in sentences(folded(text.text))), default=0.0)


def check(texts: Sequence[Text]) -> None:
    """What is learned without a source, tried on that source."""
    ways: dict[str, Callable[[Text], bool]] = {
        "all of injecagent's orders": lambda text: text.source.startswith("injecagent "),
        "all written requests": lambda text: text.source == "written" and text.label == 1,
        "written harmless": lambda text: text.source == "written" and text.label == 0,
        "learned texts, hard": lambda text: text.source == "learned hard",
        "learned texts, other harmless": lambda text: text.source == "learned benign",
        "learned texts, wrapped": lambda text: text.source == "learned wrapped",
        "learned texts, plain": lambda text: text.source == "learned plain",
        "python's manual and modules": lambda text: text.source.startswith("python "),
        "npm read-mes": lambda text: text.source == "readme_npm",
        "pypi read-mes": lambda text: text.source == "readme_pypi",
        "injecagent's clean answers": lambda text: text.source == "injecagent",
    }
    folds = 5
    for fold in range(folds):
        ways[f"a fifth of all groups ({fold + 1})"] = lambda text, fold=fold: bucket(text.group) % folds == fold  # type: ignore[misc]
    for name, left_out in ways.items():
        scorer = learn(list(examples(iter([text for text in texts if not left_out(text)]))))
        chances: dict[tuple[str, int], list[float]] = {}
        for text in texts:
            if left_out(text):
                chances.setdefault((text.source, text.label), []).append(chance(scorer, text))
        for (source, label), found in sorted(chances.items()):
            rates = "  ".join(f"≥{t}: {sum(c >= t for c in found) / len(found):.3f}" for t in (0.5, 0.7, 0.8, 0.9))
            sys.stdout.write(f"without {name:<32} {source:<22} label {label}  n={len(found):<5} {rates}\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m apps.decision.scan.injection.training.learn", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    texts = everything(options.data)
    if options.check:
        check(texts)
        return 0
    scorer = learn(list(examples(iter(texts))))
    options.out.write_bytes(scorer.packed())
    sys.stdout.write(f"{options.out}: {options.out.stat().st_size:,} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
