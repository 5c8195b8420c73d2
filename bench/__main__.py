"""`make bench`: every figure of the product's promise in one run, on this machine, as a table or as JSON lines.

Ratios compare things measured seconds apart on the same box; absolute figures are only as good as the box. Load
generator, upstream, database, Redis and the gateway share its cores, so nothing here says what a bigger machine does.
"""

import argparse
import json
import os
import sys
from importlib import import_module
from typing import Any

import django
from django.core.exceptions import ImproperlyConfigured

NAMES = ("decisions", "scanning", "inbound", "results", "appends", "tenants", "killswitch", "replay", "calls")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="JSON lines alone")
    parser.add_argument("--calls", type=int, default=100_000, help="length of the memory run (default 100,000)")
    parser.add_argument("--trials", type=int, default=200, help="of the kill switch (default 200)")
    parser.add_argument("--only", choices=NAMES, action="append")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "behavry.settings")
    os.environ.setdefault("BEHAVRY_LOG_LEVEL", "ERROR")  # log lines go to stdout too, which is the figures' alone
    try:
        django.setup()
    except ImproperlyConfigured as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    figures = import_module("bench.figures")  # its models need Django's app registry, and --help needs neither
    found: dict[str, Any] = {}
    for name, measure in figures.measures(options.calls, options.trials):
        if options.only and name not in options.only:
            continue
        if not options.json:
            print(f"measuring {name} …", file=sys.stderr, flush=True)
        measured = measure()
        found.update({**measured, "notes": [*found.get("notes", []), *measured.get("notes", [])]})
        if options.json:
            print(json.dumps(measured), flush=True)
    if not options.json:
        figures.table(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
