"""What a pattern covers: exactly what it says, in linear time, and nothing that could be read in another way."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.decision import globs
from apps.decision.globs import Sort

TOOL, PATH, TEXT = Sort.TOOL, Sort.PATH, Sort.TEXT
HOST = "https://*.example.com/**"
COVERED = [
    ("read_file", "read_file", TOOL),
    ("read_*", "read_file", TOOL),
    ("read_*", "read_", TOOL),
    ("*", "anything", TOOL),
    ("read_?", "read_é", TOOL),
    ("resources/read", "resources/read", TOOL),
    ("resources/*", "resources/read", TOOL),
    ("**", "resources/read", TOOL),
    ("**", "", TEXT),
    ("**", "/srv/../\x00%2e", PATH),
    ("/srv/a.txt", "/srv/a.txt", PATH),
    ("/srv/*", "/srv/a b (1).txt", PATH),
    ("/srv/*", "/srv/.env", PATH),
    ("/srv/*.txt", "/srv/.txt", PATH),
    ("/srv/**", "/srv/a/b/c", PATH),
    ("/srv/**/c", "/srv/a/b/c", PATH),
    ("/srv/**c", "/srv/c", PATH),
    ("/srv/a?c", "/srv/aßc", PATH),
    ("/srv/100% sure.txt", "/srv/100% sure.txt", PATH),
    (r"/srv/\*", "/srv/*", PATH),
    (r"/srv/a\?.txt", "/srv/a?.txt", PATH),
    (r"C:\\x", "C:\\x", PATH),
    ("/srv/../etc/passwd", "/srv/../etc/passwd", PATH),
    ("/srv/%2e%2e/x", "/srv/%2e%2e/x", PATH),
    ("~/notes/*", "~/notes/a", PATH),
    ("c:/data/*", "c:/data/a", PATH),
    ("//share/data/*", "//share/data/a", PATH),
    ("[a-z]{1}", "[a-z]{1}", TEXT),
    ("orders", "orders", TEXT),
    ("sales.*", "sales.orders", TEXT),
    ("#team-*", "#team-ops", TEXT),
    ("*@example.org", "ada@example.org", TEXT),
    ("https://example.com/a", "https://example.com/a", TEXT),
    (HOST, "https://api.example.com/v1/x?y=1&z=2", TEXT),
]
NOT_COVERED = [
    ("", "", TEXT),
    ("read_file\\", "read_file\\", TOOL),
    ("read_file", "Read_File", TOOL),
    ("read_file", "read_file ", TOOL),
    ("read_file", "read_file2", TOOL),
    ("read_file", "xread_file", TOOL),
    ("read_*", "read_a/b", TOOL),
    ("read_*", "read_a\n", TOOL),
    ("read_?", "read_", TOOL),
    ("read_?", "read_ab", TOOL),
    ("*", "", TOOL),
    ("read_fi1e", "read_file", TOOL),
    ("r*d", "re\u200bd", TOOL),
    ("/srv/a.txt", "/srv/A.txt", PATH),
    ("/srv/a.txt", "/srv/a.txt/", PATH),
    ("/srv/*", "/srv/a/b", PATH),
    ("/srv/**", "/srv", PATH),
    ("/srv/?", "/srv//", PATH),
    ("/srv/**", "/srv/../etc/passwd", PATH),
    ("/srv/**", "/srv/./a", PATH),
    ("/srv/**", "/srv/a/..", PATH),
    ("/srv/**", "/srv/.. /etc", PATH),
    ("/srv/**", "/srv/..;/etc", PATH),
    ("/srv/**", "/srv/...", PATH),
    ("/srv/**", "/srv/%2e%2e/etc/passwd", PATH),
    ("/srv/*", "/srv/..%2fetc", PATH),
    ("/srv/*", "/srv/%252e%252e", PATH),
    ("/srv/*", "/srv/..\\etc", PATH),
    ("/srv/*", "/srv/a\\b", PATH),
    ("/srv/*", "/srv/a\x00.txt", PATH),
    ("/srv/*", "/srv/a\nb", PATH),
    ("/srv/*", "/srv/a\u202eb", PATH),
    ("/srv/*", "/srv/a\ud800", PATH),
    ("/srv/*", "/srv/a\uff0fb", PATH),
    ("/srv/*", "/srv/\u2025/x", PATH),
    ("*/notes.txt", "~/notes.txt", PATH),
    ("**/notes.txt", "~/notes.txt", PATH),
    ("**/notes.txt", "c:/notes.txt", PATH),
    ("?:/notes.txt", "c:/notes.txt", PATH),
    ("/**", "//share/data/a", PATH),
    ("orders", "Orders", TEXT),
    ("*", "orders; drop table users", TEXT),
    ("*", "orders--\tx", TEXT),
    ("*", "(select)", TEXT),
    ("*", "a,b", TEXT),
    ("*@example.org", "eve@evil.test@example.org", TEXT),
    ("*@example.org", "eve@evil.test,ada@example.org", TEXT),
    ("SELECT * FROM t", "SELECT x FROM t", TEXT),
    (HOST, "https://evil.test?.example.com/", TEXT),
    (HOST, "https://evil.test#.example.com/", TEXT),
    (HOST, "https://evil.test\\.example.com/", TEXT),
    (HOST, "https://evil.test/.example.com/", TEXT),
    (HOST, "https://evil.test:80@a.example.com/", TEXT),
    (HOST, "https://evil.test\uff0f.example.com/", TEXT),
    (HOST, "http://api.example.com/", TEXT),
    (HOST, "HTTPS://api.example.com/", TEXT),
    (HOST, "https://api.example.com/a/../b", TEXT),
    (HOST, "https://api.example.com/%2e%2e/b", TEXT),
    (HOST, "https://api.example.com/a b", TEXT),
    ("**.example.com/**", "https://api.example.com/x", TEXT),
    ("*://example.com/*", "https://example.com/x", TEXT),
    ("https://example.com/*", "https://example.com/a/b", TEXT),
    ("https://example.com*", "https://example.com.evil.test/", TEXT),
    ("https://example.com/a", "https://example.com/a?b", TEXT),
]


@pytest.mark.parametrize(("pattern", "text", "sort"), COVERED)
def test_it_covers(pattern: str, text: str, sort: Sort) -> None:
    assert globs.covers(pattern, text, sort)


@pytest.mark.parametrize(("pattern", "text", "sort"), NOT_COVERED)
def test_it_does_not_cover(pattern: str, text: str, sort: Sort) -> None:
    assert not globs.covers(pattern, text, sort)


@given(st.text(), st.sampled_from(Sort))
def test_it_covers_an_escaped_text_and_no_other(text: str, sort: Sort) -> None:
    pattern = globs.escape(text)
    assert globs.covers(pattern, text, sort) is bool(text)
    assert not globs.covers(pattern, f"{text}x", sort)


@given(st.text("ab*?/\\", max_size=12), st.text("ab/", min_size=1, max_size=12))
def test_it_agrees_with_the_plain_meaning_of_the_words(pattern: str, text: str) -> None:
    tokens = _read(pattern)
    meant = tokens is not None and (tokens == ("**",) or _means(tokens, text))
    if text.startswith("//") and not pattern.startswith("//") and tokens != ("**",):
        meant = False  # a share
    assert globs.covers(pattern, text, Sort.PATH) is meant


@given(st.text(), st.text(), st.sampled_from(Sort))
def test_it_never_raises(pattern: str, text: str, sort: Sort) -> None:
    assert globs.covers(pattern, text, sort) in (True, False)


def test_it_ends_where_trying_all_ways_would_not() -> None:
    assert not globs.covers("*a" * 60 + "b", "a" * 100_000, Sort.PATH)


def _read(pattern: str) -> tuple[str, ...] | None:
    """The pattern as its documentation reads it; None for what is no pattern."""
    tokens: list[str] = []
    at = 0
    while at < len(pattern):
        if pattern[at] == "\\":
            if at + 1 == len(pattern):
                return None
            tokens.append("=" + pattern[at + 1])
            at += 2
        elif pattern[at] == "*":
            stars = len(pattern[at:]) - len(pattern[at:].lstrip("*"))
            tokens.append("*" if stars == 1 else "**")
            at += stars
        else:
            tokens.append("?" if pattern[at] == "?" else "=" + pattern[at])
            at += 1
    return tuple(tokens) or None


@cache
def _means(tokens: tuple[str, ...], text: str) -> bool:
    if not tokens:
        return not text
    first, rest = tokens[0], tokens[1:]
    if first.startswith("="):
        return text.startswith(first[1]) and _means(rest, text[1:])
    if first == "?":
        return bool(text) and text[0] != "/" and _means(rest, text[1:])
    for length in range(len(text) + 1):
        if first == "*" and "/" in text[:length]:
            return False
        if _means(rest, text[length:]):
            return True
    return False
