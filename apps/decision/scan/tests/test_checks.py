"""The evidence behind a hit, piece by piece."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.decision.scan import checks
from apps.decision.scan.decoding import unescaped
from apps.decision.scan.pattern import Hit
from apps.decision.scan.patterns import made


@pytest.mark.parametrize("prefix", ["4", "51", "37", "6011"])
def test_it_knows_a_right_check_digit(prefix: str) -> None:
    number = made.card(prefix, 16, prefix)
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
    assert checks.luhn(number.encode())
    assert not checks.luhn(wrong.encode())


@given(st.binary(max_size=300))
def test_it_bounds_entropy(value: bytes) -> None:
    assert 0.0 <= checks.entropy(value) <= 8.0


@pytest.mark.parametrize(
    "value", [b"your-api-key", b"<token>", b"${TOKEN}", b"XXXXXXXXXXXXXXXX", b"aaaaaaaaaaaab", b"EXAMPLEKEY"]
)
def test_it_knows_placeholders(value: bytes) -> None:
    assert checks.placeholder(value)


@pytest.mark.parametrize(
    "value", [b"expected_password_from_fixture_1", b"getServiceAccountToken", b"/api/v1/password/reset"]
)
def test_it_knows_words(value: bytes) -> None:
    assert checks.wordy(value)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("alphabet", [made.ALNUM, made.HEX, made.BASE64, made.LOWER + made.DIGITS])
def test_it_takes_no_random_text_for_words(alphabet: str, seed: int) -> None:
    assert not checks.wordy(made.chars(alphabet, 40, str(seed)).encode())


@pytest.mark.parametrize(
    ("header", "known"),
    [('{"alg":"none"}', True), ('{"typ":"JWT"}', False), ("[1]", False), ("not json", False)],
)
def test_it_reads_a_token_header(header: str, known: bool) -> None:
    token = f"{made.b64(header).rstrip('=')}.e30.".encode()
    assert (checks.jwt(Hit(token, 0, len(token))) is not None) is known


@given(
    st.lists(
        st.sampled_from(["a", "é", "%41", "%c3%a9", "\\u0041", "\\/", "&quot;", "&#39;", "%25", "%2541"]), min_size=1
    ),
    st.data(),
)
def test_it_finds_the_way_back_from_unescaped_text(pieces: list[str], data: st.DataObject) -> None:
    buffer = "".join(pieces).encode()
    plain = unescaped(buffer)
    if plain is None:
        assert not any(piece.startswith(("%", "\\", "&")) for piece in pieces)
        return
    start = data.draw(st.integers(0, len(plain.text) - 1))
    end = data.draw(st.integers(start + 1, len(plain.text)))
    low, high = plain.place(start, end)
    assert 0 <= low < high <= len(buffer)
    again = unescaped(buffer[low:high])
    # The place of a stretch, unescaped, is that stretch.
    assert (again.text if again else buffer[low:high]) == plain.text[start:end] or not plain.text.isascii()
