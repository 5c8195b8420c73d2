"""What the source rules come to. Links lower trust and never raise it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.decision.inbound.domains import MORE, UNREADABLE
from apps.decision.inbound.trust import Sources, Standing, resolve
from apps.decision.types import SourceRule, Tier

TRUSTED, UNTRUSTED, BLOCK = Tier.TRUSTED, Tier.UNTRUSTED, Tier.BLOCK
NOTHING = Standing()


def rule(pattern: str, tier: Tier, priority: int = 100, kind: str = "domain") -> SourceRule:
    return SourceRule(f"{pattern}={tier}", kind, pattern, tier, priority)


def server(pattern: str, tier: Tier, priority: int = 100) -> SourceRule:
    return rule(pattern, tier, priority, "server")


@pytest.mark.parametrize(
    ("rules", "host", "counts"),
    [
        ([("docs.example.com", BLOCK)], "docs.example.com", "docs.example.com"),
        ([("docs.example.com", BLOCK)], "a.docs.example.com", None),
        ([("docs.example.com", BLOCK)], "example.com", None),
        ([("*.example.com", BLOCK)], "a.b.c.example.com", "*.example.com"),
        ([("*.example.com", BLOCK)], "example.com", "*.example.com"),
        ([("*.example.com", BLOCK)], "notexample.com", None),
        ([("*.example.com", BLOCK)], "example.com.evil.net", None),
        # Priority, then what is more specific, then what is stricter.
        ([("*.example.com", BLOCK), ("docs.example.com", TRUSTED)], "docs.example.com", "docs.example.com"),
        ([("*.example.com", BLOCK, 50), ("docs.example.com", TRUSTED)], "docs.example.com", "*.example.com"),
        ([("*.example.com", TRUSTED), ("*.b.example.com", BLOCK)], "a.b.example.com", "*.b.example.com"),
        ([("*.b.example.com", TRUSTED), ("*.example.com", BLOCK)], "a.b.example.com", "*.b.example.com"),
        # Whoever trusts a provider does not trust its customers; who blocks it blocks them.
        ([("*.amazonaws.com", TRUSTED)], "docs.amazonaws.com", "*.amazonaws.com"),
        ([("*.amazonaws.com", TRUSTED)], "anybody.s3.amazonaws.com", None),
        ([("*.amazonaws.com", BLOCK)], "anybody.s3.amazonaws.com", "*.amazonaws.com"),
        ([("*.amazonaws.com", TRUSTED, 1), ("*.s3.amazonaws.com", BLOCK)], "a.s3.amazonaws.com", "*.s3.amazonaws.com"),
        # A name that became a public suffix after the rule was written.
        ([("*.github.io", TRUSTED)], "anybody.github.io", None),
        ([("127.0.0.1", BLOCK)], "127.0.0.1", "127.0.0.1"),
        ([("*.0.0.1", BLOCK)], "127.0.0.2", None),
    ],
)  # fmt: skip
def test_it_finds_the_rule_that_counts(
    rules: list[tuple[str, Tier] | tuple[str, Tier, int]], host: str, counts: str | None
) -> None:
    for order in (rules, rules[::-1]):
        found = Sources(rule(*one) for one in order).of_domain(host)
        assert (found.pattern if found else None) == counts


def test_the_stricter_of_two_equals_counts() -> None:
    found = Sources([rule("a.example", TRUSTED), rule("a.example", BLOCK), rule("a.example", UNTRUSTED)])
    assert found.of_domain("a.example") == rule("a.example", BLOCK)


def test_it_knows_servers_by_their_names() -> None:
    sources = Sources([server("web-*", UNTRUSTED), server("web-docs", TRUSTED), server("*", BLOCK, 500)])
    assert [sources.of_server(name) for name in ("web-docs", "web-x", "files")] == [
        server("web-docs", TRUSTED), server("web-*", UNTRUSTED), server("*", BLOCK, 500),
    ]  # fmt: skip
    assert Sources([server("web", BLOCK)]).of_server("web-docs") is None
    assert Sources([rule("web", BLOCK)]).of_server("web") is None


GOOD, BAD, ODD = rule("*.good.example", TRUSTED), rule("bad.example", BLOCK), rule("odd.example", UNTRUSTED)
RULES = (GOOD, BAD, ODD, server("files", TRUSTED), server("mail", UNTRUSTED), server("dark", BLOCK))


@pytest.mark.parametrize(
    ("origin", "named", "fetched", "tier"),
    [
        # What was fetched from a trusted place is trusted, where it names nothing else.
        ("web", [], ["a.good.example"], TRUSTED),
        ("web", ["b.good.example"], ["a.good.example"], TRUSTED),
        ("web", ["unknown.example"], ["a.good.example"], None),
        ("web", [UNREADABLE], ["a.good.example"], None),
        ("web", [], ["a.good.example", UNREADABLE], None),
        ("web", [], [UNREADABLE, "a.good.example"], None),
        ("web", [], ["a.good.example", "unknown.example"], None),
        # An attacker's text may name whatever is trusted: that makes it no more trusted.
        ("web", ["a.good.example"], [], None),
        ("web", ["a.good.example", "b.good.example"], [], None),
        ("web", ["a.good.example"], ["unknown.example"], None),
        ("mail", ["a.good.example"], ["a.good.example"], UNTRUSTED),
        ("dark", ["a.good.example"], ["a.good.example"], BLOCK),
        # A trusted server may speak of anything that no rule warns of.
        ("files", [], [], TRUSTED),
        ("files", ["unknown.example", UNREADABLE], [], TRUSTED),
        ("files", ["odd.example"], [], UNTRUSTED),
        ("files", ["bad.example"], [], BLOCK),
        # The strictest counts.
        ("web", ["a.good.example", "bad.example", "odd.example"], ["a.good.example"], BLOCK),
        ("web", ["a.good.example", "odd.example"], ["a.good.example"], UNTRUSTED),
        ("mail", [], [], UNTRUSTED),
        ("dark", [], [], BLOCK),
        ("web", [], [], None),
        ("web", ["unknown.example"], [], None),
        # More than anybody reads could hold anything.
        ("files", ["a.good.example", MORE], ["a.good.example"], UNTRUSTED),
        ("web", ["bad.example", MORE], [], BLOCK),
    ],
)  # fmt: skip
def test_it_says_how_far_content_is_trusted(
    origin: str, named: list[str], fetched: list[str], tier: Tier | None
) -> None:
    for rules in (RULES, RULES[::-1], Sources(RULES)):
        standing = resolve(rules, origin, named, fetched)
        assert standing.tier is tier
        assert bool(standing.rule) == (tier is BLOCK or (tier is not None and MORE not in named))


def test_it_names_the_rule_that_decides() -> None:
    assert resolve(RULES, "web", ["bad.example"], ["a.good.example"]) == Standing(BLOCK, BAD.id)
    assert resolve(RULES, "web", [], ["a.good.example"]) == Standing(TRUSTED, GOOD.id)


def test_without_rules_nothing_is_said() -> None:
    assert resolve((), "files", ["bad.example"], ["bad.example"]) == NOTHING
    assert resolve(Sources([server("x", BLOCK)]), "files", ["a.example", MORE]) == NOTHING


_RANK = {TRUSTED: 0, None: 1, UNTRUSTED: 2, BLOCK: 3}
_NAMES = st.lists(
    st.sampled_from(["a.good.example", "bad.example", "odd.example", "unknown.example", UNREADABLE, MORE]), max_size=4
)


@given(st.sampled_from(["web", "files", "mail", "dark"]), _NAMES, _NAMES, _NAMES)
def test_naming_more_never_raises_trust(origin: str, named: list[str], more: list[str], fetched: list[str]) -> None:
    less = _RANK[resolve(RULES, origin, named, fetched).tier]
    assert _RANK[resolve(RULES, origin, named + more, fetched).tier] >= less
