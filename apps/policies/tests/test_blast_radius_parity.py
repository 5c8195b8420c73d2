"""The gateway's screen and the Rego rule say the same about the blast radius, word for word."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.decision import pipeline
from apps.decision.facts import BlastRadius
from apps.decision.rego import Program, compile_modules, load
from apps.decision.screens import blast_radius
from apps.decision.tests.builders import make_call, make_facts, make_rulebook
from apps.decision.tests.test_blast_radius import SHAPES, called
from apps.decision.types import JSON, Action, Call, Reach, Verdict
from apps.policies import base
from apps.policies.authorizer import ruling_of

PATH = "behavry/rules/blast_radius/verdicts"
Said = Callable[[Call, BlastRadius], set[tuple[str, str, str]]]


def _found(program: Program, document: JSON) -> list[JSON]:
    found: Any = program.evaluate(PATH, document)
    return list(found)


@pytest.fixture(scope="module")
def rego() -> Said:
    program: Program = load(compile_modules(base.modules(), [PATH]))

    def said(call: Call, limits: BlastRadius) -> set[tuple[str, str, str]]:
        document = pipeline.document(call, make_facts(book=make_rulebook(blast_radius=limits)))
        return {(one["result"], one["reason"], one["policy"]) for one in _found(program, document)}

    return said


def screened(call: Call, limits: BlastRadius) -> set[tuple[str, str, str]]:
    facts = make_facts(book=make_rulebook(blast_radius=limits))
    denied = blast_radius.screen(call, facts, ())
    found: tuple[Verdict, ...] = blast_radius.raised(call, facts) + (denied.verdicts if denied else ())
    return {(one.result.value, one.reason, one.policy) for one in found}


def test_it_agrees_about_the_whole_table(rego: Said) -> None:
    for _, kind, action, arguments in SHAPES:
        call = called(kind, action, arguments)
        assert rego(call, BlastRadius()) == screened(call, BlastRadius()), (kind, action, call.reach)


_WORDS = st.sampled_from(
    ["", "etc", "srv", "root", "home", "users", "ada", ".ssh", ".aws", "*", "e*", "*.md", "memory", ".env", "a.b", "~"]
)
_PATHS = st.builds(
    lambda root, parts: root + "/".join(parts),
    st.sampled_from(["", "/", "~/", "c:/", "unc:a:b:/"]),
    st.lists(_WORDS, max_size=5),
)
_NAMES = st.sampled_from(["memory", "mem*", "*y", "*", "x", ".env", ".e*", "soul", "ledger*", ""])
_REACHES = st.builds(
    Reach,
    st.lists(_PATHS, max_size=3).map(tuple),
    st.lists(_NAMES, max_size=3).map(tuple),
    st.integers(0, 30),
    st.integers(1, 100),
    st.lists(_PATHS, max_size=2).map(tuple),
    st.booleans(),
)
_LIMITS = st.builds(
    BlastRadius,
    st.integers(1, 6),
    st.integers(1, 20),
    st.integers(1, 80),
    st.lists(st.sampled_from(["/etc", "/Srv/A/", "~/.ssh", "~", "/"]), max_size=3).map(tuple),
    st.lists(st.sampled_from(["MEMORY", ".env", "Ledger.csv"]), max_size=3).map(tuple),
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    reach=_REACHES,
    limits=_LIMITS,
    action=st.sampled_from(Action),
    kind=st.sampled_from(["filesystem", "files", "generic", "slack"]),
    method=st.sampled_from(["tools/call", "tasks/cancel"]),
)
def test_it_agrees_about_any_reach(
    rego: Said, reach: Reach, limits: BlastRadius, action: Action, kind: str, method: str
) -> None:
    call = make_call(action=action, resource_kind=kind, method=method, reach=reach)
    assert rego(call, limits) == screened(call, limits)


def test_it_keeps_the_same_defaults(rego: Said) -> None:
    """A document without limits is judged by those of `facts.BlastRadius`."""
    program = load(compile_modules(base.modules(), [PATH]))
    for _, kind, action, arguments in SHAPES[:60]:
        document = pipeline.document(call := called(kind, action, arguments), make_facts())
        del document["context"]["blast_radius"]
        assert {one["policy"] for one in _found(program, document)} == {
            policy for _, _, policy in screened(call, BlastRadius())
        }


def test_a_document_without_a_reach_is_not_allowed() -> None:
    program = load(compile_modules(base.modules(), [base.ENTRYPOINT]))
    document = pipeline.document(make_call(), make_facts())
    assert ruling_of(program.evaluate(base.ENTRYPOINT, document)).result == "allow"
    del document["request"]["reach"]
    ruling = ruling_of(program.evaluate(base.ENTRYPOINT, document))
    assert (ruling.result, ruling.policy) == ("escalate", "blast_radius.unreadable")
