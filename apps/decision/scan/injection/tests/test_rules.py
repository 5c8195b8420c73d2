"""Every rule finds what it says it finds and leaves alone what it says it leaves alone."""

import pytest

from apps.decision.scan.injection.automaton import automaton_for
from apps.decision.scan.injection.disguises import views
from apps.decision.scan.injection.rule import Rule
from apps.decision.scan.injection.rules.table import BUILTIN_RULES

_LANGUAGES = ("de", "nl", "fr", "es", "pt", "it", "ru", "zh", "ja", "ko")


def found(text: str) -> set[str]:
    automaton = automaton_for(BUILTIN_RULES)
    return {rule.name for view in views(text) for rule, _, _ in automaton.find(view)}


@pytest.mark.parametrize("rule", BUILTIN_RULES, ids=lambda rule: rule.name)
def test_it_finds_its_hits_and_no_misses(rule: Rule) -> None:
    assert rule.hits and rule.misses
    assert [hit for hit in rule.hits if rule.name not in found(hit)] == []
    assert [miss for miss in rule.misses if rule.name in found(miss)] == []


def test_it_names_every_rule_once() -> None:
    names = [rule.name for rule in BUILTIN_RULES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("language", _LANGUAGES)
def test_it_knows_the_same_ideas_in_every_language(language: str) -> None:
    kinds = {rule.kind for rule in BUILTIN_RULES if rule.name.endswith(f".{language}")}
    assert {str(kind) for kind in kinds} >= {
        "imperative_command",
        "authority_claim",
        "permission_expansion",
        "role_reassignment",
        "urgency_framing",
    }
