"""The package as its users see it: installed under its own name, typed, against the real token endpoint."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from apps.agents import services as agents
from apps.tenants import services as tenants
from apps.tenants.context import in_tenant

SOURCE = Path(__file__).resolve().parents[1] / "src"
ROOT = Path(__file__).resolve().parents[3]
HOST = "127.0.0.77"  # a tenant is found by its host; this one is on every machine and nobody else's
SCRIPT = """
import asyncio, json
from behavry import Behavry, TokenRefused
from behavry.mcp import connect
behavry = Behavry()
first = behavry.token()
second = asyncio.run(behavry.areplace(first))
try:
    Behavry(client_secret="wrong").token()
except TokenRefused as error:
    print(json.dumps([first, second, error.code]))
"""


def run(arguments: list[str], env: dict[str, str], cwd: Path) -> "subprocess.CompletedProcess[str]":
    plain = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"}}
    return subprocess.run(
        [sys.executable, *arguments], env={**plain, **env}, cwd=cwd, capture_output=True, text=True, timeout=120
    )


def test_it_is_typed_throughout(tmp_path: Path) -> None:
    found = run(
        ["-m", "mypy", "--strict", "--cache-dir", str(tmp_path), "-p", "behavry"], {"MYPYPATH": str(SOURCE)}, tmp_path
    )
    assert found.returncode == 0, found.stdout + found.stderr
    assert (SOURCE / "behavry" / "py.typed").exists()


@pytest.mark.processes
def test_it_gets_tokens_from_the_real_endpoint(fresh_tenant: Callable[[], str], tmp_path: Path) -> None:
    tenant = tenants.create_tenant(name="SDK", slug="sdk", hosts=[HOST])
    with in_tenant(tenant.schema_name):
        made = agents.register(name="sdk", actor="system")
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen()
        server = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "behavry.asgi:application", "--fd", str(listener.fileno())],
            cwd=ROOT,
            pass_fds=[listener.fileno()],
            env={**os.environ, "BEHAVRY_ALLOWED_HOSTS": "*"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            url = f"http://{HOST}:{listener.getsockname()[1]}"
            env = {"PYTHONPATH": str(SOURCE), "BEHAVRY_URL": url}
            env |= {"BEHAVRY_CLIENT_ID": made.agent.client_id, "BEHAVRY_CLIENT_SECRET": made.client_secret}
            found = run(["-c", SCRIPT], env, tmp_path)
            metadata: Any = httpx.get(f"{url}/.well-known/oauth-authorization-server", timeout=30).json()
        finally:
            server.terminate()
            try:
                server.wait(20)
            finally:
                server.kill()
    assert found.returncode == 0, found.stderr
    assert metadata["token_endpoint"].endswith(f"{HOST}:{url.rpartition(':')[2]}/api/v1/auth/token")
    first, second, code = json.loads(found.stdout)
    assert first != second
    assert code == "invalid_client"
