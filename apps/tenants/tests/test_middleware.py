"""Which house a request enters."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from pytest_django.plugin import DjangoDbBlocker

from apps.tenants.context import here


def test_an_unknown_host_is_a_problem_document(db: None) -> None:
    answer = Client(SERVER_NAME="nobody.test").get("/api/v1/agents")
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:behavry:error:unknown_host"


def test_the_schema_is_put_back_after_the_request(acme: str) -> None:
    Client(SERVER_NAME="acme.test").get("/api/v1/agents")
    assert here.schema_name == "public"


@pytest.mark.parametrize("host", ["acme.test", "nobody.test", "10.0.0.7"])
def test_health_answers_on_every_host(acme: str, host: str) -> None:
    assert Client(SERVER_NAME=host).get("/health").json()["status"] == "ok"
    assert Client(SERVER_NAME=host).get("/health/ready").json() == {
        "status": "ok",
        "parts": {"database": "ok", "redis": "ok"},
    }


def test_the_operators_site_is_not_on_a_tenants_host(acme: str) -> None:
    on_tenant = Client(SERVER_NAME="acme.test").get("/admin/tenants/tenant/")
    on_operator = Client(SERVER_NAME="operator.localhost").get("/admin/tenants/tenant/")
    assert on_tenant.status_code in {302, 404}
    assert "/admin/login/" in on_operator["Location"]


def test_a_session_of_one_tenant_is_nothing_on_another(
    acme: str, globex: str, admin_of: Callable[[str], Client]
) -> None:
    client = admin_of(acme)
    assert client.get("/admin/", SERVER_NAME="acme.test").status_code == 200
    assert client.get("/admin/", SERVER_NAME="globex.test").status_code == 302


def test_the_console_lists_what_a_tenant_has(acme: str, admin_of: Callable[[str], Client]) -> None:
    page = admin_of(acme).get("/admin/").content.decode()
    assert "/admin/agents/agent/" in page
    assert "/admin/audit/auditentry/" in page


def test_styles_are_served_by_the_product_itself_on_any_host(db: None) -> None:
    answer = Client(SERVER_NAME="nobody.test").get("/static/admin/css/base.css")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/css")


def test_a_database_that_is_away_is_said_and_not_an_internal_error(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    with django_db_blocker.unblock():
        connection.close()
        monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
        monkeypatch.setitem(connection.settings_dict, "PORT", "1")
        answer = Client(SERVER_NAME="acme.test").get("/api/v1/agents")
        connection.close()
    assert (answer.status_code, answer["Retry-After"]) == (503, "1")
    assert answer.json()["type"] == "urn:behavry:error:database_unavailable"
