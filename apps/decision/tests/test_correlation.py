"""Which patterns spread over sessions, and that one thing again and again ranks above a bit of everything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.decision.correlation import WINDOW_SECONDS, Sighting, correlate, score

NOW = 100_000.0


def sightings(*seen: tuple[str, str], at: float = NOW) -> list[Sighting]:
    return [Sighting(pattern, session, at) for pattern, session in seen]


def test_it_needs_three_sessions_of_one_pattern() -> None:
    two = sightings(("aws", "a"), ("aws", "b"), ("aws", "b"), ("jwt", "c"))
    assert correlate(two, NOW, ["aws"]) is None
    found = correlate([*two, *sightings(("aws", "c"))], NOW, ["aws", "jwt"])
    assert found is not None
    assert (found.patterns, found.sightings) == ((("aws", 3),), 5)


def test_it_says_only_what_the_present_message_held() -> None:
    ring = sightings(("aws", "a"), ("aws", "b"), ("aws", "c"))
    assert correlate(ring, NOW, ["jwt"]) is None
    assert correlate([], NOW, ["aws"]) is None


def test_it_forgets_after_an_hour() -> None:
    old = sightings(("aws", "a"), at=NOW - WINDOW_SECONDS)
    assert correlate([*old, *sightings(("aws", "b"), ("aws", "c"))], NOW, ["aws"]) is None


@pytest.mark.parametrize(
    ("counts", "expected"),
    [([8], 100), ([7, 1], 82), ([2, 2, 2, 2], 33), ([1] * 8, 0), ([], 0), ([1], 100), ([0, 3], 100)],
)
def test_the_score_is_as_written(counts: list[int], expected: int) -> None:
    assert score(counts) == expected


@given(st.lists(st.integers(0, 50), max_size=20))
def test_the_score_has_bounds_and_knows_no_order(counts: list[int]) -> None:
    assert 0 <= score(counts) <= 100
    assert score(counts) == score(sorted(counts))


@given(st.integers(2, 100), st.integers(1, 100))
def test_moving_one_to_the_larger_side_never_ranks_lower(large: int, small: int) -> None:
    large, small = max(large, small), min(large, small)
    assert score([large + 1, small - 1]) >= score([large, small])
