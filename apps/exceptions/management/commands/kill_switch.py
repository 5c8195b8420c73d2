"""`manage.py kill_switch engage --tenant acme --reason …`: the operator's kill switch and break glass, for scripts."""

import getpass
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.decision.errors import AppError
from apps.exceptions.services import break_glass, fleet, kill_switch
from apps.exceptions.services.break_glass import DEFAULT_MINUTES, MAX_MINUTES
from apps.tenants.context import in_tenant
from apps.tenants.services import schema_of_slug

VERBS = ("status", "engage", "release", "break_glass", "mend")


class Command(BaseCommand):
    help = (
        "Stop all agents of one tenant or of all, let them act again, or lift a stop for a limited time. `engage` and"
        " `mend` return when they hold for every call. Every change is an entry in the log of each tenant concerned."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("verb", choices=VERBS, help="what to do; `status` changes nothing")
        whom = parser.add_mutually_exclusive_group(required=True)
        whom.add_argument("--fleet", action="store_true", help="all tenants of this installation")
        whom.add_argument("--tenant", metavar="SLUG", help="one tenant")
        parser.add_argument("--reason", default="", help="why, at least ten characters; goes into the log")
        parser.add_argument("--by", default=getpass.getuser(), help="who does it (default: your user name here)")
        parser.add_argument("--agent", default="", metavar="ID", help="break_glass: for this agent only, not for all")
        parser.add_argument("--lift", default="", metavar="ID", help="mend: this lift only, not all of the tenant's")
        parser.add_argument(
            "--minutes", type=int, default=DEFAULT_MINUTES, help=f"break_glass: for how long, at most {MAX_MINUTES}"
        )
        parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")

    def handle(self, *args: Any, **options: Any) -> None:
        verb, slug = options["verb"], options["tenant"]
        if options["fleet"] and verb in {"break_glass", "mend"}:
            raise CommandError(f"{verb} is done for one tenant at a time: give --tenant")
        try:
            schema = schema_of_slug(slug) if slug else ""
            if verb != "status":
                self._confirm(verb, slug or "ALL tenants of this installation", options)
                self._turn(verb, schema, options)
            self._status(schema)
        except AppError as error:
            fields = "; ".join(f"{name}: {why}" for name, why in error.fields.items())
            raise CommandError(f"{error.detail} {fields}".strip()) from error

    def _confirm(self, verb: str, whom: str, options: dict[str, Any]) -> None:
        kill_switch.checked(options["reason"])
        if options["yes"]:
            return
        word = verb.replace("_", " ")
        try:
            answer = input(f"{word} for {whom}? Type {word!r} to go on: ")
        except EOFError:
            answer = ""
        if answer.strip() != word:
            raise CommandError("Not confirmed, so nothing was done. Scripts give --yes.")

    def _turn(self, verb: str, schema: str, options: dict[str, Any]) -> None:
        words = {"reason": options["reason"], "actor": f"operator:{options['by']}"}
        if verb == "break_glass":
            break_glass.break_glass(schema, **words, minutes=options["minutes"], agent_id=options["agent"])
        elif verb == "mend":
            break_glass.mend(schema, **words, lift_id=options["lift"])
        elif schema:
            with in_tenant(schema):
                announced = (kill_switch.engage if verb == "engage" else kill_switch.release)(**words)
            self._say_announced(announced)
        else:
            told = (fleet.engage_fleet if verb == "engage" else fleet.release_fleet)(**words)
            self.stdout.write(f"told {len(told.told)} tenants")
            for name in told.failed:
                self.stderr.write(f"not told yet, and tried again by the worker: {name}")
            self._say_announced(told.announced)

    def _say_announced(self, announced: bool) -> None:
        if not announced:
            self.stderr.write("Redis could not be told. A stop holds all the same; a release waits for Redis.")

    def _status(self, schema: str) -> None:
        stop = fleet.current()
        if not schema:
            self.stdout.write(f"fleet: {_text(stop)}")
            return
        with in_tenant(schema):
            standing = kill_switch.standing()
        self.stdout.write(f"tenant: {_text(standing.tenant)}")
        self.stdout.write(f"fleet: {_text(stop)}")
        for lift in standing.lifts:
            until = lift.expires_at.isoformat(timespec="seconds")
            self.stdout.write(
                f"glass broken for {lift.agent_id or 'all agents'} until {until} by {lift.broken_by} (lift {lift.pk})"
            )


def _text(stop: Any) -> str:
    if stop is None:
        return "not stopped"
    return f"stopped since {stop.engaged_at.isoformat(timespec='seconds')} by {stop.engaged_by}: {stop.reason}"
