"""An enrolment token makes one agent, once, whoever comes and however many at a time."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from apps.agents import services
from apps.agents.models import Agent, EnrolmentToken
from apps.agents.tests.builders import an_address, ask_token, kinds, last_entry
from apps.decision.errors import AppError, NotAuthenticated
from apps.tenants.context import in_tenant
from apps.tenants.models import TenantConfig

Api = Callable[..., APIClient]
Person = Callable[..., Any]


def make_token(schema: str, **changes: Any) -> str:
    with in_tenant(schema):
        made = services.create_enrolment_token(actor="user:root", permissions=["github:read"], **changes)
    return made.token


def enrol(client: APIClient, token: str, **changes: Any) -> Any:
    return client.post(
        "/api/v1/enroll", {"token": token, "name": "newcomer", **changes}, format="json", REMOTE_ADDR=an_address()
    )


def test_it_turns_a_token_into_an_agent_with_working_credentials(acme: str, api: Api) -> None:
    token = make_token(acme, label="ci", risk_tier="high")
    answer = enrol(api(acme), token)
    assert answer.status_code == 201, answer.json()
    assert answer["Cache-Control"] == "no-store"
    body = answer.json()
    assert body["permissions"] == ["github:read"]
    assert body["risk_tier"] == "high"
    credentials = {name: body[name] for name in ("client_id", "client_secret")}
    again = ask_token(api(acme), {"grant_type": "client_credentials", **credentials})
    assert again.json()["agent_id"] == body["agent_id"]
    assert "enrolment_token.used" in kinds(acme)


def test_it_works_once(acme: str, api: Api) -> None:
    token = make_token(acme)
    assert enrol(api(acme), token).status_code == 201
    second = enrol(api(acme), token)
    assert second.status_code == 401
    assert second.json()["type"] == "urn:behavry:error:invalid_enrolment_token"
    with in_tenant(acme):
        assert Agent.objects.count() == 1


def test_it_says_the_same_to_every_bad_token(acme: str, globex: str, api: Api) -> None:
    with in_tenant(acme):
        revoked = services.create_enrolment_token(actor="user:root")
        services.revoke_enrolment_token(revoked.row.pk, actor="user:root")
        stale = services.create_enrolment_token(
            actor="user:root", ttl=timedelta(hours=1), now=timezone.now() - timedelta(hours=1)
        )
    bad = [revoked.token, stale.token, make_token(globex), "bhv_enr_", "x", "\x00"]
    answers = {enrol(api(acme), token).content for token in bad[:-1]}
    assert len(answers) == 1
    assert b"invalid_enrolment_token" in answers.pop()
    assert enrol(api(acme), bad[-1]).status_code == 400


def test_it_does_not_let_the_newcomer_choose_its_powers(acme: str, api: Api) -> None:
    token = make_token(acme)
    answer = enrol(api(acme), token, permissions=["*:*"])
    assert answer.status_code == 400
    assert "permissions" in answer.json()["fields"]
    assert enrol(api(acme), token).json()["permissions"] == ["github:read"]


def test_it_leaves_the_token_usable_when_the_plan_is_full(acme: str, api: Api) -> None:
    token = make_token(acme)
    with in_tenant(acme):
        TenantConfig.objects.filter(tenant__schema_name=acme).update(max_agents=1)
        services.register(name="first", actor="user:root")
    assert enrol(api(acme), token).status_code == 409
    with in_tenant(acme):
        assert EnrolmentToken.objects.get().state(timezone.now()) == "usable"


def test_it_lets_only_admins_make_list_and_withdraw_tokens(acme: str, api: Api, person: Person) -> None:
    author, admin = api(acme, person(acme, "policy_author")), api(acme, person(acme, "admin"))
    assert author.post("/api/v1/enrolment-tokens", {}, format="json").status_code == 403
    assert author.get("/api/v1/enrolment-tokens").status_code == 403
    made = admin.post("/api/v1/enrolment-tokens", {"label": "ci", "expires_in": 600}, format="json")
    assert made.status_code == 201, made.json()
    secret = made.json()["token"]
    assert last_entry(acme).kind == "enrolment_token.created"
    assert secret not in str(last_entry(acme).extra)
    listed = admin.get("/api/v1/enrolment-tokens")
    assert [row["label"] for row in listed.json()["results"]] == ["ci"]
    assert secret not in listed.content.decode()
    address = f"/api/v1/enrolment-tokens/{made.json()['id']}"
    assert admin.delete(address).status_code == 204
    assert admin.get(address).json()["state"] == "revoked"
    assert admin.delete(address).status_code == 409
    assert enrol(api(acme), secret).status_code == 401


def test_it_does_not_live_for_ever(acme: str, api: Api, person: Person) -> None:
    admin = api(acme, person(acme, "admin"))
    for seconds in (0, 59, 2592001):
        answer = admin.post("/api/v1/enrolment-tokens", {"expires_in": seconds}, format="json")
        assert answer.status_code == 400


def test_it_throttles_guessing(acme: str, api: Api) -> None:
    client, address = api(acme), an_address()

    def guess() -> Any:
        body = {"token": "bhv_enr_guess", "name": "x"}
        return client.post("/api/v1/enroll", body, format="json", REMOTE_ADDR=address)

    assert {guess().status_code for _ in range(30)} == {401}
    refused = guess()
    assert refused.status_code == 429
    assert 1 <= int(refused["Retry-After"]) <= 300


def test_it_has_exactly_one_winner_of_many_at_once(fresh_tenant: Callable[[], str]) -> None:
    schema = fresh_tenant()
    token = make_token(schema)
    with in_tenant(schema):
        services.ensure_signing_key()
    start, outcomes = threading.Barrier(4), []

    def attempt(number: int) -> None:
        try:
            start.wait(10)
            with in_tenant(schema):
                services.enrol(token=token, name=f"racer {number}")
            outcomes.append("won")
        except NotAuthenticated:
            outcomes.append("refused")
        except AppError as error:
            outcomes.append(error.code)
        finally:
            connection.close()

    racers = [threading.Thread(target=attempt, args=[number]) for number in range(4)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(30)
    assert sorted(outcomes) == ["refused", "refused", "refused", "won"]
    with in_tenant(schema):
        assert Agent.objects.count() == 1
