"""What is measured, what each figure must be, and the table of them. Needs Django to be set up."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from bench import appends, calls, inbound_scorecard, killswitch, replay, results, rulebook60, scanning, tenants

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
    Bar("ratio", "governed ÷ pass-through, results screened", "≥ 0.25", lambda f: f["ratio"] >= 0.25),
    Bar("governed_cpu_us", "CPU of the process for one governed call, µs", "", lambda f: True),
    Bar("passthrough_cpu_us", "the same for one pass-through call", "", lambda f: True),
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
    Bar("inbound_scorer_ms", "of it the scorer, 10 KB", "≤ 1 ms", lambda f: f["inbound_scorer_ms"] <= 1),
    Bar("result_json_ms", "1 MB result screened, JSON", "≤ 150 ms", lambda f: f["result_json_ms"] <= 150),
    Bar("result_markdown_ms", "1 MB result screened, Markdown", "≤ 150 ms", lambda f: f["result_markdown_ms"] <= 150),
    Bar("beside_none_ms", "small calls, 100/s: p50 / p99 ms", "", lambda f: True),
    Bar("beside_large_ms", "the same while 1 MB results pass, p50 / p99 ms", "", lambda f: True),
    Bar(
        "beside_large_p99_ms",
        "of it p99: nobody waits for a whole screen",
        "≤ 75 ms",
        lambda f: f["beside_large_p99_ms"] <= 75,
    ),
    Bar("large_per_s", "1 MB results/s meanwhile, one after the other", "", lambda f: True),
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


def measures(memory_calls: int, trials: int) -> Iterable[tuple[str, Callable[[], Figures]]]:
    yield "decisions", rulebook60.measure
    yield "scanning", scanning.measure
    yield "inbound", inbound_scorecard.measure
    yield "results", results.measure
    yield "tenants", tenants.measure
    yield "replay", replay.measure
    yield "appends", appends.measure
    yield "killswitch", lambda: killswitch.measure(trials)
    yield "calls", lambda: calls.measure(memory_calls)


def table(found: Figures) -> None:
    rows = [("what", "measured", "must be", "")]
    for bar in BARS:
        if bar.key in found:
            measured = found[bar.key] is not None
            verdict = "" if not bar.must or not measured else ("ok" if bar.met(found) else "MISSED")
            rows.append((bar.what, _text(found[bar.key]) if measured else "not measured", bar.must, verdict))
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
