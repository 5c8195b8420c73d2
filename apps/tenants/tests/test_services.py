"""Making tenants, and what row-level security shows of them."""

from collections.abc import Callable

import pytest
from django.db import ProgrammingError, connection

from apps.decision.errors import BadInput, Conflict, Unavailable
from apps.tenants import services
from apps.tenants.context import in_operator, in_tenant
from apps.tenants.models import Domain, Tenant, TenantConfig


def test_it_creates_a_tenant_with_every_table_of_the_template(fresh_tenant: Callable[[], str]) -> None:
    schema = fresh_tenant()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT n.nspname, count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname IN (%s, 't__template') AND c.relkind IN ('r', 'p') GROUP BY 1",
            [schema],
        )
        counts = dict(cursor.fetchall())
    assert counts[schema] == counts["t__template"] > 10


def test_it_shows_no_tenant_where_none_is_selected(acme: str, globex: str) -> None:
    assert Tenant.objects.count() == Domain.objects.count() == TenantConfig.objects.count() == 0


def test_it_shows_a_tenant_only_its_own_rows(acme: str, globex: str) -> None:
    with in_tenant(acme):
        assert [tenant.schema_name for tenant in Tenant.objects.all()] == [acme]
        assert [domain.domain for domain in Domain.objects.all()] == ["acme.test"]
        assert TenantConfig.objects.count() == 1


def test_it_shows_the_operator_all_tenants(acme: str, globex: str) -> None:
    with in_operator():
        assert {acme, globex} <= set(Tenant.objects.values_list("schema_name", flat=True))


def test_a_tenant_cannot_write_another_tenants_row(acme: str, globex: str) -> None:
    with in_operator():
        other = Tenant.objects.get(schema_name=globex)
    with in_tenant(acme):
        assert TenantConfig.objects.filter(tenant_id=other.id).update(max_agents=1) == 0
        with pytest.raises(ProgrammingError, match="row-level security"):
            Domain.objects.create(tenant_id=other.id, domain="stolen.test")


def test_the_app_role_can_neither_bypass_row_level_security_nor_create_tables(acme: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False, False, False)
        with pytest.raises(ProgrammingError):
            cursor.execute("CREATE TABLE t_acme.mine (id int)")


def test_it_refuses_a_slug_or_host_that_is_taken(acme: str) -> None:
    with pytest.raises(Conflict):
        services.create_tenant(name="Again", slug="acme", hosts=["again.test"])
    with pytest.raises(Conflict):
        services.create_tenant(name="Other", slug="other", hosts=["acme.test"])


@pytest.mark.parametrize("slug", ["", "Acme", "a_b", "1a", "a--b", "-a", "a" * 60, "template'; drop", "ü"])
def test_it_refuses_a_slug_that_cannot_name_a_schema(db: None, slug: str) -> None:
    with pytest.raises(BadInput):
        services.create_tenant(name="Bad", slug=slug, hosts=["bad.test"])


@pytest.mark.parametrize("host", ["", "http://x", "x:80", "a b", "ex_ample", "-a.test"])
def test_it_refuses_what_is_not_a_host_name(db: None, host: str) -> None:
    with pytest.raises(BadInput):
        services.create_tenant(name="Bad", slug="bad", hosts=[host])


def test_it_finds_the_schema_of_a_host_and_nothing_for_an_unknown_one(acme: str) -> None:
    assert services.schema_of_host("acme.test") == acme
    assert services.schema_of_host("nobody.test") is None


def test_a_suspended_tenants_host_leads_nowhere(acme: str) -> None:
    with in_operator():
        Tenant.objects.filter(schema_name=acme).update(status=Tenant.Status.SUSPENDED)
    assert services.schema_of_host("acme.test") is None


@pytest.mark.parametrize("schema", ["public", "behavry_operator", "pg_catalog", ""])
def test_it_enters_no_schema_that_is_not_a_tenants(db: None, schema: str) -> None:
    with pytest.raises(Unavailable), in_tenant(schema):
        pass
