"""`python -m bench.inbound_scorecard DATA`: how much of what is injected the inbound scanner finds.

What is tried was not learned from: a third at a time is tried by a scorer made without its groups (templates, orders,
documents), a whole source by a scorer made without the source, and the texts kept for measuring by the shipped one,
which has never seen them. Without DATA, which is third parties' and not in the repository, its sources are left out.
"""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from apps.decision.scan.injection.automaton import automaton_for
from apps.decision.scan.injection.features import bucket
from apps.decision.scan.injection.rules.table import BUILTIN_RULES
from apps.decision.scan.injection.scanner import InjectionScanner, build_injection_scanner
from apps.decision.scan.injection.training.corpus import Text, examples
from apps.decision.scan.injection.training.genres import harmless, injected
from apps.decision.scan.injection.training.learn import SEED, everything, learn
from apps.decision.scan.injection.training.wrapped import wrapped
from apps.decision.types import InboundAction

DATA = "BEHAVRY_INBOUND_DATA"  # the development file's path
FOLDS = 3
KEPT = ("kept", "fresh")  # texts that nothing is learned from


# A source, and which texts are left out of what is learned when it is tried.
SOURCES = {
    "injecagent": "injecagent",
    "read-mes": "readme_",
    "written": "written",
    "other genres": "learned",
    "python's library": "python ",
}
Card = dict[tuple[str, str], tuple[int, int, int]]


def never_learned() -> list[Text]:
    return [*wrapped(SEED), *(text for half in KEPT for text in (*harmless(half), *injected(half)))]


def group(text: Text) -> str:
    """Which row of the card a text counts in."""
    if not text.label:
        return "hard" if text.source in ("written", "learned hard", "kept hard", "fresh hard") else "benign"
    return "wrapped" if text.source.endswith((" enhanced", "wrapped")) else "plain"


def tried(scan: InjectionScanner, rows: Iterable[Text], name: str = "") -> Card:
    """Flagged or withheld, withheld, and all, by group and source."""
    counts: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        action = scan(row.text).action
        count = counts.setdefault((group(row), name or row.source), [0, 0, 0])
        count[0] += action is not InboundAction.ALLOW
        count[1] += action is InboundAction.WITHHOLD
        count[2] += 1
    return {key: (count[0], count[1], count[2]) for key, count in counts.items()}


def scanner(rows: Iterable[Text]) -> InjectionScanner:
    return InjectionScanner((automaton_for(BUILTIN_RULES),), learn(list(examples(iter(rows)))))


def summed(cards: Iterable[Card]) -> Card:
    total: Card = {}
    for one in cards:
        for key, count in one.items():
            known = total.get(key, (0, 0, 0))
            total[key] = (known[0] + count[0], known[1] + count[1], known[2] + count[2])
    return total


def held_out(rows: list[Text]) -> Card:
    """Each third of the groups, learned without. A rule's own examples are only learned from."""
    cards = []
    for fold in range(FOLDS):
        scan = scanner(row for row in rows if bucket(row.group) % FOLDS != fold)
        cards.append(tried(scan, (row for row in rows if bucket(row.group) % FOLDS == fold and row.source != "rules")))
    return summed(cards)


def left_out(rows: list[Text]) -> Card:
    """Each source as a whole, learned without."""
    cards = []
    for name, start in SOURCES.items():
        held = [row for row in rows if row.source.startswith(start)]
        if held:
            scan = scanner(row for row in rows if not row.source.startswith(start))
            cards.append(tried(scan, held, f"without {name}"))
    return summed(cards)


def measure() -> dict[str, Any]:
    path = os.environ.get(DATA, "")
    rows = everything(Path(path) if path else None)
    card = held_out(rows) | tried(build_injection_scanner(), never_learned())
    totals = summed({(key[0], "all"): count} for key, count in card.items())
    figures: dict[str, Any] = {}
    for name in ("wrapped", "plain", "benign", "hard"):
        found, _, all_of_them = totals.get((name, "all"), (0, 0, 0))
        # None: nothing to measure it with
        figures[f"inbound_{name}"] = round(found / all_of_them, 4) if all_of_them else None
    figures["notes"] = [
        f"inbound: {name:<8} {source:<24} {found:>5} of {size:<5} {found / size:.3f} withheld {withheld:>4}"
        for (name, source), (found, withheld, size) in (
            *sorted((card | totals).items()),
            *sorted(left_out(rows).items(), key=lambda row: (row[0][1], row[0][0])),
        )
    ]
    return figures


if __name__ == "__main__":
    if sys.argv[1:]:
        os.environ[DATA] = sys.argv[1]
    for key, value in measure().items():
        print(*value, sep="\n") if key == "notes" else print(f"{key:<20}{value}")
