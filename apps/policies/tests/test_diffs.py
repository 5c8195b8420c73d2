"""The diff that a reviewer reads."""

from hypothesis import given
from hypothesis import strategies as st

from apps.policies import diffs

LINES = st.lists(st.sampled_from(["a", "b", "+c", "-d", ""]), max_size=12)


def test_it_shows_what_comes_and_what_goes() -> None:
    found = diffs.unified("a\nb\nc\n", "a\nB\nc\nd\n", was="x, version 1", would="x, proposed")
    assert found.text.split("\n") == [
        "--- x, version 1", "+++ x, proposed", "@@ -1,3 +1,4 @@", " a", "-b", "+B", " c", "+d",
    ]  # fmt: skip
    assert (found.added, found.removed) == (2, 1)


def test_it_shows_both_as_a_whole_where_comparing_would_take_long() -> None:
    found = diffs.unified("a\n" * 10_001, "b\n" * 10_001, was="1", would="2")
    assert (found.added, found.removed) == (10_001, 10_001)


@given(LINES, LINES)
def test_its_counts_are_the_difference_in_length(before: list[str], after: list[str]) -> None:
    found = diffs.unified("\n".join(before), "\n".join(after), was="1", would="2")
    lengths = len("\n".join(after).splitlines()) - len("\n".join(before).splitlines())
    assert found.added - found.removed == lengths
    assert (found.text == "") is ("\n".join(before).splitlines() == "\n".join(after).splitlines())
