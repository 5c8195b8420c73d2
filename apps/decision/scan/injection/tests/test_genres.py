"""The scanner on texts that nothing was learned from: floors, so that a change for the worse is seen."""

from collections import Counter

import pytest

from apps.decision.scan.injection.scanner import build_injection_scanner
from apps.decision.scan.injection.training.genres import DISGUISES, harmless, injected, learned, read
from apps.decision.types import InboundAction

KEPT = ("kept", "fresh")
HALVES = ("benign", "hard", "wrapped", "plain")


@pytest.mark.parametrize("kind", HALVES)
def test_it_shares_no_text_between_the_halves(kind: str) -> None:
    kept = {one.text for half in KEPT for one in read(f"{half}_{kind}")}
    assert kept and kept.isdisjoint(one.text for one in read(f"learned_{kind}"))


def test_it_learns_nothing_from_the_kept_half() -> None:
    assert all(text.source.startswith("learned ") for text in learned(1))


def test_it_marks_where_an_order_stands() -> None:
    plainly = {one.text for kind in ("wrapped", "plain") for one in read(f"kept_{kind}")}
    for text in injected("kept"):
        order = text.text[text.span[0] : text.span[1]]
        disguised = text.group.split(":")[2] in DISGUISES
        assert disguised or order in plainly or order[0] == '"'


def test_it_finds_most_orders_and_leaves_most_other_texts() -> None:
    scan = build_injection_scanner()
    tried: Counter[str] = Counter()
    flagged: Counter[str] = Counter()
    withheld: Counter[str] = Counter()
    for text in [text for half in KEPT for text in (*harmless(half), *injected(half))]:
        action = scan(text.text).action
        tried[text.source] += 1
        flagged[text.source] += action is not InboundAction.ALLOW
        withheld[text.source] += action is InboundAction.WITHHOLD
    rate = {source: flagged[source] / tried[source] for source in tried}
    assert rate["kept wrapped"] >= 0.87
    assert rate["kept plain"] >= 0.6
    assert rate["kept benign"] <= 0.05
    assert rate["kept hard"] <= 0.18
    assert withheld["kept benign"] == 0
    assert withheld["kept hard"] <= 2
    assert rate["fresh wrapped"] >= 0.85
    assert rate["fresh plain"] >= 0.6
    assert rate["fresh hard"] <= 0.15
