"""`manage.py audit_retention`: drop months that are past a tenant's retention; with --dry-run only name them."""

import sys
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand

from apps.audit import retention
from apps.decision.errors import AppError
from apps.tenants import services as tenants
from apps.tenants.context import in_tenant


class Command(BaseCommand):
    help = "Apply a tenant's retention to its log: anchor and drop whole expired months."

    def add_arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--schema", help="a tenant's schema, such as t_acme")
        which.add_argument("--all", action="store_true", help="every active tenant")
        parser.add_argument("--dry-run", action="store_true", help="say what would go, change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        failed = False
        verb = "would drop" if options["dry_run"] else "dropped"
        for schema in tenants.active_schemas() if options["all"] else [options["schema"]]:
            try:
                with in_tenant(schema):
                    months = retention.apply(actor="system", now=datetime.now(UTC), dry_run=options["dry_run"])
            except AppError as error:
                failed = True
                self.stderr.write(f"{schema}: {error.detail}")
                continue
            for month in months:
                span = f"entries {month.first_seq} to {month.last_seq}" if month.entries else "no entries"
                self.stdout.write(f"{schema}: {verb} {month.month:%Y-%m}, {span}")
            if not months:
                self.stdout.write(f"{schema}: nothing has expired")
        if failed:
            sys.exit(1)
