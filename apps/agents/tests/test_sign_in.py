"""Scripts sign in with a person's password and get an hour; guessers get a pause."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from apps.agents.tests.builders import an_address, kinds, last_entry
from apps.tenants.context import in_tenant

Api = Callable[..., APIClient]
Person = Callable[..., Any]
GOOD = "correct horse " + "battery"


@pytest.fixture
def olga(acme: str, person: Person) -> User:
    user: User = person(acme, "admin", "olga")
    with in_tenant(acme):
        user.set_password(GOOD)
        user.save()
    return user


def sign_in(client: APIClient, username: str, password: str, address: str = "") -> Any:
    body = {"username": username, "password": password}
    return client.post("/api/v1/auth/admin/login", body, format="json", REMOTE_ADDR=address or an_address())


def test_it_gives_an_hour_at_the_persons_role(olga: User, acme: str, api: Api) -> None:
    answer = sign_in(api(acme), "olga", GOOD)
    assert answer.status_code == 200, answer.json()
    body = answer.json()
    assert (body["token_type"], body["username"], body["expires_in"]) == ("Bearer", "olga", 3600)
    assert answer["Cache-Control"] == "no-store"
    entry = last_entry(acme)
    assert (entry.kind, entry.actor) == ("admin.signed_in", "user:olga")
    assert body["access_token"] not in str(entry.extra)
    client = api(acme, token=body["access_token"])
    assert client.post("/api/v1/agents", {"name": "x"}, format="json").status_code == 201


def test_it_says_the_same_to_all_it_refuses(olga: User, acme: str, globex: str, api: Api, person: Person) -> None:
    nobody = person(acme, None, "nils")
    with in_tenant(acme):
        nobody.set_password(GOOD)
        nobody.save()
    wrong = sign_in(api(acme), "olga", "wrong")
    unknown = sign_in(api(acme), "ghost", GOOD)
    powerless = sign_in(api(acme), "nils", GOOD)
    elsewhere = sign_in(api(globex), "olga", GOOD)
    assert {answer.status_code for answer in (wrong, unknown, powerless, elsewhere)} == {401}
    assert wrong.content == unknown.content == powerless.content == elsewhere.content


def test_it_logs_refusals_without_unknown_names(olga: User, acme: str, api: Api) -> None:
    sign_in(api(acme), "olga", "wrong")
    assert last_entry(acme).actor == "user:olga"
    sign_in(api(acme), GOOD, "olga")
    assert last_entry(acme).actor == "anonymous"
    assert GOOD not in str(vars(last_entry(acme)))
    assert kinds(acme) == ["admin.sign_in_refused"] * 2


def test_it_pauses_a_guesser_even_with_the_right_password(olga: User, acme: str, api: Api) -> None:
    address = an_address()
    assert {sign_in(api(acme), "olga", "wrong", address).status_code for _ in range(5)} == {401}
    refused = sign_in(api(acme), "OLGA", GOOD, address)
    assert refused.status_code == 429
    assert int(refused["Retry-After"]) >= 1
    assert sign_in(api(acme), "olga", GOOD).status_code == 200


def test_it_does_not_count_successes(olga: User, acme: str, api: Api) -> None:
    address = an_address()
    assert {sign_in(api(acme), "olga", GOOD, address).status_code for _ in range(6)} == {200}


def test_it_takes_a_whole_ipv6_network_for_one_guesser(olga: User, acme: str, api: Api) -> None:
    network = an_address().rsplit(":", 4)[0]
    for host in range(5):
        assert sign_in(api(acme), "olga", "wrong", f"{network}::{host}").status_code == 401
    assert sign_in(api(acme), "olga", "wrong", f"{network}:1:2:3:4").status_code == 429


def test_it_reads_no_endless_body(acme: str, api: Api) -> None:
    body = '{"username": "' + "x" * 70_000
    answer = api(acme).post("/api/v1/auth/admin/login", body, content_type="application/json")
    assert (answer.status_code, answer["Content-Type"]) == (413, "application/problem+json")


@pytest.mark.parametrize("body", [{}, {"username": "olga"}, {"username": [], "password": {}}, [], "x"])
def test_it_refuses_nonsense(acme: str, api: Api, body: Any) -> None:
    answer = api(acme).post("/api/v1/auth/admin/login", body, format="json", REMOTE_ADDR=an_address())
    assert answer.status_code == 400
