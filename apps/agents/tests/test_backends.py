"""Signing in at the console: guesses are counted, and what happened is in the log."""

from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client

from apps.agents.throttle import PER_PERSON
from apps.audit.models import AuditEntry
from apps.tenants.context import in_operator, in_tenant
from apps.tenants.redis import redis_client

PASSWORD = "correct horse " + "battery"


@pytest.fixture
def ada(acme: str, person: Callable[..., User]) -> Iterator[User]:
    user = person(acme, "admin")
    with in_tenant(acme):
        user.is_staff = True
        user.set_password(PASSWORD)
        user.save()
    yield user
    for key in redis_client().scan_iter("*:throttle:*"):
        redis_client().delete(key)


def sign_in(username: str, password: str, host: str = "acme.test") -> int:
    client = Client(SERVER_NAME=host)
    return client.post("/admin/login/?next=/admin/", {"username": username, "password": password}).status_code


def kinds(schema: str) -> list[str]:
    with in_tenant(schema):
        return list(AuditEntry.objects.filter(kind__startswith="admin.").order_by("seq").values_list("kind", flat=True))


def test_a_sign_in_and_a_wrong_password_are_entries(acme: str, globex: str, ada: User) -> None:
    assert sign_in(ada.username, "wrong") == 200
    assert sign_in(ada.username, PASSWORD) == 302
    assert kinds(acme) == ["admin.sign_in_refused", "admin.signed_in"]
    assert kinds(globex) == []


def test_after_too_many_guesses_even_the_right_password_waits(acme: str, ada: User) -> None:
    for _ in range(PER_PERSON.limit):
        assert sign_in(ada.username, "wrong") == 200
    assert sign_in(ada.username, PASSWORD) == 200
    assert "admin.signed_in" not in kinds(acme)


def test_guesses_at_one_tenant_do_not_lock_anybody_out_of_another(acme: str, globex: str, ada: User) -> None:
    for _ in range(PER_PERSON.limit + 1):
        sign_in(ada.username, "wrong", host="globex.test")
    assert sign_in(ada.username, PASSWORD) == 302


def test_the_operators_console_counts_guesses_too(ada: User) -> None:
    with in_operator():
        User.objects.create_superuser("root", password=PASSWORD)
    for _ in range(PER_PERSON.limit):
        assert sign_in("root", "wrong", host="operator.localhost") == 200
    assert sign_in("root", PASSWORD, host="operator.localhost") == 200
