"""DLP over 10 KB of clean JSON: nested tool arguments of the kinds that agents send, none of them secret."""

import random
import statistics
import time
from typing import Any

import orjson

from apps.decision.scan.scanner import build_scanner

WORDS = [
    "open",
    "close",
    "garden",
    "bench",
    "notes",
    "plan",
    "review",
    "ticket",
    "order",
    "customer",
    "summer",
    "please",
]


def clean_arguments(size: int, seed: int = 7) -> dict[str, Any]:
    """About `size` bytes of JSON: prose, paths, ids, numbers and nested rows."""
    dice = random.Random(seed)
    rows: list[dict[str, Any]] = []
    document = {"path": "notes/plan.md", "rows": rows, "dry_run": False}
    while len(orjson.dumps(document)) < size:
        rows.append(
            {
                "id": dice.randrange(10**6),
                "title": " ".join(dice.choices(WORDS, k=5)),
                "body": " ".join(dice.choices(WORDS, k=24)),
                "tags": dice.choices(WORDS, k=3),
                "url": f"https://docs.example.org/{dice.choice(WORDS)}/{dice.randrange(9999)}",
                "score": round(dice.random(), 3),
            }
        )
    return document


def measure() -> dict[str, Any]:
    scan = build_scanner()
    document = clean_arguments(10_240)
    if scan(document):
        raise AssertionError("the clean document is not clean")
    times = []
    for _ in range(2000):
        began = time.perf_counter_ns()
        scan(document)
        times.append(time.perf_counter_ns() - began)
    return {"dlp_10kb_us": round(statistics.median(times) / 1000, 1)}
