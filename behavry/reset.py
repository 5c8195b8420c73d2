"""`make reset`: forget the data of `make run`; a database server that a killed run left behind is stopped first."""

import shutil
import sys
from pathlib import Path

from behavry.embedded import ROOT, ServiceError, postgres
from behavry.run import alone

KEPT = {"test", "conformance"}


def main() -> int:
    var = ROOT / "var"
    try:
        with alone(var):
            if (var / "postgres" / "PG_VERSION").exists():
                with postgres(var / "postgres"):  # takes over a running server, and stops it at the end
                    pass
            forget(var)
    except ServiceError as error:
        print(error, file=sys.stderr)  # noqa: T201 - this is a command line
        return 1
    print("the data of make run is gone; the next run starts afresh")  # noqa: T201 - this is a command line
    return 0


def forget(var: Path) -> None:
    """Everything of a run; what tests and the conformance suite have installed there stays."""
    for path in var.iterdir():
        if path.is_dir() and path.name not in KEPT:
            shutil.rmtree(path, ignore_errors=True)
        elif path.is_file():
            path.unlink()


if __name__ == "__main__":
    sys.exit(main())
