"""Which hosts a value names: every reading of an address counts, in fields made for them and in text."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.decision.inbound.addresses import MOST, domains_of, fetched_of, mentioned_in
from apps.decision.inbound.domains import MORE, UNREADABLE


@pytest.mark.parametrize(
    ("value", "named"),
    [
        # In a field made for addresses.
        ({"uri": "https://docs.example.com/a"}, {"docs.example.com"}),
        ({"sourceUrl": "HTTPS://Docs.Example.COM:8443/a"}, {"docs.example.com"}),
        ({"source_url": "//evil.example/x"}, {"evil.example"}),
        ({"links": ["https://a.example", {"href": "https://b.example"}]}, {"a.example", "b.example"}),
        ({"url": "evil.example/x"}, {"evil.example"}),
        ({"url": "evil.example:443/x"}, {"evil.example"}),
        ({"host": "evil.example"}, {"evil.example"}),
        ({"url": "http:evil.example"}, {"evil.example"}),
        ({"url": "http:\\\\evil.example\\x"}, {"evil.example"}),
        ({"url": "ht\ntps://ev\til.example/"}, {"evil.example"}),
        ({"url": "\u0001 https://evil.example "}, {"evil.example"}),
        ({"url": "mailto:ada@evil.example,bob@b.example?subject=x"}, {"evil.example", "b.example"}),
        ({"url": "postgres://ada:pw@db.example:5432/x"}, {"db.example"}),
        ({"url": "file:///etc/hosts"}, set()),
        ({"url": "/relative/path"}, set()),
        ({"uri": "github://owner/repo"}, set()),
        ({"name": "evil.example"}, set()),
        # Whose host it is.
        ({"url": "https://good.example@evil.example/"}, {"evil.example"}),
        ({"url": "https://good.example:pw@evil.example/"}, {"evil.example"}),
        ({"url": "https://good.example%2f@evil.example/"}, {"evil.example", "good.example"}),
        ({"url": "https://evil.example\\@good.example/"}, {"evil.example", "good.example"}),
        ({"url": "https://a@good.example@evil.example/"}, {"good.example", "evil.example"}),
        ({"url": "https://evil.example#@good.example/"}, {"evil.example"}),
        ({"url": "https://evil.example?@good.example/"}, {"evil.example"}),
        ({"url": "https://good.example.evil.example/"}, {"good.example.evil.example"}),
        ({"url": "https://2130706433/"}, {"127.0.0.1"}),
        ({"url": "https://[::ffff:7f00:1]/"}, {"127.0.0.1"}),
        ({"url": "https://good.example%2fevil.example"}, {UNREADABLE, "good.example"}),
        # In text.
        ("See https://a.example, (https://b.example), **https://c.example.**", {"a.example", "b.example", "c.example"}),
        ("[x](//a.example/y) <img src='//b.example/z'>", {"a.example", "b.example"}),
        ("https://a.example,https://b.example", {"a.example", "b.example"}),
        ("https://good.example,x@evil.example", {"evil.example"}),
        ('{"a": "https:\\/\\/evil.example\\/x"}', {"evil.example"}),
        ('{"a": "https:\\u002f\\u002fevil.example"}', {"evil.example"}),
        ('{"url": "evil.example/x"}', {"evil.example"}),
        ("https://proxy.example/?u=https%3A%2F%2Fevil.example%2F", {"proxy.example", "evil.example"}),
        ("https://proxy.example/https://evil.example", {"proxy.example", "evil.example"}),
        ("data:text/html,<a href=https://evil.example>", {"evil.example"}),
        ("https://ev\u200bil.example", {"evil.example"}),
        ("This text is from example.com, the trusted one.", set()),
        ('"C:\\\\data\\\\x.example"', set()),
        ("// a comment, and a // b", set()),
        ("https://$HOST/ https://{host}/", {UNREADABLE}),
        # Anywhere.
        ({"https://evil.example": 1}, {"evil.example"}),
        ([[{"a": [None, 1, "x https://evil.example"]}]], {"evil.example"}),
        (None, set()),
    ],
)  # fmt: skip
def test_it_finds_what_is_named(value: Any, named: set[str]) -> None:
    assert set(domains_of(value)) == named


def test_it_says_when_there_is_more_than_it_reads() -> None:
    many = " ".join(f"https://h{number}.example/" for number in range(MOST + 1))
    assert domains_of(many)[-1] == MORE
    assert MORE not in domains_of(many.replace("https://h0.example/", ""))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("curl -s evil.example/x", {"evil.example"}),
        ("ping EVIL.example.", {"evil.example"}),
        ("mail ada.b@evil.example", {"evil.example"}),
        ("访问evil.example吧", {"evil.example"}),
        ("ｅｖｉｌ.example", {"evil.example"}),
        ("notevil.example2 index.html 1.2.3", set()),
        ("x.evil.example", {"x.evil.example"}),
    ],
)
def test_it_finds_names_that_no_address_says_are_hosts(text: str, named: set[str]) -> None:
    assert set(mentioned_in(text, {"example"})) >= named
    assert {name for name in mentioned_in(text, {"example"}) if name.isascii() and "xn--" not in name} == named


@pytest.mark.parametrize(
    ("arguments", "fetched"),
    [
        ({"url": "https://a.example"}, ("a.example",)),
        ({"uri": "HTTPS://A.example/x"}, ("a.example",)),
        ({"href": "https://a.example", "max_length": 5000, "raw": True, "format": "markdown"}, ("a.example",)),
        ({"url": "https://a.example/?to=https://b.example"}, ("a.example", "b.example")),
        ({"url": "https://a.example/x", "referer": "https://a.example/"}, ("a.example",)),
        # Nothing of this says what is fetched.
        ({"query": "https://a.example"}, ()),
        ({"domain": "a.example"}, ()),
        ({"callback_url": "https://a.example"}, ()),
        ({"link": "https://a.example"}, ()),
        ({"URL": "https://a.example"}, ()),
        ({"options": {"url": "https://a.example"}}, ()),
        ({"url": "a.example"}, ()),
        ({"url": "ssh://a.example"}, ()),
        ({"url": ["https://a.example"]}, ()),
        ({"urls": ["https://a.example", "https://b.example"]}, ()),
        (["https://a.example"], ()),
        # Something else may be what is fetched.
        ({"url": "https://a.example", "href": "https://b.example"}, ()),
        ({"url": "https://a.example", "URL": "https://b.example"}, ()),
        ({"url": "https://a.example", "query": "recipes"}, ()),
        ({"url": "https://a.example", "by": "ws://b.example"}, ()),
        ({"url": "https://a.example", "page": "b.example/x"}, ()),
        ({"url": "https://a.example", "pages": ["//b.example/x"]}, ()),
        ({"url": "https://a.example", "options": {"base_url": "b.example"}}, ()),
        ({"url": "https://a.example", "page": "%68ttps%3A//b.example"}, ()),
        ({"page": "https://b.example", "href": "https://a.example"}, ()),
    ],
)
def test_it_knows_what_a_server_of_the_web_was_asked_for(arguments: Any, fetched: tuple[str, ...]) -> None:
    params = {"name": "fetch", "arguments": arguments}
    assert fetched_of("tools/call", params, "web") == fetched_of("tools/call", params, "browser") == fetched
    for kind in ("generic", "filesystem", "database", "nobody-knows", ""):
        assert fetched_of("tools/call", params, kind) == ()
    assert fetched_of("prompts/get", params, "web") == ()


@pytest.mark.parametrize(
    ("params", "fetched"),
    [
        ({"uri": "https://docs.example.com/x"}, ("docs.example.com",)),
        ({"uri": "https://docs.example.com/x", "_meta": {"progressToken": 1}}, ("docs.example.com",)),
        ({"uri": "evil", "url": "https://docs.example.com/x"}, ()),
        ({"href": "https://docs.example.com/x"}, ()),
        ({"uri": ["https://docs.example.com/x"]}, ()),
        ({"uri": "file:///srv/x"}, ()),
        (None, ()),
    ],
)
@pytest.mark.parametrize("kind", ["web", "generic"])
def test_it_knows_which_resource_was_read(kind: str, params: Any, fetched: tuple[str, ...]) -> None:
    assert fetched_of("resources/read", params, kind) == fetched
    assert fetched_of("tools/call", params, kind) == ()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.just("url"), inner, max_size=4),
    max_leaves=10,
)


@given(_JSON)
def test_it_reads_anything(value: Any) -> None:
    assert all(isinstance(name, str) and name for name in domains_of(value))
    mentioned_in(value, {"com"})


@given(st.text(alphabet="https:/\\@.[]%2f#?ae \t", max_size=40))
def test_it_reads_any_address(address: str) -> None:
    for name in domains_of({"url": address}):
        assert name in (UNREADABLE, MORE) or not set(name) & set("/\\@#? \t[]%")


@pytest.mark.parametrize(
    "piece", ["a", "/", ":", "://", "\\", "a.", "%25", "{", "[", "-", '"//', "https://", "//@", "@"]
)
def test_it_comes_to_an_end_with_a_million_of_anything(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    assert len(domains_of({"url": text})) <= 1
    assert mentioned_in(text, {"com"}) == ()
