"""The built-in patterns, measured: recall in every kind of place, and silence on clean text."""

import pytest

from apps.decision.scan.tests.scorecard import Card, everything, measure


@pytest.fixture(scope="module")
def card() -> Card:
    return measure(everything(), seed=20, rounds=4)


def test_it_finds_nearly_every_secret_of_every_kind(card: Card) -> None:
    recalls = {name: round(card.recall(name), 3) for name in card.tried}
    assert {name: recall for name, recall in recalls.items() if recall < 0.97} == {}


def test_it_finds_every_secret_that_has_a_form_of_its_own(card: Card) -> None:
    guessed = {"generic_api_key", "credential_assignment"}
    assert [miss for miss in card.missed_texts if miss[0] not in guessed and not miss[1].startswith("named_")] == []


def test_it_is_silent_on_clean_text(card: Card) -> None:
    assert card.alarm_rate() < 0.02, card.alarm_texts[:5]
