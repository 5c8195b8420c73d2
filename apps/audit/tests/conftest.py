"""One committed log for all tests of this room, made whole again after each of them."""

from collections.abc import Iterator

import pytest
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from apps.audit import services
from apps.audit.tests.builders import as_owner, make_entry
from apps.tenants import services as tenants
from apps.tenants.context import in_tenant, tenant_key
from apps.tenants.redis import redis_client

PROJECTIONS = "audit_input, audit_reader_cursor, audit_set_aside, audit_chain_break, audit_verification"


@pytest.fixture(scope="session")
def _one_log(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> str:
    slug = "logged"
    with django_db_blocker.unblock():
        schema = str(tenants.create_tenant(name=slug, slug=slug, hosts=[f"{slug}.test"]).schema_name)
        with in_tenant(schema):
            for number in range(8):
                services.append(make_entry(target=f"file {number}", extra={"n": number}, payload={"x": number}))
        connection.close()
    with as_owner(schema) as owner:
        owner.execute("CREATE TABLE kept_entry AS SELECT * FROM audit_entry")
        owner.execute("CREATE TABLE kept_head AS SELECT * FROM audit_head")
    return schema


@pytest.fixture
def log(_one_log: str, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """Schema of a tenant whose log holds eight entries; committed, so that the owner can reach it."""
    with django_db_blocker.unblock():
        yield _one_log
        connection.close()
    with as_owner(_one_log) as owner:
        owner.execute("DELETE FROM audit_entry; INSERT INTO audit_entry SELECT * FROM kept_entry")
        owner.execute("DELETE FROM audit_head; INSERT INTO audit_head SELECT * FROM kept_head")
        owner.execute(f"TRUNCATE {PROJECTIONS}")
    redis_client().delete(tenant_key(_one_log, "rulebook_version"))
