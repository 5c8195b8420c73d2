"""`manage.py create_admin <tenant> <username>`: a tenant's first admin, or another person with a role."""

import getpass
import secrets
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.agents.services.accounts import create_person
from apps.decision.errors import AppError
from apps.tenants.context import in_operator, in_tenant
from apps.tenants.models import Tenant
from apps.tenants.roles import Role


class Command(BaseCommand):
    help = "Create a person's account in a tenant. Asks for the password; --generate prints a random one instead."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("tenant", help="slug of the tenant")
        parser.add_argument("username")
        parser.add_argument("--role", choices=[role.group for role in Role], default=Role.ADMIN.group)
        parser.add_argument("--email", default="")
        parser.add_argument("--generate", action="store_true", help="make a password and print it once")

    def handle(self, *args: Any, **options: Any) -> None:
        with in_operator():
            tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise CommandError(f"There is no tenant {options['tenant']!r}")
        if options["generate"]:
            password = secrets.token_urlsafe(15)
        elif sys.stdin.isatty():
            password = getpass.getpass("Password: ")
        else:
            password = sys.stdin.readline().rstrip("\n")
        role = Role[options["role"].upper()]
        try:
            with in_tenant(tenant.schema_name):
                create_person(
                    username=options["username"], password=password, role=role, actor="operator", email=options["email"]
                )
        except AppError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(f"{options['username']} is {role.group} of {tenant.name}")
        if options["generate"]:
            self.stdout.write(f"password (shown once): {password}")
