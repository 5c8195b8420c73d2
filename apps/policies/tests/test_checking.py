"""Hostile and broken policies, each refused when it is saved, with line and column."""

import pytest

from apps.decision.errors import BadInput
from apps.policies import checking
from apps.policies.assembly import Source
from apps.policies.tests.examples import allowing, policy

HEAD = "package behavry.tenant.late_hours\n\n"
RULE = 'verdicts contains {"result": "deny", "reason": "r", "policy": "p"} if '

HOSTILE = [
    # (what it is, content, line, column, a word of the explanation)
    ("nothing", "", 1, 1, "package"),
    ("no package", RULE + "true\n", 1, 1, "package"),
    ("the base decision", 'package behavry.authz\n\ndecision := {"result": "allow"}\n', 1, 9, "behavry.tenant"),
    ("a base rule", "package behavry.rules.agent_state\n\nverdicts := set()\n", 1, 9, "behavry.tenant"),
    ("the root of all tenants", "package behavry.tenant\n\nx := 1\n", 1, 9, "behavry.tenant"),
    ("another policy's package", "package behavry.tenant.other\n\n" + RULE + "true\n", 1, 9, "late_hours"),
    ("a deeper package", "package behavry.tenant.late_hours.x\n\n" + RULE + "true\n", 1, 9, "behavry.tenant"),
    ("a second package", HEAD + RULE + "true\n\npackage behavry.authz\n", 5, 1, "one package"),
    ("a name in disguise", 'package behavry["tenant"].Late\n\nx := 1\n', 1, 9, "behavry.tenant"),
    ("a syntax error", HEAD + "verdicts contains {\n", 3, 19, ""),
    ("an unknown built-in", HEAD + RULE + "{\n\tfrobnicate(input.x)\n}\n", 4, 2, "frobnicate"),
    ("the network", HEAD + RULE + '{\n\thttp.send({"method": "get", "url": "http://x"})\n}\n', 4, 2, "http.send"),
    ("the environment", HEAD + RULE + "{\n\topa.runtime().env.HOME\n}\n", 4, 2, "opa.runtime"),
    ("an unsafe variable", HEAD + RULE + "{\n\tnot input.x == y\n}\n", 4, None, ""),
    ("recursion", HEAD + "verdicts contains x if some x in verdicts\n", 3, None, "recursive"),
    ("other data", HEAD + RULE + "data.users.admin\n", 3, len(RULE) + 1, "out of reach"),
    ("all data", HEAD + RULE + "{\n\twalk(data, x)\n}\n", 4, 7, "out of reach"),
    ("data by a variable", HEAD + RULE + "{\n\tsome k\n\tdata[k]\n}\n", 5, 2, "out of reach"),
    ("the decision itself", HEAD + RULE + "data.behavry.authz.decision\n", 3, len(RULE) + 1, "out of reach"),
    ("an import of a base rule", HEAD + "import data.behavry.rules.web\n\n" + RULE + "true\n", 3, 8, "out of reach"),
    ("an import from elsewhere", HEAD + "import schema.x\n\n" + RULE + "true\n", 3, 8, "imported"),
    ("a replaced input", HEAD + RULE + 'f(1) with input as {"a": 1}\n\nf(x) := x\n', 3, 76, "replace"),
    ("replaced data", HEAD + RULE + "f(1) with data.behavry.words as {}\n\nf(x) := x\n", 3, 76, "replace"),
    ("a replaced built-in", HEAD + RULE + "f(1) with count as f\n\nf(x) := x\n", 3, 76, "replace"),
    ("a template string", HEAD + RULE + '$"{input.x}" == "y"\n', 3, len(RULE) + 1, "template"),
    ("silence", HEAD + "allow := true\n", 1, 1, "contributes"),
    ("a NUL", HEAD + RULE + '"\0" == "x"\n', 3, None, ""),
    ("too much", HEAD + RULE + "true\n" + "# x\n" * 20_000, None, None, "64000"),
    ("a wrong number of arguments", HEAD + RULE + "{\n\tlower(1, 2, 3, 4)\n}\n", 4, None, ""),
]


@pytest.mark.parametrize(
    ("content", "line", "column", "word"), [one[1:] for one in HOSTILE], ids=[o[0] for o in HOSTILE]
)
def test_it_refuses_and_says_where(content: str, line: int | None, column: int | None, word: str) -> None:
    with pytest.raises(BadInput) as caught:
        checking.check(content, "late_hours")
    fields = caught.value.fields
    assert caught.value.code == "bad_policy"
    assert word in fields["content"]
    assert int(fields["line"]) == (line or int(fields["line"])) >= 1
    assert int(fields["column"]) == (column or int(fields["column"])) >= 1


def test_it_outlives_a_policy_that_brings_down_the_compiler() -> None:
    """Legal Rego that ends rego-cpp with an abort. The reach check refuses it first; else only the child dies of it."""
    crash = HEAD + RULE + "{\n\tx := late with input as {}\n\tx\n}\n\nlate if hour > 20\n\nhour := input.context.hour\n"
    with pytest.raises(BadInput) as caught:
        checking.compiled([Source("late_hours", crash)])
    assert "the compiler" in caught.value.fields["content"]
    with pytest.raises(BadInput, match="cannot be used"):
        checking.check(crash, "late_hours")
    checking.check(policy(), "late_hours")


@pytest.mark.parametrize(
    "body",
    [
        RULE + 'input.request.action == "write"\n',
        "import rego.v1\n\n" + RULE + "input.agent.id\n",
        "import data.behavry.words\n\n" + RULE + 'words.within("/a/b", "/a")\n',
        RULE + "data.behavry.tenant.late_hours.late\n\nlate if time.now_ns() > 0\n",
        'filesystem_roots contains "/srv/data"\n',
        "# data.users\n" + RULE + 'input.request.parameters.data == "data.users"\n',
    ],
)
def test_it_accepts_what_stays_at_home(body: str) -> None:
    checking.check(HEAD + body, "late_hours")


def test_it_finds_the_slug_in_the_package() -> None:
    assert checking.slug_of(policy("night_shift")) == "night_shift"


def test_it_refuses_nesting_without_end_before_anything_is_compiled() -> None:
    depth = checking.MAX_NESTING + 1
    for opened, closed in ("[]", "()", "{}"):
        content = f"{HEAD}{RULE}x == {opened * depth}1{closed * depth}\n"
        with pytest.raises(BadInput) as caught:
            checking.check(content, "late_hours")
        assert "brackets within brackets" in caught.value.fields["content"]
    checking.check(f'{HEAD}{RULE}"{"[" * depth}" == input.agent.id\n', "late_hours")  # in a text they are characters


@pytest.mark.parametrize("slug", ["input", "data", "if", "Upper", "x" * 64])
def test_it_refuses_slugs_that_rego_or_the_rulebook_cannot_use(slug: str) -> None:
    with pytest.raises(BadInput):
        checking.slug_of(policy(slug))


def test_it_limits_what_is_active_together() -> None:
    many = [Source(f"p{number}", allowing(f"p{number}")) for number in range(checking.MAX_ACTIVE + 1)]
    with pytest.raises(BadInput, match="active together"):
        checking.compiled(many)
