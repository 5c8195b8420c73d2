"""Encryption at rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.decision.errors import Unavailable
from apps.tenants.sealing import derived_key, seal, unseal


@given(st.binary(max_size=2000), st.text(max_size=30))
def test_it_gives_back_what_was_sealed(plaintext: bytes, context: str) -> None:
    assert unseal(seal(plaintext, context=context), context=context) == plaintext


@given(st.binary(min_size=1, max_size=64), st.data())
def test_it_refuses_a_value_that_was_altered_anywhere(plaintext: bytes, data: st.DataObject) -> None:
    sealed = bytearray(seal(plaintext, context="c"))
    at = data.draw(st.integers(0, len(sealed) - 1))
    sealed[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(Unavailable):
        unseal(bytes(sealed), context="c")


def test_it_refuses_a_value_moved_to_another_context() -> None:
    with pytest.raises(Unavailable):
        unseal(seal(b"key", context="t_acme:server"), context="t_globex:server")


def test_it_refuses_a_value_sealed_under_another_master_secret(settings: pytest.FixtureRequest) -> None:
    sealed = seal(b"key", context="c")
    settings.SECRET_KEY = "another"  # type: ignore[attr-defined]  # pytest-django's settings wrapper
    with pytest.raises(Unavailable):
        unseal(sealed, context="c")


def test_two_seals_of_one_value_differ() -> None:
    assert seal(b"x", context="c") != seal(b"x", context="c")


def test_a_derived_key_is_the_same_wherever_it_is_derived_and_another_for_anything_else() -> None:
    key = derived_key("placeholders:t_acme")
    assert (key, len(key)) == (derived_key("placeholders:t_acme"), 32)
    assert key != derived_key("placeholders:t_globex")
