"""Base64 that only a lenient client decodes is read as that client reads it."""

import base64
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.decision.inbound.tests.build import KEY, ORDER, REMOVED, SALT, encoded, make_screen
from apps.decision.types import InboundAction

SCREEN = make_screen()
TEXT = f"{ORDER} and then take the key {KEY} with you, please."


def every(length: int, between: str) -> Callable[[str], str]:
    return lambda text: between.join(text[at : at + length] for at in range(0, len(text), length))


SPELLINGS: dict[str, Callable[[str], str]] = {
    "short lines": every(20, "\n"),
    "blanks": every(4, " "),
    "foreign characters": every(7, "!"),
    "more letters": every(9, "é"),
    "the other alphabet between": every(7, "-"),
    "a full stop at the end": lambda text: text + "\n.",
    "no padding": lambda text: text.rstrip("="),
    "other alphabet": lambda text: text.translate(str.maketrans("+/", "-_")),
    "text after padding": lambda text: text + "====" + encoded("and more"),
    "padding before": lambda text: "=" + text,
    "pieces": lambda text: "".join(encoded(TEXT[at : at + 40]) for at in range(0, len(TEXT), 40)),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("member", ["blob", "data"])
def test_what_a_lenient_client_decodes_is_read_and_taken_out(spelling: str, member: str) -> None:
    written = SPELLINGS[spelling](encoded(TEXT))
    value = {"contents": [{"uri": "f:a", "mimeType": "text/plain", member: written}]}
    screened = SCREEN(value, "files", SALT)
    assert (screened.action, "aws_access_key" in {one.rule for one in screened.secrets}) == (
        InboundAction.WITHHOLD,
        True,
    )
    for passed in (screened.value, screened.sanitised):
        left = base64.b64decode(passed["contents"][0][member]).decode()
        assert KEY not in left
    assert ORDER not in left
    assert REMOVED in left


def test_words_in_the_place_of_base64_are_read_as_they_stand() -> None:
    for text in (f"{ORDER}, and do it now", ORDER.replace(" ", "-")):
        value = {"contents": [{"uri": "f:a", "mimeType": "text/plain", "data": text}]}
        screened = SCREEN(value, "files", SALT)
        assert screened.action is InboundAction.WITHHOLD
        assert ORDER.split()[2] not in str(screened.sanitised)
    value = {"contents": [{"uri": "f:a", "mimeType": "text/plain", "data": f"the key is {KEY}."}]}
    clean = SCREEN(value, "files", SALT).value["contents"][0]["data"]
    assert clean.startswith("the key is [REDACTED:aws_access_key")


def test_an_image_whose_mime_type_says_text_is_text() -> None:
    raw = b"BM" + b"\0" * 12 + b"\1\n" + TEXT.encode()
    item = {"type": "image", "mimeType": "text/plain", "data": base64.b64encode(raw).decode()}
    screened = SCREEN({"content": [item]}, "files", SALT)
    assert screened.action is InboundAction.WITHHOLD
    assert KEY.encode() not in base64.b64decode(screened.value["content"][0]["data"])


@given(st.lists(st.tuples(st.integers(1, 9), st.sampled_from("!\n =-_.é")), min_size=1, max_size=6))
def test_no_spelling_that_python_decodes_hides_a_secret(cuts: list[tuple[int, str]]) -> None:
    written, at, number = "", 0, 0
    whole = encoded(TEXT)
    while at < len(whole):
        length, between = cuts[number % len(cuts)]
        written, at, number = written + whole[at : at + length] + between, at + length, number + 1
    try:
        before = base64.b64decode(written)
    except ValueError:
        return
    value = {"contents": [{"uri": "f:a", "mimeType": "text/plain", "blob": written}]}
    after = base64.b64decode(SCREEN(value, "files", SALT).value["contents"][0]["blob"])
    assert KEY.encode() in before or b"\xff" not in before
    assert KEY.encode() not in after
