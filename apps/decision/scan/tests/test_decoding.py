"""What is decoded leads back to where it stood, whatever the bytes are."""

import base64

from hypothesis import example, given, settings
from hypothesis import strategies as st

from apps.decision.scan import decoding

_ESCAPES = (
    b"%41",
    b"%e4",
    b"%",
    b"\\u0041",
    b"\\u00",
    b"\\/",
    b"&amp;",
    b"&#65;",
    b"&#x41;",
    b"&",
    b"\xff",
    b"\xc3\xa4",
    b"x",
)
bytes_of = st.lists(st.sampled_from(_ESCAPES) | st.binary(max_size=6), max_size=30).map(b"".join)


@settings(max_examples=200, deadline=None)
@given(bytes_of)
@example(b"%25%34%31")
def test_it_leads_back_from_every_unescaped_byte(buffer: bytes) -> None:
    read = decoding.unescaped(buffer)
    if read is None:
        return
    read.text.decode()
    last = 0
    for at in range(len(read.text)):
        start, end = read.place(at, at + 1)
        assert 0 <= start < end <= len(buffer)
        assert start >= last
        last = start
    assert read.place(0, len(read.text)) == (0, len(buffer))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.text(max_size=30).map(lambda text: base64.b64encode(text.encode("utf-8", "replace"))) | bytes_of, max_size=6
    )
)
def test_blocks_of_base64_lie_apart_and_within(pieces: list[bytes]) -> None:
    buffer = b" ".join(pieces)
    done = 0
    for block in decoding.base64_blocks(buffer):
        assert done <= block.start < block.end <= len(buffer)
        block.text.decode()
        done = block.end
