"""The scanners on the command line, without a database: `python -m apps.decision.scan COMMAND`."""

import argparse
import sys
from types import ModuleType

from apps.decision.scan import dlp_command, inbound_command

# A command is a module with NAME, HELP, DESCRIPTION, configure(parser) and run(arguments, lines, out).
COMMANDS: tuple[ModuleType, ...] = (dlp_command, inbound_command)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m apps.decision.scan", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        sub = commands.add_parser(command.NAME, help=command.HELP, description=command.DESCRIPTION)
        command.configure(sub)
        sub.set_defaults(run=command.run)
    arguments = parser.parse_args(argv)
    status: int = arguments.run(arguments, sys.stdin.buffer, sys.stdout.buffer)
    return status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (BrokenPipeError, KeyboardInterrupt):
        sys.exit(1)
