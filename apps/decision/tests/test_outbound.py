"""Which domains a call names, with the tenant's word about each, in the document that policies read."""

import json
from typing import Any

import pytest

from apps.decision import pipeline
from apps.decision.inbound.addresses import MOST
from apps.decision.inbound.trust import Sources
from apps.decision.outbound import SHOWN, sources_named
from apps.decision.tests.builders import make_call, make_facts, make_rulebook
from apps.decision.types import JSON, SourceRule, Tier

RULES = Sources(
    [
        SourceRule("1", "domain", "*.bad.example", Tier.BLOCK),
        SourceRule("2", "domain", "odd.example", Tier.UNTRUSTED),
        SourceRule("3", "domain", "docs.example", Tier.TRUSTED),
    ]
)


def named(arguments: JSON, **changes: Any) -> list[tuple[str, str | None]]:
    call = make_call(arguments=arguments, **({"resource": ""} | changes))
    return [(one["domain"], one["tier"]) for one in sources_named(call, RULES)]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"url": "https://docs.example/x"}, [("docs.example", "trusted")]),
        ({"url": "https://a.bad.example"}, [("a.bad.example", "block")]),
        ({"command": "curl bad.example"}, [("bad.example", "block")]),
        ({"to": "ada@odd.example"}, [("odd.example", "untrusted")]),
        ({"url": "https://x@bad.example"}, [("bad.example", "block")]),
        ({"text": "https://else.example, index.html"}, [("else.example", None)]),
        ({"body": json.dumps({"url": "bad.example"})}, [("bad.example", "block")]),
        (["https://docs.example", "https://bad.example"], [("bad.example", "block"), ("docs.example", "trusted")]),
        ({"text": "notbad.example and bad.example.org"}, []),
        ({}, []),
    ],
)  # fmt: skip
def test_it_says_what_a_call_names(arguments: JSON, expected: list[tuple[str, str | None]]) -> None:
    assert named(arguments) == expected


def test_what_is_read_is_named_too() -> None:
    assert named({}, method="resources/read", tool="https://bad.example/x") == [("bad.example", "block")]
    assert named({}, resource="https://bad.example/x") == [("bad.example", "block")]


def test_a_blocked_domain_is_not_lost_among_others() -> None:
    many = [f"https://h{number}.example" for number in range(SHOWN + 50)]
    found = named({"urls": [*many, "https://bad.example"]})
    assert (found[0], len(found)) == (("bad.example", "block"), SHOWN)
    too_many = " ".join(f"https://h{number}.example" for number in range(MOST + 1))
    assert named({"text": too_many})[0] == ("…", "unread")


def test_without_source_rules_the_document_says_nothing_of_sources() -> None:
    call = make_call(arguments={"url": "https://bad.example"})
    assert "sources" not in pipeline.document(call, make_facts())["request"]
    with_rules = pipeline.document(call, make_facts(book=make_rulebook(source_rules=RULES)))
    assert with_rules["request"]["sources"] == [{"domain": "bad.example", "tier": "block", "rule": "1"}]
    servers_only = Sources([SourceRule("4", "server", "files", Tier.BLOCK)])
    assert sources_named(call, servers_only) == []
