"""Makes a tenant with the fixture behind both transports and an agent that may do everything; prints its credentials.

Run as `python -m behavry.conformance.seed HOST FIXTURE_URL [MORE_STDIO_SERVERS]` against an empty, migrated database;
the last argument is JSON, names to commands.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "behavry.settings")
django.setup()

from apps.agents import services  # noqa: E402 - models need Django's app registry first
from apps.policies.services import blast_radius, limits  # noqa: E402
from apps.tenants.context import in_operator, in_tenant  # noqa: E402
from apps.tenants.models import TenantConfig  # noqa: E402
from apps.tenants.services import create_tenant  # noqa: E402
from behavry.conformance.serving import FIXTURE_OVER_STDIO, HTTP_SERVER, ROOT, STDIO_SERVER  # noqa: E402

CALLS_PER_MINUTE = 100_000  # the suite sends hundreds of calls in a few seconds


def seed(host: str, fixture_url: str, more: Mapping[str, Sequence[str]]) -> dict[str, str]:
    tenant = create_tenant(name="Conformance", slug="conformance", hosts=[host])
    with in_operator():
        TenantConfig.objects.filter(tenant=tenant).update(max_rpm_per_agent=CALLS_PER_MINUTE)
    with in_tenant(tenant.schema_name):
        services.register_server(name=HTTP_SERVER, actor="system", transport="http", url=fixture_url)
        environment = {"PYTHONPATH": str(ROOT)}
        for name, command in {STDIO_SERVER: FIXTURE_OVER_STDIO, **more}.items():
            services.register_server(
                name=name, actor="system", transport="stdio", command=command, environment=environment
            )
        rates = {"per_minute": CALLS_PER_MINUTE, "burst": CALLS_PER_MINUTE, "concurrent": 1_000}
        limits.configure_rate_limits(actor="system", changes=rates)
        blast_radius.configure(actor="system", changes={"min_delete_depth": 1})  # it deletes a file of a bare name
        made = services.register(name="conformance", actor="system", permissions=["*:*"])
    return {"client_id": made.agent.client_id, "client_secret": made.client_secret}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m behavry.conformance.seed", description=__doc__)
    parser.add_argument("host")
    parser.add_argument("fixture_url")
    parser.add_argument("more", nargs="?", type=json.loads, default={})
    options = parser.parse_args(arguments)
    sys.stdout.write(json.dumps(seed(options.host, options.fixture_url, options.more)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
