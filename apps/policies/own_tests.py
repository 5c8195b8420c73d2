"""A policy's own Rego tests: package `behavry.tenant.<slug>_test`, run against the base set and the other policies.

They are code of a tenant like the policy itself, so they are bounded like it and stay in their package.
"""

from collections.abc import Sequence
from typing import Final

from apps.decision.rego import Problem, RegoError
from apps.policies import base, checking, rego_tests, source
from apps.policies.assembly import PACKAGE, Source, assemble
from apps.policies.rego_tests import Outcome

MAX_TESTS: Final = 100
SECONDS: Final = 10.0  # for all tests of a policy together
_WORDS: Final = "behavry/testing.rego"  # calls to test with, loaded with tests only


def check(text: str, slug: str) -> None:
    """Raises BadInput, with line and column, unless these can be the tests of the policy of this slug."""
    wanted = (*PACKAGE, f"{slug}_test")
    if len(text) > checking.MAX_CONTENT:
        raise checking.refused([Problem("", 1, 1, "too_large", f"tests may have {checking.MAX_CONTENT} characters")])
    try:
        tokens = source.tokens(text)
    except source.UnreadableError as error:
        raise checking.refused([error.problem]) from None
    declared = source.package(tokens)
    if declared is None or declared.steps != wanted or not declared.whole:
        raise checking.refused([Problem("", 1, 1, "wrong_package", f"the package of the tests is {'.'.join(wanted)}")])
    if problems := [*checking.nesting(tokens), *checking.further_packages(tokens)]:
        raise checking.refused(problems)
    rules = rego_tests.rules_of(text)
    if not 1 <= len(rules) <= MAX_TESTS:
        raise checking.refused(
            [Problem("", 1, 1, "no_tests", f"1 to {MAX_TESTS} rules named test_…, not {len(rules)}")]
        )


def run(policies: Sequence[Source], slug: str, text: str) -> list[Outcome]:
    """What became of each test, with these policies in effect. Raises BadInput where they do not compile."""
    if any(policy.slug == f"{slug}_test" for policy in policies):
        raise checking.refused([Problem("", 1, 1, "taken", f"a policy of the package {slug}_test is in effect")])
    modules = assemble(policies)
    modules[_WORDS] = (base.folder() / _WORDS).read_text(encoding="utf-8")
    try:
        name = f"tests/{slug}_test.rego"
        return list(rego_tests.run_module(modules, name, text, checking.LIMITS, SECONDS))
    except RegoError as error:
        raise checking.refused(sorted(error.problems, key=lambda one: one.file != name)) from None
