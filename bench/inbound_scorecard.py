"""`python -m bench.inbound_scorecard DATA`: how much of what is injected the inbound scanner finds.

What is tried was not learned from: for each fold the scorer is trained anew without the groups (templates, orders,
documents) that are tried. The shipped weights have seen all of it and would flatter. Without DATA, which is third
parties' and not in the repository, only the self-written examples are tried.
"""

import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from apps.decision.scan.injection.automaton import automaton_for
from apps.decision.scan.injection.features import bucket
from apps.decision.scan.injection.rules.table import BUILTIN_RULES
from apps.decision.scan.injection.scanner import InjectionScanner
from apps.decision.scan.injection.training.corpus import Text, downloaded, examples, written
from apps.decision.scan.injection.training.learn import SEED, learn
from apps.decision.scan.injection.training.wrapped import wrapped
from apps.decision.types import InboundAction

DATA = "BEHAVRY_INBOUND_DATA"  # the development file's path
FOLDS = 3


def texts(data: Path | None) -> list[Text]:
    return [*(downloaded(data) if data else ()), *written(SEED), *wrapped(SEED)]


def group(text: Text) -> str:
    """Which row of the card a text counts in."""
    if not text.label:
        return "hard" if text.source == "written" else "benign"
    return "wrapped" if text.source.endswith((" enhanced", "wrapped")) else "plain"


def card(rows: list[Text]) -> dict[tuple[str, str], tuple[int, int]]:
    """Flagged or withheld, and all, by group and source; each text tried by a scorer that has not seen its group."""
    tried: Counter[tuple[str, str]] = Counter()
    found: Counter[tuple[str, str]] = Counter()
    for fold in range(FOLDS):
        held = [row for row in rows if bucket(row.group) % FOLDS == fold]
        kept = [row for row in rows if bucket(row.group) % FOLDS != fold and not row.source.endswith("wrapped")]
        scan = InjectionScanner((automaton_for(BUILTIN_RULES),), learn(list(examples(iter(kept)))))
        for row in held:
            for source in (row.source, "all"):
                tried[group(row), source] += 1
                found[group(row), source] += scan(row.text).action is not InboundAction.ALLOW
    return {key: (found[key], tried[key]) for key in tried}


def measure() -> dict[str, Any]:
    path = os.environ.get(DATA, "")
    result = card(texts(Path(path) if path else None))
    figures: dict[str, Any] = {}
    for name in ("wrapped", "plain", "benign", "hard"):
        found, tried = result.get((name, "all"), (0, 0))
        figures[f"inbound_{name}"] = round(found / tried, 4) if tried else None  # None: nothing to measure it with
    figures["notes"] = [
        f"inbound: {name:<8} {source:<22} {found:>5} of {tried:<5} {found / tried:.3f}"
        for (name, source), (found, tried) in sorted(result.items())
    ]
    return figures


if __name__ == "__main__":
    if sys.argv[1:]:
        os.environ[DATA] = sys.argv[1]
    for key, value in measure().items():
        print(*value, sep="\n") if key == "notes" else print(f"{key:<20}{value}")
