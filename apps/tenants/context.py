"""The only place that switches schema, and the only place that spells a tenant's keys.

The schema sits on the thread's database connection, so it does not follow async code: whoever crosses from async to
the database, from a task or a thread, names the schema and enters it here.

`public` shows no tenant. `in_operator` stands in the empty schema `behavry_operator`, which the row-level security
policies of the public tables recognise; its tables are those of `public`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, cast

from django.db import connection
from django_tenants.utils import get_public_schema_name

from apps.decision.errors import Unavailable

OPERATOR_SCHEMA = "behavry_operator"


class SchemaConnection(Protocol):
    """What django-tenants adds to Django's connection; it ships no types."""

    tenant: Any
    schema_name: str

    def set_schema(self, schema_name: str) -> None: ...
    def set_tenant(self, tenant: Any) -> None: ...
    def set_schema_to_public(self) -> None: ...


here = cast(SchemaConnection, connection)  # Django's proxy: each thread has a connection of its own behind it


@contextmanager
def in_tenant(schema: str) -> Iterator[None]:
    """Stand in a tenant's schema on this thread's connection; the previous one comes back at the end."""
    if not schema.startswith("t_"):
        raise Unavailable(f"{schema!r} is not a tenant's schema", code="no_tenant")
    with _standing_in(schema):
        yield


@contextmanager
def in_operator() -> Iterator[None]:
    """See every tenant's row in the public tables, and no tenant's own tables."""
    with _standing_in(OPERATOR_SCHEMA):
        yield


@contextmanager
def _standing_in(schema: str) -> Iterator[None]:
    previous = here.tenant
    here.set_schema(schema)
    try:
        yield
    finally:
        here.set_tenant(previous)


def current_schema() -> str:
    """The tenant whose house this thread stands in; raises when it stands in none."""
    schema = here.schema_name
    if not schema.startswith("t_"):
        raise Unavailable("No tenant is selected", code="no_tenant")
    return schema


def is_operator() -> bool:
    return bool(here.schema_name in {OPERATOR_SCHEMA, get_public_schema_name()})


def tenant_key(schema: str, *parts: str) -> str:
    """A Redis key, channel or group name; begins with the schema, so that tenants cannot collide."""
    return ":".join((schema, *parts))


def cache_key(key: str, key_prefix: str, version: int) -> str:
    """Django's cache KEY_FUNCTION: the schema comes first."""
    return f"{here.schema_name}:cache:{key_prefix}:{version}:{key}"
