"""Judging once where both versions of a policy contribute the same must never hide a flip."""

import pytest

from apps.policies.assembly import Source
from apps.policies.authorizer import ProgramAuthorizer
from apps.policies.contributing import same_of
from apps.policies.plans import program_once
from apps.policies.tests.examples import allowing, document, policy
from apps.policies.tests.inputs import documents
from apps.policies.tests.test_replays import LOOPS

ROOTS = 'package behavry.tenant.late_hours\n\nfilesystem_roots contains "/srv"\n'
CLOCK = policy(
    body='verdicts contains {"result": "deny", "reason": "x", "policy": "y"} if time.now_ns() % 2 == 1\n',
)
NUMBERS = [policy(body=f'verdicts contains {{"result": {said}}}\n') for said in ("1", "true", "1.5")]
PAIRS = [
    (None, policy()), (policy(), None), (policy(), allowing()), (None, ROOTS), (ROOTS, policy()),
    (CLOCK, policy()), (LOOPS, policy()), (NUMBERS[0], NUMBERS[1]),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after"), PAIRS, ids=str)
def test_where_it_says_the_same_the_whole_rulebook_says_the_same(before: str | None, after: str | None) -> None:
    other = Source("other", policy("other", 'verdicts contains {"result": "escalate", "reason": "?", "policy": "p"}\n'))
    sides = [[other, Source("late_hours", one)] if one else [other] for one in (before, after)]
    judges = [ProgramAuthorizer(program_once(side), quiet=True) for side in sides]
    same = same_of("late_hours", before, after)
    asked = 0
    for one in documents(60, seed=11):
        asked += 1
        one["context"]["time_ns"] = asked  # what every recorded input has
        if same(one):
            was, would = (judge(one) for judge in judges)
            assert was == would
    assert asked == 60


def test_it_is_certain_only_where_it_can_be() -> None:
    reads, writes = document(action="read"), document(action="write")
    same = same_of("late_hours", policy(), policy() + "# a comment\n")
    assert same(reads) and same(writes)
    same = same_of("late_hours", policy(), None)
    assert same(reads) and not same(writes)
    assert not same_of("late_hours", LOOPS, LOOPS)(reads)
    assert not same_of("late_hours", NUMBERS[0], NUMBERS[1])(reads)
    assert not same_of("late_hours", ROOTS, None)(reads)
