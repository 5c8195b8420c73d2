"""`manage.py configure_tenant <slug> payload_mode=redacted …`: a tenant's plan, limits and modes, with a log entry."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.decision.errors import AppError
from apps.policies.services.tenant import CHANGEABLE, configure
from apps.tenants.context import in_operator, in_tenant
from apps.tenants.models import Tenant, TenantConfig
from apps.tenants.services import config_of


class Command(BaseCommand):
    help = "Show or change a tenant's configuration. Changes hold from the tenant's next call on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("tenant", help="slug of the tenant")
        parser.add_argument("changes", nargs="*", metavar="name=value", help=f"one of {', '.join(sorted(CHANGEABLE))}")

    def handle(self, *args: Any, **options: Any) -> None:
        with in_operator():
            tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise CommandError(f"There is no tenant {options['tenant']!r}")
        changes = dict(_pair(text) for text in options["changes"])
        try:
            with in_tenant(tenant.schema_name):
                if changes:
                    configure(actor="operator", changes=changes)
            config = config_of(tenant.schema_name)
        except AppError as error:
            fields = "; ".join(f"{name}: {why}" for name, why in error.fields.items())
            raise CommandError(f"{error.detail} {fields}".strip()) from error
        for name in sorted(CHANGEABLE):
            self.stdout.write(f"{name} = {getattr(config, name)}")


def _pair(text: str) -> tuple[str, str | int | bool]:
    name, found, value = text.partition("=")
    if not found:
        raise CommandError(f"{text!r} is not name=value")
    kind = TenantConfig._meta.get_field(name).get_internal_type() if name in CHANGEABLE else ""
    if kind == "BooleanField":
        if value not in {"true", "false"}:
            raise CommandError(f"{name} must be true or false, not {value!r}")
        return name, value == "true"
    if kind == "PositiveIntegerField" and not value.isdecimal():
        raise CommandError(f"{name} must be a whole number, not {value!r}")
    return name, int(value) if kind == "PositiveIntegerField" else value
