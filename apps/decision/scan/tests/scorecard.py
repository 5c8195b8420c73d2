"""Measures the built-in patterns on made corpora: recall per pattern and place, false alarms per kind of clean text."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from apps.decision.scan.scanner import PatternSetting, build_scanner
from apps.decision.scan.tests import clean, places, secrets
from apps.decision.types import Scanner


@dataclass(slots=True)
class Card:
    tried: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    missed: Counter[tuple[str, str]] = field(default_factory=Counter)
    missed_texts: list[tuple[str, str, str]] = field(default_factory=list)
    clean: Counter[str] = field(default_factory=Counter)
    alarms: Counter[tuple[str, str]] = field(default_factory=Counter)
    alarm_texts: list[tuple[str, str, str]] = field(default_factory=list)

    def recall(self, name: str) -> float:
        return self.found[name] / self.tried[name]

    def alarm_rate(self) -> float:
        """Clean texts with an alarm per clean text."""
        return sum(self.alarms.values()) / sum(self.clean.values())


def everything() -> Scanner:
    return build_scanner({"email": PatternSetting(enabled=True)})


def positives(source: random.Random, rounds: int) -> Iterator[tuple[str, str, str, str]]:
    """(pattern, place, text, secret)."""
    for _ in range(rounds):
        for name, make in secrets.BARE.items():
            one = make(source)
            around = places.AROUND if "\n" in one or one.startswith("{") else (*places.AROUND, *places.IN_LINE)
            for place, put in (*around, *places.ENCODED):
                yield name, place, put(one), one
        for name, (names, make) in secrets.NAMED.items():
            for place, put_named in places.NAMED:
                key, value = source.choice(names), make(source)
                yield name, f"named_{place}", put_named(key, value), value
        for place, put in (*places.AROUND[:1], *places.AROUND[7:9], places.ENCODED[0]):
            one = secrets.docker_auth(source)
            yield "docker_auth", place, put(one), one


def measure(scan: Scanner, seed: int = 7, rounds: int = 5) -> Card:
    card = Card()
    source = random.Random(seed)
    for name, place, text, _secret in positives(source, rounds):
        card.tried[name] += 1
        if name in {finding.rule for finding in scan(text)}:
            card.found[name] += 1
        else:
            card.missed[name, place] += 1
            card.missed_texts.append((name, place, text))
    for kind, make in clean.KINDS:
        for _ in range(rounds * 8):
            text = make(source)
            card.clean[kind] += 1
            for finding in scan(text):
                if finding.rule != "email":
                    card.alarms[finding.rule, kind] += 1
                    card.alarm_texts.append((finding.rule, kind, text[max(0, finding.start - 50) : finding.end + 10]))
    return card
