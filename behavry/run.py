"""`make run`: everything on one machine, with a demo that shows calls being allowed, denied and recorded.

Starts what is missing (PostgreSQL, Redis), migrates, seeds the tenant `demo`, starts web, worker and beat, drives the
demo agent, verifies the log, and serves until Ctrl-C. A second run keeps the data; `make reset` forgets it.
"""

import argparse
import fcntl
import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

import httpx
import psycopg

from behavry import embedded
from behavry.embedded import ROOT, ServiceError, Services
from behavry.processes import Processes

DATABASE = "behavry"
READY_SECONDS = 60.0


class Stop(BaseException):
    """Ctrl-C or a termination signal, wherever the run stands."""


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - this is a command line


def secret_key(var: Path) -> str:
    """The development secret, made once and kept beside the data that it seals."""
    path = var / "secret_key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32))
    return path.read_text()


def prepare_database(found: Services) -> None:
    with psycopg.connect(found.owner_url, autocommit=True) as connection:
        row = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
        if row is None:
            connection.execute(f'CREATE DATABASE "{DATABASE}"')


def migrate_if_needed(var: Path, env: dict[str, str]) -> None:
    """Skips the migration when the code's migrations are those of the last successful one on this database."""
    stamp = var / "migrated"
    digest = embedded.migrations_digest()
    if stamp.exists() and stamp.read_text() == digest:
        return
    say("migrating the database …")
    embedded.migrate(env)
    stamp.write_text(digest)


def process_environment(var: Path, found: Services, port: int) -> dict[str, str]:
    own = not os.environ.get("DATABASE_URL")
    password = "" if own else secret_key(var)
    database = embedded.environment(found, DATABASE, app_password=password) if own else _real(found, password)
    return {
        **os.environ,
        "BEHAVRY_ENV": "development",
        "BEHAVRY_SECRET_KEY": secret_key(var),
        "BEHAVRY_APP_DATABASE_PASSWORD": password,
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        **database,
    }


def _real(found: Services, password: str) -> dict[str, str]:
    name = str(psycopg.conninfo.conninfo_to_dict(found.owner_url).get("dbname", DATABASE))
    return embedded.environment(found, name, app_password=password)


def await_ready(processes: Processes, base_url: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        processes.raise_if_any_ended()
        try:
            if httpx.get(f"{base_url}/health/ready", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise ServiceError(f"The web process was not ready within {READY_SECONDS:.0f} s; its log is {processes.log('web')}")


def write_environment(var: Path, env: dict[str, str]) -> None:
    """var/env: what a command needs to work on this run's data; `make manage` reads it."""
    path = var / "env"
    path.touch(mode=0o600)
    names = ("BEHAVRY_ENV", "BEHAVRY_SECRET_KEY", "DATABASE_URL", "REDIS_URL")
    path.write_text("".join(f"export {name}={shlex.quote(env[name])}\n" for name in names))


def await_worker(env: dict[str, str], processes: Processes) -> None:
    """The worker answers before "ready" is said; beat and the others must be alive then too."""
    ping = [sys.executable, "-m", "celery", "-A", "behavry", "inspect", "ping", "-t", "2"]
    deadline = time.monotonic() + READY_SECONDS
    while subprocess.run(ping, env=env, cwd=ROOT, capture_output=True, check=False).returncode != 0:  # noqa: S603
        processes.raise_if_any_ended()
        if time.monotonic() > deadline:
            raise ServiceError(f"The worker does not answer; its log is {processes.log('worker')}")
    processes.raise_if_any_ended()


@contextmanager
def alone(var: Path) -> Iterator[None]:
    """One run per directory: two would move each other's demo servers."""
    var.mkdir(parents=True, exist_ok=True)
    with (var / "run.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ServiceError("A run is on in this directory already. Stop it first (Ctrl-C where it runs).") from None
        yield


def run(var: Path, port: int, *, serve: bool) -> int:
    from behavry.demo import show  # the demo needs the MCP client, which takes a while to import

    started = time.monotonic()
    with ExitStack() as stack:
        stack.enter_context(alone(var))
        say("starting PostgreSQL and Redis …")
        found = stack.enter_context(embedded.services(var))
        env = process_environment(var, found, port)
        if not os.environ.get("DATABASE_URL"):
            prepare_database(found)
        migrate_if_needed(var, env)
        write_environment(var, env)
        base_url = f"http://localhost:{port}"
        processes = stack.enter_context(Processes(env, var / "log"))
        web_port = embedded.free_port()
        say("preparing the tenant demo, its agent and its two MCP servers …")
        demo = show.seed(env, var, web_port=web_port)
        say("starting web, worker and beat …")
        python = sys.executable
        processes.start("demo-web", [python, "-m", "behavry.demo.web_server", "--port", str(web_port)])
        uvicorn = ["-m", "uvicorn", "behavry.asgi:application", "--host", "127.0.0.1", "--port", str(port)]
        uvicorn += ["--http", "apps.gateway.serving:HttpProtocol"]
        processes.start("web", [python, *uvicorn, "--log-level", "warning", "--timeout-graceful-shutdown", "5"])
        processes.start(
            "worker", [python, "-m", "celery", "-A", "behavry", "worker", "--concurrency", "1", "-l", "WARNING"]
        )
        beat_file = str(var / "celerybeat-schedule")
        processes.start("beat", [python, "-m", "celery", "-A", "behavry", "beat", "-s", beat_file, "-l", "WARNING"])
        await_ready(processes, base_url)
        say("driving the demo agent through the official MCP client …\n")
        ok = show.drive(demo, base_url)
        ok = show.verify(env) and ok
        await_worker(env, processes)
        say(show.farewell(demo, base_url, seconds=time.monotonic() - started))
        while serve:
            processes.raise_if_any_ended()
            time.sleep(0.5)
        return 0 if ok else 1


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def main() -> int:
    parser = argparse.ArgumentParser(prog="make run", description=__doc__)
    parser.add_argument("--port", default=os.environ.get("PORT", "8000"), help="default 8000")
    parser.add_argument("--once", action="store_true", help="stop after the demo instead of serving")
    options = parser.parse_args()
    var = Path(os.environ.get("BEHAVRY_VAR", ROOT / "var")).resolve()
    if not options.port.isdecimal() or not 1 <= int(options.port) <= 65535:
        say(f"PORT must be a number from 1 to 65535, not {options.port!r}")
        return 1
    port = int(options.port)
    if not port_is_free(port):
        say(f"Port {port} is taken. Choose another: make run PORT={port + 1}")
        return 1

    def stop(number: int, frame: FrameType | None) -> None:
        raise Stop

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    try:
        return run(var, port, serve=not options.once)
    except Stop:
        say("\nstopped; the data stays in var/ (make reset forgets it)")
        return 0
    except ServiceError as error:
        say(f"\n{error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
