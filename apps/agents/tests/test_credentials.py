"""Credentials are long, random, recognisable, and known by digest alone."""

from apps.agents import credentials
from apps.agents.credentials import Purpose


def test_it_makes_a_different_one_every_time_of_a_known_length() -> None:
    made = {credentials.generate(Purpose.ACCESS_TOKEN) for _ in range(100)}
    assert len(made) == 100
    assert {len(one) for one in made} == {credentials.LENGTH}


def test_it_matches_only_the_same_credential() -> None:
    one, other = credentials.generate(Purpose.CLIENT_SECRET), credentials.generate(Purpose.CLIENT_SECRET)
    assert credentials.matches(one, credentials.NO_DIGEST, credentials.digest(one))
    assert not credentials.matches(other, credentials.NO_DIGEST, credentials.digest(one))
    assert not credentials.matches("", credentials.NO_DIGEST)


def test_it_shows_a_prefix_that_gives_nothing_away() -> None:
    one = credentials.generate(Purpose.ENROLMENT_TOKEN)
    assert one.startswith(credentials.prefix_of(one))
    assert len(one) - len(credentials.prefix_of(one)) == 35


def test_it_takes_any_text() -> None:
    assert not credentials.matches("\ud800é\x00" * 1000, credentials.NO_DIGEST)
