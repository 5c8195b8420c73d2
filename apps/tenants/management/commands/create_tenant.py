"""`manage.py create_tenant <slug> --name … --host …`: a new tenant with its own schema."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.decision.errors import AppError
from apps.tenants import services
from apps.tenants.models import TenantConfig


class Command(BaseCommand):
    help = "Create a tenant: its schema, its hosts and its configuration, all or nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="lower-case letters, digits, hyphens; becomes the schema name, immutable")
        parser.add_argument("--name", help="name shown to people (default: the slug)")
        parser.add_argument("--host", action="append", required=True, help="host name without port; may be repeated")
        parser.add_argument("--plan", choices=TenantConfig.Plan.values, default=TenantConfig.Plan.TRIAL)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            tenant = services.create_tenant(
                name=options["name"] or options["slug"],
                slug=options["slug"],
                hosts=options["host"],
                plan=options["plan"],
            )
        except AppError as error:
            raise CommandError(f"{error.detail} {error.fields or ''}".strip()) from error
        self.stdout.write(f"tenant {tenant.slug} is active in schema {tenant.schema_name}")
