"""Fixtures for every room. Tests run through `python -m behavry.embedded exec -- pytest`, which provides the services.

`acme` and `globex` are committed once per run; a `django_db` test works in a transaction that is rolled back. What
needs several connections or processes asks `fresh_tenant` for a tenant of its own, committed and never cleaned: the
database goes with the run.
"""

import itertools
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from hypothesis import HealthCheck, settings
from pytest_django.plugin import DjangoDbBlocker
from rest_framework.test import APIClient

from apps.tenants.context import here, in_tenant

_numbers = itertools.count(1)


def pytest_configure() -> None:
    """A busy machine is no failure: nothing about a property is measured in time."""
    settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("house")


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The database is made and migrated by the embedded runner; here only the two standing tenants are added."""
    if "BEHAVRY_OWNER_DATABASE_URL" not in os.environ:
        pytest.exit("Run tests through `make test` or `python -m behavry.embedded exec -- pytest …`", returncode=4)
    from apps.tenants import services

    with django_db_blocker.unblock():
        for slug in ("acme", "globex"):
            services.create_tenant(name=slug.title(), slug=slug, hosts=[f"{slug}.test"])
        connection.close()
    yield


@pytest.fixture(autouse=True)
def nowhere() -> Iterator[None]:
    """Every test begins and ends in no tenant's schema, even after a request that blew up half-way."""
    here.set_schema_to_public()
    yield
    here.set_schema_to_public()


@pytest.fixture
def acme(db: None) -> str:
    """Schema of the tenant that most tests are about."""
    return "t_acme"


@pytest.fixture
def globex(db: None) -> str:
    """Schema of the second tenant, which must see nothing of the first."""
    return "t_globex"


@pytest.fixture
def fresh_tenant(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Callable[[], str]]:
    """Makes committed tenants; the database stays unblocked for the length of the test."""
    from apps.tenants import services

    with django_db_blocker.unblock():

        def make() -> str:
            slug = f"fresh{next(_numbers)}"
            return str(services.create_tenant(name=slug, slug=slug, hosts=[f"{slug}.test"]).schema_name)

        yield make
        connection.close()


@pytest.fixture
def person() -> Callable[..., User]:
    """Makes a user with a role in a tenant's schema: `person("t_acme", "viewer")`."""

    def make(schema: str, role: str | None, username: str = "") -> User:
        with in_tenant(schema):
            name = username or f"{role or 'nobody'}{next(_numbers)}"
            user = User(username=name, email=f"{name}@example.test")
            user.set_unusable_password()
            user.save()
            if role:
                user.groups.add(Group.objects.get_or_create(name=role)[0])
            return user

    return make


@pytest.fixture
def api() -> Callable[..., APIClient]:
    """A REST client on a tenant's host: `api("t_acme", user)` or `api("t_acme", token="…")`."""

    def make(schema: str, user: Any = None, token: str = "") -> APIClient:
        client = APIClient(SERVER_NAME=f"{schema.removeprefix('t_').replace('_', '-')}.test")
        if user is not None:
            client.force_authenticate(user)
        if token:
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
        return client

    return make


@pytest.fixture
def admin_of(person: Callable[..., User]) -> Callable[[str], Client]:
    """A browser signed in as an admin of the tenant."""

    def make(schema: str) -> Client:
        user = person(schema, "admin")
        client = Client(SERVER_NAME=f"{schema.removeprefix('t_').replace('_', '-')}.test")
        with in_tenant(schema):
            client.force_login(user)
        return client

    return make
