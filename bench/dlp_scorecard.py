"""`python -m bench.dlp_scorecard [ROUNDS [SEED]]`: recall per DLP pattern and false alarms, on made corpora."""

import sys

from apps.decision.scan.tests.scorecard import everything, measure


def main(rounds: int = 10, seed: int = 1) -> None:
    card = measure(everything(), seed=seed, rounds=rounds)
    print(f"{'pattern':<24}{'texts':>7}{'recall':>9}")
    for name in sorted(card.tried):
        print(f"{name:<24}{card.tried[name]:>7}{card.recall(name):>9.3f}")
    total = sum(card.tried.values())
    print(f"{'all':<24}{total:>7}{sum(card.found.values()) / total:>9.3f}")
    print()
    print(f"{'clean text':<24}{'texts':>7}{'alarms':>9}")
    for kind, texts in card.clean.items():
        alarms = sum(count for (_, where), count in card.alarms.items() if where == kind)
        print(f"{kind:<24}{texts:>7}{alarms:>9}")
    for (name, place), count in card.missed.most_common(12):
        print(f"missed {count} × {name} in {place}")
    for (name, kind), count in card.alarms.most_common(12):
        print(f"false alarm {count} × {name} in {kind}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
