"""`manage.py audit_verify`: walk one tenant's log, or all. Exit code 0: intact, 1: broken, 2: could not be checked."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError

from apps.audit import verification
from apps.decision.errors import AppError
from apps.tenants import services as tenants
from apps.tenants.context import in_tenant


class Command(BaseCommand):
    help = "Verify the hash chain of one tenant's log (--schema) or of every active tenant's (--all)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--schema", help="a tenant's schema, such as t_acme")
        which.add_argument("--all", action="store_true", help="every active tenant")
        parser.add_argument("--from", dest="first", type=int, default=1, help="first sequence number")
        parser.add_argument("--to", dest="last", type=int, default=None, help="last sequence number")
        parser.add_argument("--json", action="store_true", help="one JSON line per tenant")

    def handle(self, *args: Any, **options: Any) -> None:
        schemas = tenants.active_schemas() if options["all"] else [options["schema"]]
        codes = [self._verify(schema, options) for schema in schemas]
        code = max(codes, default=0)
        if code:
            sys.exit(code)

    def _verify(self, schema: str, options: dict[str, Any]) -> int:
        try:
            with in_tenant(schema):
                row, breaks = verification.verify(actor="system", from_seq=options["first"], to_seq=options["last"])
        except (AppError, DatabaseError) as error:
            self._say(options, {"schema": schema, "error": str(error)}, f"{schema}: cannot be checked: {error}")
            return 2
        listed = [{"kind": b.kind.value, "seq": b.seq, "last_seq": b.last_seq, "detail": b.detail} for b in breaks]
        report = {"schema": schema, "intact": row.breaks == 0, "from": row.from_seq, "to": row.to_seq,
                  "entries": row.entries, "breaks": row.breaks, "found": listed}  # fmt: skip
        text = f"{schema}: {row.entries} entries, {row.from_seq} to {row.to_seq}, "
        text += "intact" if not row.breaks else f"{row.breaks} breaks"
        self._say(options, report, "\n".join([text, *(f"  {item['kind']}: {item['detail']}" for item in listed)]))
        return 1 if row.breaks else 0

    def _say(self, options: dict[str, Any], report: dict[str, Any], text: str) -> None:
        self.stdout.write(json.dumps(report) if options["json"] else text)
