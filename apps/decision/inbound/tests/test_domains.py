"""One spelling for a host, and patterns that name somebody's own names and nobody else's."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.decision.errors import BadInput
from apps.decision.inbound.domains import UNREADABLE, pattern_of, registrable, spelled, suffix_of

NOBODYS = (UNREADABLE,)


@pytest.mark.parametrize(
    ("written", "readings"),
    [
        ("docs.example.com", ("docs.example.com",)),
        ("Docs.EXAMPLE.com.", ("docs.example.com",)),
        ("localhost", ("localhost",)),
        ("_dmarc.example.com", ("_dmarc.example.com",)),
        ("münchen.example", ("xn--mnchen-3ya.example",)),
        ("MU\u0308NCHEN.example", ("xn--mnchen-3ya.example",)),
        ("xn--MNCHEN-3ya.example", ("xn--mnchen-3ya.example",)),
        ("ｅｖｉｌ。example", ("evil.example",)),
        ("ev\u200bil.example", ("evil.example",)),
        ("ev\u00adil.example", ("evil.example",)),
        ("i\u2764.example", ("xn--i-7iq.example",)),
        ("straße.example", ("xn--strae-oqa.example", "strasse.example")),
        ("ev%69l.example", ("evil.example",)),
        ("evil%2eexample", ("evil.example",)),
        ("%C3%BCber.example", ("xn--ber-goa.example",)),
        ("127.0.0.1", ("127.0.0.1",)),
        ("127.1", ("127.0.0.1",)),
        ("127.0.0.1.", ("127.0.0.1",)),
        ("0x7f.0.0.1", ("127.0.0.1",)),
        ("0X7F000001", ("127.0.0.1",)),
        ("017700000001", ("127.0.0.1",)),
        ("2130706433", ("127.0.0.1",)),
        ("１２７.0.0.1", ("127.0.0.1",)),
        ("[::1]", ("::1",)),
        ("[0:0:0:0:0:0:0:1]", ("::1",)),
        ("[2001:DB8::0001]", ("2001:db8::1",)),
        ("[fe80::1%25eth0]", ("fe80::1",)),
        ("[::ffff:192.0.2.7]", ("192.0.2.7",)),
        ("[::ffff:c000:207]", ("192.0.2.7",)),
        ("[64:ff9b::192.0.2.7]", ("64:ff9b::c000:207", "192.0.2.7")),
        ("256.1.1.1", NOBODYS),
        ("1.2.3.4.5", NOBODYS),
        ("08.1.1.1", NOBODYS),
        ("example..com", NOBODYS),
        ("exa mple.com", NOBODYS),
        ("exa%2fmple.com", NOBODYS),
        ("exa%40mple.com", NOBODYS),
        ("%ff.com", NOBODYS),
        ("{host}", NOBODYS),
        ("[::1", ("::1",)),
        ("[::x]", NOBODYS),
        ("\ud800.com", NOBODYS),
        ("a" * 64 + ".com", NOBODYS),
        (".".join(["abc"] * 80), NOBODYS),
        ("", NOBODYS),
        ("a" * 100_000, NOBODYS),
    ],
)
def test_it_spells_a_host_in_one_way(written: str, readings: tuple[str, ...]) -> None:
    assert spelled(written) == readings


@given(st.text())
def test_it_spells_or_refuses_anything_and_spells_its_own_spelling_alike(written: str) -> None:
    for reading in spelled(written):
        if reading != UNREADABLE:
            again = f"[{reading}]" if ":" in reading else reading
            assert spelled(again)[0] == reading


@pytest.mark.parametrize(
    ("written", "pattern"),
    [
        ("docs.example.com", "docs.example.com"),
        (" Docs.Example.COM. ", "docs.example.com"),
        ("*.Example.co.uk", "*.example.co.uk"),
        ("*.münchen.example", "*.xn--mnchen-3ya.example"),
        ("someone.github.io", "someone.github.io"),
        ("*.amazonaws.com", "*.amazonaws.com"),
        ("localhost", "localhost"),
        ("wiki.corp", "wiki.corp"),
        ("*.eu.corp", "*.eu.corp"),
        ("0x7f.1", "127.0.0.1"),
        ("[2001:DB8::1]", "2001:db8::1"),
        ("2001:db8:0::1", "2001:db8::1"),
    ],
)
def test_it_keeps_patterns_in_the_same_spelling(written: str, pattern: str) -> None:
    assert pattern_of(written) == pattern
    assert pattern_of(pattern) == pattern


@pytest.mark.parametrize(
    "written",
    [
        "com", "*.com", "co.uk", "*.co.uk", "github.io", "*.github.io", "*.CO.UK.", "*.香港", "s3.amazonaws.com",
        "*.kawasaki.jp", "公司.cn", "*.corp",
    ],
)  # fmt: skip
def test_it_refuses_what_belongs_to_anybody(written: str) -> None:
    with pytest.raises(BadInput) as caught:
        pattern_of(written)
    assert "Name a domain" in caught.value.fields["pattern"]


@pytest.mark.parametrize(
    "written",
    [
        "", "*", "*.", "*.*.com", "a.*.com", "*example.com", "https://example.com", "//example.com", "example.com/x",
        "example.com:443", "user@example.com", "example.com?x", "*.127.0.0.1", "*.[::1]", "[::1]:80", "exa mple.com",
        "example..com", "1.2.3.4.5", "\ud800.com", "a" * 70 + ".com", "x" * 5000,
    ],
)  # fmt: skip
def test_it_refuses_what_is_no_host(written: str) -> None:
    with pytest.raises(BadInput) as caught:
        pattern_of(written)
    assert set(caught.value.fields) == {"pattern"}


@given(st.text())
def test_it_reads_or_refuses_any_pattern(written: str) -> None:
    with suppress(BadInput):
        assert pattern_of(pattern_of(written)) == pattern_of(written)


def test_it_knows_where_somebody_elses_names_begin() -> None:
    assert suffix_of("a.b.example.co.uk") == "co.uk"
    assert suffix_of("x.s3.amazonaws.com") == "s3.amazonaws.com"
    assert suffix_of("127.0.0.1") == suffix_of("::1") == ""


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("a.b.evil.example", "evil.example"),
        ("evil.example", "evil.example"),
        ("shop.acme.co.uk", "acme.co.uk"),
        ("ada.github.io", "ada.github.io"),
        ("github.io", ""),
        ("co.uk", ""),
        ("intranet", ""),
        ("192.0.2.7", ""),
        ("2001:db8::1", ""),
    ],
)
def test_it_knows_what_of_a_name_somebody_registered(host: str, name: str) -> None:
    assert registrable(host) == name
