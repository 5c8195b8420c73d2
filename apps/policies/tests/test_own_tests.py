"""A policy's own tests: where they may stand, what they may take, and what is told of them."""

import pytest

from apps.decision.errors import BadInput
from apps.policies import own_tests
from apps.policies.assembly import Source
from apps.policies.tests.examples import policy

HEAD = "package behavry.tenant.late_hours_test\n\n"
OWN = [Source("late_hours", policy())]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("package behavry.tenant.late_hours\n\ntest_a if true\n", "late_hours_test"),
        ("test_a if true\n", "late_hours_test"),
        (HEAD + "a if true\n", "not 0"),
        (HEAD + "\n".join(f"test_{n} if true" for n in range(101)), "not 101"),
        (HEAD + "test_a if true\n\npackage behavry.authz\n", "one package"),
        (HEAD + f"test_a if {'(' * 101}true{')' * 101}\n", "brackets"),
        (HEAD + "# " + "x" * 64_000, "64000"),
        (HEAD + "test_a if ?\n", "unexpected character"),
    ],
)
def test_it_refuses_what_cannot_be_a_policys_tests(text: str, why: str) -> None:
    with pytest.raises(BadInput) as caught:
        own_tests.check(text, "late_hours")
    assert why in caught.value.fields["content"]
    assert {"line", "column"} <= set(caught.value.fields)


def test_it_tells_of_each_test() -> None:
    text = HEAD + (
        "import data.behavry.tenant.late_hours\n\ntest_good if count(late_hours.verdicts) == 0\n\n"
        "test_bad if count(late_hours.verdicts) == 1\n\ntest_odd := 3\n"
    )
    own_tests.check(text, "late_hours")
    found = {one.rule: one.problem for one in own_tests.run(OWN, "late_hours", text)}
    assert found == {"test_good": "", "test_bad": "is undefined, not true", "test_odd": "is 3, not true"}


def test_it_says_where_tests_do_not_compile() -> None:
    with pytest.raises(BadInput) as caught:
        own_tests.run(OWN, "late_hours", HEAD + "test_a if frobnicate(1)\n")
    assert (caught.value.fields["line"], "frobnicate" in caught.value.fields["content"]) == ("3", True)


def test_it_ends_a_test_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_tests, "SECONDS", 0.2)
    loop = "count([1 | some a in numbers.range(1, 3000); some b in numbers.range(1, 3000); a == b + 9000]) == 0"
    found = own_tests.run(OWN, "late_hours", HEAD + f"test_loop if {loop}\n\ntest_other if {loop}\n")
    assert all("too" in one.problem for one in found)


def test_it_refuses_tests_under_the_name_of_another_policy() -> None:
    both = [*OWN, Source("late_hours_test", policy("late_hours_test"))]
    with pytest.raises(BadInput) as caught:
        own_tests.run(both, "late_hours", HEAD + "test_a if true\n")
    assert "in effect" in caught.value.fields["content"]
