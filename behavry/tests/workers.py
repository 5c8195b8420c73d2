"""Test processes beside each other (`pytest -n`): each has a copy of the run's database and a Redis of its own.

Loaded with `-p`, before Django reads its settings. Without `-n` this does nothing.
"""

import os
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from behavry import embedded

_WORKER = "PYTEST_XDIST_WORKER"


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, None, None]:
    if _WORKER in os.environ and "BEHAVRY_OWNER_DATABASE_URL" in os.environ:
        own = ExitStack()
        early_config.add_cleanup(own.close)
        os.environ.update(_copied(os.environ[_WORKER], own))
    return (yield)


def _copied(worker: str, own: ExitStack) -> dict[str, str]:
    owner = os.environ["BEHAVRY_OWNER_DATABASE_URL"]
    name = urlsplit(owner).path.lstrip("/")
    with psycopg.connect(_named(owner, "postgres"), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}_{worker}" TEMPLATE "{name}"')
    var = Path(os.environ["BEHAVRY_TEST_VAR"]) / worker
    return {
        "DATABASE_URL": _named(os.environ["DATABASE_URL"], f"{name}_{worker}"),
        "BEHAVRY_OWNER_DATABASE_URL": _named(owner, f"{name}_{worker}"),
        "REDIS_URL": own.enter_context(embedded.redis_server(var)),
    }


def _named(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))
