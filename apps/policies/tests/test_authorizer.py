"""Whatever goes wrong while a policy is asked is a denial."""

import asyncio
from typing import Any

import pytest

from apps.decision.rego import Program
from apps.decision.types import Effect
from apps.policies import authorizer, checking
from apps.policies.assembly import Source
from apps.policies.plans import program_once
from apps.policies.tests.examples import document, policy

READS = document(action="read", resource_kind="filesystem", parameters={"path": "a"}, resource="a")


def judge(*bodies: str) -> authorizer.ProgramAuthorizer:
    sources = [Source(f"p{number}", policy(f"p{number}", body)) for number, body in enumerate(bodies)]
    return authorizer.ProgramAuthorizer(program_once(sources))


def test_it_answers_with_the_strongest_and_all_that_were_said() -> None:
    ruling = judge(
        'verdicts contains {"result": "escalate", "reason": "Ask", "policy": "ask"} if input.agent.id\n',
        'verdicts contains {"result": "allow", "reason": "Fine", "policy": "fine"} if input.agent.id\n',
    )(READS)
    assert (ruling.result, ruling.reason, ruling.policy) == (Effect.ESCALATE, "Ask", "tenant.p0.ask")
    assert [verdict.policy for verdict in ruling.verdicts] == [
        "permission_match.granted", "tenant.p0.ask", "tenant.p1.fine",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        "verdicts contains 1 if input.agent.id\n",
        'verdicts := "allow"\n',
        'verdicts := {"a": {"result": "allow"}}\n',
        'verdicts contains {"result": "allow"} if input.agent.id\n',
        'verdicts contains {"result": "ALLOW", "reason": "r", "policy": "p"} if input.agent.id\n',
        'verdicts contains {"result": "allow", "reason": ["r"], "policy": "p"} if input.agent.id\n',
    ],
)
def test_it_never_takes_a_malformed_verdict_for_permission(body: str) -> None:
    writes = document(action="write", resource_kind="filesystem", parameters={"path": "a"}, resource="a")
    assert judge(body)(writes).result is Effect.DENY


def test_it_denies_when_rules_contradict_each_other() -> None:
    body = (
        "late := 1 if input.agent.id\n\nlate := 2 if input.agent.name\n\n"
        'verdicts contains {"result": "allow", "reason": "r", "policy": "p"} if late == 1\n'
    )
    assert judge(body)(READS) == authorizer.FAILED


def test_it_denies_a_policy_that_takes_too_long() -> None:
    body = (
        'verdicts contains {"result": "allow", "reason": "r", "policy": "p"} if {\n'
        "\tn := numbers.range(1, 2000)\n\tsome a in n\n\tsome b in n\n\tsome c in n\n\ta * b * c == -1\n}\n"
    )
    assert judge(body)(READS) == authorizer.FAILED


def test_it_gives_policies_the_time_of_the_call() -> None:
    body = (
        'verdicts contains {"result": "deny", "reason": "r", "policy": "year"} if {\n'
        "\t[year, _, _] := time.date(time.now_ns())\n\tyear == 2026\n}\n"
    )
    told = judge(body)
    assert told(READS).policy == "tenant.p0.year"
    past = document(action="read", resource_kind="filesystem", parameters={"path": "a"}, resource="a")
    past["context"]["time_ns"] = 0
    assert told(past).result is Effect.ALLOW


@pytest.mark.parametrize(
    "answer",
    [None, {}, [], "allow", {"result": "allow"}, {"result": "allow", "reason": "r", "policy": "p"},
     {"result": "yes", "reason": "r", "policy": "p", "verdicts": []},
     {"result": "allow", "reason": 1, "policy": "p", "verdicts": []},
     {"result": "allow", "reason": "r", "policy": "p", "verdicts": [1]}],
)  # fmt: skip
def test_it_denies_what_is_no_decision(answer: Any) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        authorizer.ruling_of(answer)


def test_it_does_not_take_input_apart_by_reference() -> None:
    """A policy is asked with the call's own arguments; being asked must not change them."""
    told, asked = judge(), document(parameters={"path": "a", "nested": [{"x": 1}]})
    before = repr(asked)
    told(asked)
    assert repr(asked) == before


async def test_it_serves_many_threads_at_once() -> None:
    told = judge()
    answers = await asyncio.gather(*(asyncio.to_thread(told, READS) for _ in range(64)))
    assert {answer.result for answer in answers} == {Effect.ALLOW}


def test_it_shares_no_state_with_the_compiler() -> None:
    program = program_once([])
    assert isinstance(program, Program)
    assert checking.compiled([]) == checking.compiled([])
