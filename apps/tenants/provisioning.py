"""What the owner role sets up in PostgreSQL: the app role, its grants, and the functions that act for it with more.

The app role can neither create nor alter tables. Where it must (a new tenant's schema), it calls a SECURITY DEFINER
function that validates its arguments and does exactly that.
"""

from django.conf import settings
from django.db import connection
from psycopg import sql

APP = sql.Identifier(settings.BEHAVRY_APP_ROLE)

FUNCTIONS = """
CREATE OR REPLACE FUNCTION public.behavry_schema_of_host(host text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT t.schema_name FROM public.tenants_domain d JOIN public.tenants_tenant t ON t.id = d.tenant_id
    WHERE d.domain = host AND t.status = 'active'
$$;

CREATE OR REPLACE FUNCTION public.behavry_grant_schema(name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
    item record;
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO {app}', name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %I TO {app}', name);
    EXECUTE format('GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA %I TO {app}', name);
    EXECUTE format('REVOKE INSERT, UPDATE, DELETE ON %I.django_migrations FROM {app}', name);
    -- Rooms say in `behavry_table_grants` which of their tables the app role may only read and extend.
    FOR item IN
        SELECT g.privileges, c.relname FROM public.behavry_table_grants g
        JOIN pg_class c ON c.relname = g.table_name OR c.oid IN (
            SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = to_regclass(format('%I.%I', name, g.table_name)))
        JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = name
    LOOP
        EXECUTE format('REVOKE ALL ON %I.%I FROM {app}', name, item.relname);
        EXECUTE format('GRANT %s ON %I.%I TO {app}', item.privileges, name, item.relname);
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION public.behavry_create_tenant_schema(name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    IF name !~ '^t_[a-z][a-z0-9_]{{0,60}}$' THEN
        RAISE EXCEPTION 'not a tenant schema name: %', name;
    END IF;
    IF to_regnamespace(quote_ident(name)) IS NOT NULL THEN
        RAISE EXCEPTION 'the schema % exists', name;
    END IF;
    PERFORM public.clone_schema('{template}', name, 'DATA');
    PERFORM public.behavry_grant_schema(name);
END $$;

REVOKE ALL ON FUNCTION public.behavry_schema_of_host(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.behavry_grant_schema(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.behavry_create_tenant_schema(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.clone_schema(text, text, public.cloneparms[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.behavry_schema_of_host(text) TO {app};
GRANT EXECUTE ON FUNCTION public.behavry_create_tenant_schema(text) TO {app};
GRANT USAGE ON SCHEMA public, behavry_operator TO {app};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {app};
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {app};
REVOKE INSERT, UPDATE, DELETE ON public.django_migrations, public.behavry_table_grants FROM {app};
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
"""


def is_app_role() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        return bool(cursor.fetchone()[0] == settings.BEHAVRY_APP_ROLE)


def ensure_app_role(password: str) -> None:
    """The role that serving processes log in as: no superuser, no BYPASSRLS, no DDL. A password is set when given."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = %s", [settings.BEHAVRY_APP_ROLE])
        row = cursor.fetchone()
        if row is None:
            cursor.execute(sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS").format(APP))
        elif row[0]:
            cursor.execute(sql.SQL("ALTER ROLE {} NOSUPERUSER NOBYPASSRLS").format(APP))
        if password:
            cursor.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(APP, sql.Literal(password)))


def ensure_schema(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(name)))


def install_functions_and_grants(schemas: list[str]) -> None:
    statements = FUNCTIONS.format(app=settings.BEHAVRY_APP_ROLE, template=settings.TENANT_BASE_SCHEMA)
    with connection.cursor() as cursor:
        cursor.execute(statements)
        for schema in schemas:
            cursor.execute("SELECT public.behavry_grant_schema(%s)", [schema])


def tenant_schemas() -> list[str]:
    """Every tenant's schema, whatever its status; needs the owner role, from whom row-level security hides nothing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT schema_name FROM public.tenants_tenant ORDER BY schema_name")
        return [row[0] for row in cursor.fetchall()]


def applied(schema: str) -> frozenset[tuple[str, str]]:
    """The migrations recorded in a schema; empty when it has no record."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [f'"{schema}".django_migrations'])
        if cursor.fetchone()[0] is None:
            return frozenset()
        cursor.execute(sql.SQL("SELECT app, name FROM {}.django_migrations").format(sql.Identifier(schema)))
        return frozenset(cursor.fetchall())
