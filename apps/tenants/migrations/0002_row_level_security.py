"""Row-level security on the public tables that carry a tenant, and the table in which rooms state narrower grants.

`current_schema()` is the first existing schema of the search path: a tenant's, the operator's, or `public`, where
nothing is shown.
"""

from django.db import migrations

SEES = "schema_name = current_schema() OR current_schema() = 'behavry_operator'"
MINE = "tenant_id IN (SELECT id FROM public.tenants_tenant)"

FORWARD = f"""
ALTER TABLE public.tenants_tenant ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.tenants_domain ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.tenants_tenantconfig ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON public.tenants_tenant USING ({SEES});
CREATE POLICY own_tenant ON public.tenants_domain USING ({MINE});
CREATE POLICY own_tenant ON public.tenants_tenantconfig USING ({MINE});
CREATE TABLE IF NOT EXISTS public.behavry_table_grants (table_name text PRIMARY KEY, privileges text NOT NULL);
"""
BACKWARD = """
DROP POLICY own_tenant ON public.tenants_tenant;
DROP POLICY own_tenant ON public.tenants_domain;
DROP POLICY own_tenant ON public.tenants_tenantconfig;
ALTER TABLE public.tenants_tenant DISABLE ROW LEVEL SECURITY;
ALTER TABLE public.tenants_domain DISABLE ROW LEVEL SECURITY;
ALTER TABLE public.tenants_tenantconfig DISABLE ROW LEVEL SECURITY;
"""


class Migration(migrations.Migration):
    dependencies = [("tenants", "0001_tenants")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
