"""`manage.py migrate_all`: brings every schema to the newest version. Runs as the owner role, never as the app role.

Order: roles, public tables, the template schema that new tenants are cloned from, then each tenant that is behind.
A schema whose recorded migrations equal the template's is skipped, so a no-op run does not grow with the tenants.
"""

import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.core.management.commands.migrate import Command as MigrateCommand
from django_tenants.clone import CloneSchema
from django_tenants.migration_executors.base import run_migrations

from apps.tenants import provisioning
from apps.tenants.context import OPERATOR_SCHEMA, here


class Command(BaseCommand):
    requires_system_checks = ()  # a half-deployed web tier must not keep the database from moving
    help = "Migrate the public schema, the template schema and every tenant that is behind."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--plan", action="store_true", help="say which schemas are behind, change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        here.set_schema_to_public()
        if provisioning.is_app_role():
            raise CommandError("This is the app role; migrations need the owner. Set DATABASE_URL to the owner's URL.")
        if options["plan"]:
            for schema in self._behind():
                self.stdout.write(schema)
            return
        provisioning.ensure_app_role(settings.BEHAVRY_APP_DATABASE_PASSWORD)
        for schema in (settings.TENANT_BASE_SCHEMA, OPERATOR_SCHEMA):
            provisioning.ensure_schema(schema)
        self._migrate("public")
        self._migrate(settings.TENANT_BASE_SCHEMA)
        behind = self._behind()
        for schema in behind:
            self._migrate(schema)
        here.set_schema_to_public()
        CloneSchema()._create_clone_schema_function()
        provisioning.install_functions_and_grants([settings.TENANT_BASE_SCHEMA, *provisioning.tenant_schemas()])
        total = len(provisioning.tenant_schemas())
        took = time.monotonic() - started
        self.stdout.write(f"public, template and {len(behind)} of {total} tenants migrated in {took:.1f} s")

    def _migrate(self, schema: str) -> None:
        self.stdout.write(f"migrating {schema} …")
        self.stdout.flush()
        defaults = vars(MigrateCommand().create_parser("manage.py", "migrate").parse_args([]))
        run_migrations([], {**defaults, "verbosity": 0, "interactive": False, "skip_checks": True}, "standard", schema)

    def _behind(self) -> list[str]:
        template = provisioning.applied(settings.TENANT_BASE_SCHEMA)
        return [schema for schema in provisioning.tenant_schemas() if provisioning.applied(schema) != template]
