"""Reading a policy's source: package, reach and sizes, for any text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.policies import source

REGO = st.text(alphabet='ab_."`#[]{}()\\\n\t =:$0data input', max_size=80)


@given(REGO)
def test_it_reads_every_character_or_says_where_it_cannot(text: str) -> None:
    lines = text.split("\n")
    try:
        found = source.tokens(text)
    except source.UnreadableError as error:
        assert 1 <= error.problem.line <= len(lines)
        assert 1 <= error.problem.column <= len(lines[error.problem.line - 1]) + 1
        return
    for token in found:
        first = token.text.split("\n")[0]
        assert lines[token.line - 1][token.column - 1 :].startswith(first)


def test_it_sees_no_code_in_strings_and_comments() -> None:
    text = 'x := "data.a" # data.b\ny := `data.c\ndata.d`\n'
    assert list(source.references(source.tokens(text), "data")) == []


@pytest.mark.parametrize(
    ("text", "steps", "whole"),
    [
        ("data.a.b", ("data", "a", "b"), True),
        ('data["a"].b', ("data", "a", "b"), True),
        ("data[`a`][`b`]", ("data", "a", "b"), True),
        ("data.a[x].b", ("data", "a"), False),
        ("data.a[0]", ("data", "a"), False),
        ('data["\\u0061"]', ("data",), False),
        ("[data]", ("data",), True),
        ("data [x]", ("data",), True),
        ("data # c\n.a", ("data", "a"), True),
    ],
)
def test_it_follows_a_path_as_far_as_it_is_constant(text: str, steps: tuple[str, ...], whole: bool) -> None:
    (found,) = source.references(source.tokens(text), "data")
    assert (found.steps, found.whole) == (steps, whole)


def test_it_does_not_take_a_field_for_a_root() -> None:
    assert list(source.references(source.tokens("input.data.x"), "data")) == []


def test_it_names_the_package_and_the_imports() -> None:
    found = source.tokens("# a policy\npackage a.b\n\nimport data.c as d\nimport input.e\nx := import_\n")
    declared = source.package(found)
    assert declared is not None
    assert (declared.steps, declared.line, declared.column) == (("a", "b"), 2, 9)
    assert [one.steps for one in source.imports(found)] == [("data", "c"), ("input", "e")]


def test_it_refuses_template_strings_where_they_stand() -> None:
    with pytest.raises(source.UnreadableError) as caught:
        source.tokens('package a\n\nx := $"{data.b}"\n')
    assert (caught.value.problem.line, caught.value.problem.column) == (3, 6)
