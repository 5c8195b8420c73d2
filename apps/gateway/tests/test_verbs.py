"""The verbs that tool names speak of."""

import pytest

from apps.decision.types import Action
from apps.gateway import methods
from apps.gateway.methods import Care
from apps.gateway.verbs import verb_of


@pytest.mark.parametrize(
    ("tool", "verb"),
    [
        ("read_file", Action.READ),
        ("list_messages", Action.READ),
        ("getUserById", Action.READ),
        ("write_file", Action.WRITE),
        ("github.create_issue", Action.WRITE),
        ("read_and_delete", Action.DELETE),
        ("list_rm", Action.DELETE),
        ("post-message", Action.SEND),
        ("run_query", Action.EXECUTE),
        ("getAndRunHTTPScript", Action.EXECUTE),
        ("frobnicate", Action.EXECUTE),
        ("", Action.EXECUTE),
    ],
)
def test_it_finds_the_verb(tool: str, verb: Action) -> None:
    assert verb_of(tool) is verb


def test_nothing_a_client_sends_goes_uncounted() -> None:
    assert {method.care for method in methods.FROM_CLIENT.values()} == {Care.DECIDE, Care.RECORD}
    assert methods.from_client("no/such").care is Care.DECIDE
    assert methods.from_client("no/such").action is Action.EXECUTE
