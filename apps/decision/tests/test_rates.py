"""The window of a risk tier: the long run follows the rate, the moment follows the burst."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.decision.facts import RateLimit
from apps.decision.rates import MINUTE_US, allowance


@pytest.mark.parametrize(("tier", "calls"), [("low", 100), ("medium", 75), ("high", 50), ("critical", 25)])
def test_it_tightens_by_tier_within_the_same_window(tier: str, calls: int) -> None:
    allowed = allowance(RateLimit(), tier)
    assert (allowed.calls, allowed.window_us, allowed.concurrent) == (calls, 100_000_000, 32)


def test_it_gives_an_unknown_tier_the_strictest_factor() -> None:
    assert allowance(RateLimit(), "odd") == allowance(RateLimit(), "critical")


@given(st.integers(1, 1_000_000), st.integers(1, 1_000_000), st.floats(0.01, 1))
def test_it_never_allows_more_than_the_rate_in_the_long_run(per_minute: int, burst: int, factor: float) -> None:
    allowed = allowance(RateLimit(per_minute=per_minute, burst=burst, factors={"low": factor}), "low")
    assert 1 <= allowed.calls <= burst
    assert allowed.calls / allowed.window_us <= per_minute * factor / MINUTE_US * (1 + 1e-9)
