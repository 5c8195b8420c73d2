"""`make reset`: forget the data of `make run`; a database server that a killed run left behind is stopped first."""

import shutil
import sys
from pathlib import Path

from behavry.embedded import ROOT, ServiceError, postgres


def main() -> int:
    var = ROOT / "var"
    data = var / "postgres"
    if (data / "PG_VERSION").exists():
        try:
            with postgres(data):  # takes over a running server, and stops it at the end
                pass
        except ServiceError as error:
            print(error, file=sys.stderr)  # noqa: T201 - this is a command line
    forget(var)
    print("the data of make run is gone; the next run starts afresh")  # noqa: T201 - this is a command line
    return 0


def forget(var: Path) -> None:
    shutil.rmtree(var, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
