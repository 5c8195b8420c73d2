"""`manage.py policy_test`: runs the Rego tests of the base rules and fails with file and rule."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from apps.policies import rego_tests


class Command(BaseCommand):
    help = "Run the Rego tests beside the base rules."

    def handle(self, *args: Any, **options: Any) -> None:
        if code := rego_tests.main([]):
            sys.exit(code)
