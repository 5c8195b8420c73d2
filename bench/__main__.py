"""`make bench`: every figure of the product's promise in one run, on this machine, as a table or as JSON lines.

Ratios compare things measured seconds apart on the same box; absolute figures are only as good as the box. Load
generator, upstream, database, Redis and the gateway share its cores, so nothing here says what a bigger machine does.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "behavry.settings")
os.environ.setdefault("BEHAVRY_LOG_LEVEL", "ERROR")  # log lines go to stdout too, which is the figures' alone
django.setup()

# Models need Django's app registry first.
from bench import appends, calls, inbound_scorecard, killswitch, replay, rulebook60, scanning, tenants  # noqa: E402

Figures = dict[str, Any]


@dataclass(frozen=True)
class Bar:
    """One promise: which figure, what it must be, and how to say whether it is met."""

    key: str
    what: str
    must: str
    met: Callable[[Figures], bool]


BARS = (
    Bar("governed_rps", "governed tool calls/s, one process, 32 connections", "", lambda f: True),
    Bar("passthrough_rps", "aiohttp pass-through calls/s, same load", "", lambda f: True),
    Bar("ratio", "governed ÷ pass-through", "≥ 0.30", lambda f: f["ratio"] >= 0.30),
    Bar("added_p50_ms", "added latency at half load, p50", "≤ 5 ms", lambda f: f["added_p50_ms"] <= 5),
    Bar("added_p99_ms", "added latency at half load, p99", "≤ 20 ms", lambda f: f["added_p99_ms"] <= 20),
    Bar("policy_us", "decision, 60 rules in 12 modules, p50", "≤ 60 µs", lambda f: f["policy_us"] <= 60),
    Bar("regocpp_us", "the same in rego-cpp", "≥ 15 ×", lambda f: f["regocpp_us"] >= 15 * f["policy_us"]),
    Bar("dlp_10kb_us", "DLP over 10 KB of clean JSON", "≤ 150 µs", lambda f: f["dlp_10kb_us"] <= 150),
    Bar(
        "inbound_wrapped", "injections with a tell-tale wrapper found", "≥ 0.95", lambda f: f["inbound_wrapped"] >= 0.95
    ),
    Bar("inbound_plain", "plain requests found that stand in data", "≥ 0.60", lambda f: f["inbound_plain"] >= 0.60),
    Bar("inbound_benign", "false alarms, tool outputs and read-mes", "≤ 0.01", lambda f: f["inbound_benign"] <= 0.01),
    Bar("inbound_hard", "false alarms, hard harmless texts", "≤ 0.05", lambda f: f["inbound_hard"] <= 0.05),
    Bar("inbound_10kb_ms", "inbound scan of 10 KB, clean", "≤ 2 ms", lambda f: f["inbound_10kb_ms"] <= 2),
    Bar("inbound_dirty_ms", "inbound scan of 10 KB, dirty", "≤ 6 ms", lambda f: f["inbound_dirty_ms"] <= 6),
    Bar("inbound_1mb_ms", "inbound scan of 1 MB", "≤ 150 ms", lambda f: f["inbound_1mb_ms"] <= 150),
    Bar("appends_per_s", "durable log appends/s at concurrency 64", "≥ 10,000", lambda f: f["appends_per_s"] >= 10_000),
    Bar("appends_with_input_per_s", "the same, each with a masked input of 1 KB", "", lambda f: True),
    Bar("rss_mb", "resident memory after the long run", "≤ 200 MB", lambda f: f["rss_mb"] <= 200),
    Bar("rss_growth_mb", "its growth over the second half of that run", "flat", lambda f: f["rss_growth_mb"] <= 5),
    Bar(
        "overload_ok", "at twice the load: sheds with 429, loses no entry, recovers", "yes", lambda f: f["overload_ok"]
    ),
    Bar("kill_trials", "kill switch: trials under load, two gateways", "", lambda f: True),
    Bar("kill_late", "calls that reached the upstream after the answer", "0", lambda f: f["kill_late"] == 0),
    Bar("kill_answer_ms", "request to answer, p50 / p99 ms", "", lambda f: True),
    Bar("kill_last_forwarded_ms", "request to the last call forwarded, p50 / p99 ms", "", lambda f: True),
    Bar("kill_refused_ms", "answer to the first call refused after it, p50 / p99 ms", "", lambda f: True),
    Bar("kill_bystander", "another tenant's calls meanwhile", "", lambda f: True),
    Bar(
        "replay_s", "replay of 100,000 recorded calls, 60 rules and the base, s", "< 30 s", lambda f: f["replay_s"] < 30
    ),
    Bar("replay_flips", "calls that would end otherwise", "", lambda f: True),
    Bar("replay_rss_mb", "resident memory, peak of the process", "", lambda f: True),
    Bar("tenant_s", "creating a tenant", "< 2 s", lambda f: f["tenant_s"] < 2),
)


NAMES = ("decisions", "scanning", "inbound", "appends", "tenants", "killswitch", "replay", "calls")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="JSON lines alone")
    parser.add_argument("--calls", type=int, default=100_000, help="length of the memory run (default 100,000)")
    parser.add_argument("--trials", type=int, default=killswitch.TRIALS, help="of the kill switch (default 200)")
    parser.add_argument("--only", choices=NAMES, action="append")
    options = parser.parse_args()
    found: Figures = {}
    for name, measure in _measures(options.calls, options.trials):
        if options.only and name not in options.only:
            continue
        if not options.json:
            print(f"measuring {name} …", file=sys.stderr, flush=True)
        figures = measure()
        found.update(figures)
        if options.json:
            print(json.dumps(figures), flush=True)
    if not options.json:
        _table(found)
    return 0


def _measures(memory_calls: int, trials: int) -> Iterable[tuple[str, Callable[[], Figures]]]:
    yield "decisions", rulebook60.measure
    yield "scanning", scanning.measure
    yield "inbound", inbound_scorecard.measure
    yield "tenants", tenants.measure
    yield "replay", replay.measure
    yield "appends", appends.measure
    yield "killswitch", lambda: killswitch.measure(trials)
    yield "calls", lambda: calls.measure(memory_calls)


def _table(found: Figures) -> None:
    rows = [("what", "measured", "must be", "")]
    for bar in BARS:
        if bar.key in found:
            verdict = "" if not bar.must else ("ok" if bar.met(found) else "MISSED")
            rows.append((bar.what, _text(found[bar.key]), bar.must, verdict))
    widths = [max(len(row[n]) for row in rows) for n in range(4)]
    print()
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for key in ("notes",):
        for line in found.get(key, []):
            print(line)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}"


if __name__ == "__main__":
    sys.exit(main())
