"""A call's verb, resource and count, from names and arguments as servers really have them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.decision.actions import Classified, classify
from apps.decision.types import JSON, Action


@pytest.mark.parametrize(
    ("tool", "action"),
    [
        ("read_file", Action.READ),
        ("list_directory", Action.READ),
        ("listIssues", Action.READ),
        ("SearchRepositories", Action.READ),
        ("get-pull-request", Action.READ),
        ("repos.get", Action.READ),
        ("github__get_issue", Action.READ),
        ("create_issue", Action.WRITE),
        ("edit_file", Action.WRITE),
        ("fs/write_file", Action.WRITE),
        ("updateUserProfile", Action.WRITE),
        ("push_files", Action.WRITE),
        ("delete_file", Action.DELETE),
        ("file.delete", Action.DELETE),
        ("removeMember", Action.DELETE),
        ("get_and_delete_message", Action.DELETE),
        ("drop_table", Action.DELETE),
        ("run_command", Action.EXECUTE),
        ("shell_exec", Action.EXECUTE),
        ("invokeLambda", Action.EXECUTE),
        ("send_email", Action.SEND),
        ("slack_post_message", Action.SEND),
        ("publish-event", Action.SEND),
        ("get_message", Action.READ),
        ("delete_email", Action.DELETE),
        ("list_deleted_files", Action.READ),
        ("getHTTPResponse", Action.READ),
        ("github_get_comment", Action.READ),
        ("message.delete", Action.DELETE),
        ("email_search", Action.READ),
        ("query", Action.READ),
        ("post", Action.SEND),
        ("set", Action.WRITE),
        ("list_messages", Action.READ),
        ("search_and_replace", Action.WRITE),
        ("frobnicate", Action.EXECUTE),
        ("", Action.EXECUTE),
        ("__", Action.EXECUTE),
        ("日本", Action.EXECUTE),
    ],
)
def test_it_reads_the_verb_from_the_name(tool: str, action: Action) -> None:
    assert classify(tool, {}, "generic", {}).action is action


@pytest.mark.parametrize(
    ("sql", "action"),
    [
        ("select * from users", Action.READ),
        ("SELECT 1; DROP TABLE users", Action.DELETE),
        ("with x as (delete from t returning *) select * from x", Action.DELETE),
        ("insert into t values (1)", Action.WRITE),
        ("call cleanup()", Action.EXECUTE),
    ],
)
def test_it_reads_the_verb_of_sql_from_its_text(sql: str, action: Action) -> None:
    assert classify("query", {"sql": sql}, "database", {}).action is action


def test_it_never_lowers_a_demanding_name_because_of_sql() -> None:
    assert classify("delete_rows", {"sql": "select 1"}, "database", {}).action is Action.DELETE


@pytest.mark.parametrize("key", ["frobnicate", "srv__frobnicate"])
def test_it_lets_an_override_decide(key: str) -> None:
    assert classify("srv__frobnicate", {}, "generic", {key: "read"}).action is Action.READ


def test_it_ignores_an_override_that_is_no_action() -> None:
    assert classify("delete_file", {}, "generic", {"delete_file": "harmless"}).action is Action.DELETE


@pytest.mark.parametrize(
    ("kind", "arguments", "resource", "count"),
    [
        ("filesystem", {"path": "/tmp/a"}, "/tmp/a", 1),
        ("filesystem", {"paths": ["/a", "/b", "/c"]}, "/a", 3),
        ("filesystem", {"source": "/a", "destination": "/b"}, "/a", 1),
        ("github", {"owner": "octo", "repo": "site", "title": "x"}, "octo/site", 1),
        ("github", {"repo": "octo/site"}, "octo/site", 1),
        ("database", {"table": "users"}, "users", 1),
        ("database", {"sql": "SELECT * FROM public.users WHERE id = 1"}, "public.users", 1),
        ("database", {"sql": "select 1"}, "", 1),
        ("slack", {"channel": "#ops", "text": "hi"}, "#ops", 1),
        ("web", {"url": "https://a.example/x"}, "https://a.example/x", 1),
        ("generic", {"id": 7}, "7", 1),
        ("generic", {"ids": [1, 2]}, "1", 2),
        ("generic", {"items": [1, 2, 3]}, "", 3),
        ("unheard-of", {"name": "n"}, "n", 1),
        ("generic", {"path": [], "name": "n"}, "n", 1),
        ("generic", {"files": [{"path": "a"}, {"path": "b"}], "path": "d"}, "d", 2),
        ("generic", {"path": True}, "", 1),
        ("generic", None, "", 1),
        ("generic", ["a"], "", 1),
    ],
)
def test_it_names_what_the_call_touches(kind: str, arguments: JSON, resource: str, count: int) -> None:
    assert classify("get_thing", arguments, kind, {}) == Classified(Action.READ, resource, count)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["path", "ids", "sql"]), inner),
)


@given(
    tool=st.text(),
    arguments=_JSON,
    kind=st.sampled_from(["filesystem", "github", "database", "slack", "web", "generic", "?"]),
)
def test_it_answers_for_any_call(tool: str, arguments: JSON, kind: str) -> None:
    answer = classify(tool, arguments, kind, {})
    assert answer.resource_count >= 1
    assert len(answer.resource) <= 1_024
