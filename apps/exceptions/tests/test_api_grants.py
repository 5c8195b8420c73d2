"""The REST doors of exceptions: strict input, filters, the limit of extensions, uses, a dry run; nobody else's."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from apps.exceptions.services import grants
from apps.exceptions.tests.granting import WHY, decided, grant, new_agent, older
from apps.tenants.context import in_tenant

LIST = "/api/v1/exceptions"


@pytest.fixture
def author(acme: str, api: Callable[..., Any], person: Callable[..., Any]) -> Any:
    return api(acme, person(acme, "policy_author", "ada"))


def body(agent: object, **changes: Any) -> dict[str, Any]:
    fields = {
        "agent_id": str(agent), "tool": "read_file", "resource": "/srv/a", "justification": WHY, "expires_in_hours": 3,
    }  # fmt: skip
    return {**fields, **changes}


def send(client: Any, path: str, data: dict[str, Any], method: str = "post") -> Any:
    return getattr(client, method)(path, data, format="json")


def test_it_grants(acme: str, author: Any) -> None:
    agent = new_agent(acme)
    answer = send(author, LIST, body(agent, max_extensions=2))
    made = answer.json()
    assert answer.status_code == 201
    expected = {
        "agent_id": str(agent), "agent_name": "reader", "mcp_server": "", "tool": "read_file", "resource": "/srv/a",
        "justification": WHY, "state": "live", "urgency": "none", "created_by": "user:ada", "extension_count": 0,
        "max_extensions": 2, "use_count": 0, "last_used_at": None, "revoked_at": None,
    }  # fmt: skip
    assert {name: made[name] for name in expected} == expected
    assert author.get(f"{LIST}/{made['id']}").json() == made


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"justification": "too short"}, "justification"),
        ({"justification": "          x          "}, "justification"),
        ({"justification": None}, "justification"),
        ({"expires_in_hours": 0}, "expires_in_hours"),
        ({"expires_in_hours": 721}, "expires_in_hours"),
        ({"expires_in_hours": 1.5}, "expires_in_hours"),
        ({"expires_in_hours": "soon"}, "expires_in_hours"),
        ({"max_extensions": 21}, "max_extensions"),
        ({"agent_id": "reader"}, "agent_id"),
        ({"agent_id": str(uuid4())}, "agent_id"),
        ({"tool": ""}, "tool"),
        ({"tool": "*", "resource": "**"}, "resource"),
        ({"resource": "/srv/a\u202eb"}, "resource"),
        ({"mcp_server": "nowhere"}, "mcp_server"),
        ({"use_count": 7}, "use_count"),
    ],
)
def test_it_refuses_by_field(acme: str, author: Any, changes: dict[str, Any], field: str) -> None:
    agent = new_agent(acme)
    answer = send(author, LIST, body(agent, **changes))
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == [field]


def test_it_extends_four_times_and_then_says_409(acme: str, author: Any) -> None:
    row = grant(acme)
    for count in range(1, 5):
        answer = send(author, f"{LIST}/{row.pk}/extend", {"hours": 1} if count % 2 else {}, "patch")
        told = answer.json()
        assert (answer.status_code, told["extension_count"], told["max_extensions"]) == (200, count, 4)
    assert told["urgency"] == "red"
    answer = send(author, f"{LIST}/{row.pk}/extend", {}, "patch")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:behavry:error:extension_limit")
    assert send(author, f"{LIST}/{row.pk}/extend", {"hours": 0}, "patch").status_code == 400


def test_it_revokes_for_a_reason(acme: str, author: Any) -> None:
    row = grant(acme)
    assert send(author, f"{LIST}/{row.pk}/revoke", {}).status_code == 400
    answer = send(author, f"{LIST}/{row.pk}/revoke", {"reason": "It is done."})
    assert (answer.status_code, answer.json()["state"], answer.json()["revoked_by"]) == (200, "revoked", "user:ada")
    assert send(author, f"{LIST}/{row.pk}/extend", {}, "patch").status_code == 409


def test_it_lists_by_agent_tool_and_state_page_by_page(acme: str, author: Any) -> None:
    agent = new_agent(acme)
    rows = [grant(acme, agent), grant(acme, agent, tool="write_*"), grant(acme)]
    older(acme, rows[0], timedelta(days=1))
    with in_tenant(acme):
        grants.revoke(rows[1].pk, actor="user:ada", reason="over")
    ids = [str(row.pk) for row in rows]

    def found(query: str) -> list[str]:
        return sorted(one["id"] for one in author.get(f"{LIST}?{query}").json()["results"])

    assert found("") == sorted(ids)
    assert found(f"agent={agent}") == sorted(ids[:2])
    assert found("tool=write_*") == found("state=revoked") == [ids[1]]
    assert (found("state=expired"), found("state=live")) == ([ids[0]], [ids[2]])
    assert found(f"agent={agent}&state=live") == []
    first = author.get(f"{LIST}?limit=2").json()
    rest = author.get(f"{LIST}?limit=2&cursor={first['next_cursor']}").json()
    assert [one["id"] for one in first["results"] + rest["results"]] == ids[::-1]
    for wrong in ("state=dead", "agent=reader", "limit=0", "tool=%00"):
        assert author.get(f"{LIST}?{wrong}").status_code == 400


def test_it_lists_the_calls_that_used_it(acme: str, author: Any) -> None:
    agent = new_agent(acme)
    row, other = grant(acme, agent), grant(acme, agent)
    for exception in (str(row.pk), str(other.pk), str(row.pk), ""):
        decided(acme, agent, exception)
    used = author.get(f"{LIST}/{row.pk}/uses?limit=1").json()
    more = author.get(f"{LIST}/{row.pk}/uses?limit=1&cursor={used['next_cursor']}").json()
    assert (len(used["results"]), len(more["results"]), more["next_cursor"]) == (1, 1, None)
    assert {one["extra"]["exception"] for one in used["results"] + more["results"]} == {str(row.pk)}


def test_it_says_what_one_would_have_covered(acme: str, author: Any) -> None:
    agent = new_agent(acme)
    decided(acme, agent, policy_result="deny", policy_id="filesystem.roots", target="/srv/a")
    decided(acme, agent, target="/srv/b")
    patterns = {name: value for name, value in body(agent, resource="/srv/*").items() if "_in_" not in name}
    del patterns["justification"]
    answer = send(author, f"{LIST}/preview", {**patterns, "last": 10})
    told = answer.json()
    assert answer.status_code == 200
    numbers = [told[name] for name in ("looked_at", "covered", "would_allow", "would_change_nothing")]
    assert (numbers, told["would_stay_refused"]) == ([2, 2, 1, 1], 0)
    assert [(one["target"], one["would"], one["sure"]) for one in told["results"]] == [
        ("/srv/b", "nothing", False), ("/srv/a", "allow", False),
    ]  # fmt: skip
    assert author.get(LIST).json()["results"] == []
    assert send(author, f"{LIST}/preview", {**patterns, "last": 0}).status_code == 400


@pytest.mark.parametrize("role", ["viewer", "analyst"])
def test_it_lets_others_look_and_try_but_not_grant(
    acme: str, api: Callable[..., Any], person: Callable[..., Any], role: str
) -> None:
    agent = new_agent(acme)
    row = grant(acme, agent)
    client = api(acme, person(acme, role))
    assert client.get(LIST).status_code == client.get(f"{LIST}/{row.pk}/uses").status_code == 200
    assert send(client, f"{LIST}/preview", {"agent_id": str(agent), "tool": "x", "resource": "y"}).status_code == 200
    assert send(client, LIST, body(agent)).status_code == 403
    assert send(client, f"{LIST}/{row.pk}/extend", {}, "patch").status_code == 403
    assert send(client, f"{LIST}/{row.pk}/revoke", {"reason": "x"}).status_code == 403


def test_it_is_not_there_for_another_tenant(
    acme: str, globex: str, api: Callable[..., Any], person: Callable[..., Any]
) -> None:
    agent = new_agent(acme)
    row = grant(acme, agent)
    stranger = api(globex, person(globex, "admin"))
    assert stranger.get(LIST).json()["results"] == []
    assert stranger.get(f"{LIST}/{row.pk}").status_code == stranger.get(f"{LIST}/{row.pk}/uses").status_code == 404
    assert send(stranger, f"{LIST}/{row.pk}/extend", {}, "patch").status_code == 404
    assert send(stranger, f"{LIST}/{row.pk}/revoke", {"reason": "x"}).status_code == 404
    assert send(stranger, LIST, body(agent)).status_code == 400
