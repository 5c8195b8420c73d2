"""Makes the tenant `demo` with an admin, an agent and two MCP servers; doing it again changes only what moved.

Run by `make run` as `python -m behavry.demo.seed STATE.json --web-port N`. What a person or the demo agent needs to log
in is written to STATE.json (mode 0600), since secrets are shown once and kept hashed.
"""

import argparse
import json
import os
import secrets
import sys
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "behavry.settings")
django.setup()

from django.contrib.auth.models import Group, User  # noqa: E402 - models need Django's app registry first

from apps.agents import services  # noqa: E402
from apps.agents.models import Agent, McpServer  # noqa: E402
from apps.policies.services import limits  # noqa: E402
from apps.tenants.context import in_operator, in_tenant  # noqa: E402
from apps.tenants.models import Tenant, TenantConfig  # noqa: E402
from apps.tenants.services import create_tenant  # noqa: E402
from behavry.demo.person import AGENT  # noqa: E402

FILES = {
    "notes/plan.md": "# Plan\n\nOpen at nine, close at six. Ask Mira about the garden.\n",
    "notes/ideas.md": "- a bench under the tree\n- longer hours in June\n",
    ".env": "GREETING=hello\n",
}
HOSTS = ["localhost", "127.0.0.1", "demo.localhost"]
CALLS_PER_MINUTE = 600  # whoever tries things out by hand is not to wait
PERMISSIONS = ["filesystem:read", "filesystem:write", "web:read", "web:send"]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m behavry.demo.seed", description=__doc__)
    parser.add_argument("state", type=Path)
    parser.add_argument("--web-port", type=int, required=True, help="where the demo web server will listen")
    options = parser.parse_args()
    seed(options.state, options.web_port)
    return 0


def seed(path: Path, web_port: int) -> None:
    state: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    with in_operator():
        exists = Tenant.objects.filter(slug="demo").exists()
    if not exists:
        create_tenant(name="Demo", slug="demo", hosts=HOSTS)
        state = {}
    _operator(state)
    with in_operator():
        TenantConfig.objects.filter(tenant__slug="demo").update(max_rpm_per_agent=CALLS_PER_MINUTE)
    with in_tenant("t_demo"):
        _admin(state)
        _agent(state)
        _servers(path.parent / "demo-files", web_port)
        limits.configure_rate_limits(
            actor="system", changes={"per_minute": CALLS_PER_MINUTE, "burst": CALLS_PER_MINUTE}
        )
    path.touch(mode=0o600)
    path.write_text(json.dumps(state))


def _operator(state: dict[str, Any]) -> None:
    if "operator_password" not in state or not User.objects.filter(username="operator").exists():
        state["operator_password"] = secrets.token_urlsafe(12)
        User.objects.filter(username="operator").delete()
        User.objects.create_superuser("operator", password=state["operator_password"])


def _admin(state: dict[str, Any]) -> None:
    if "admin_password" in state and User.objects.filter(username="admin").exists():
        return
    state["admin_password"] = secrets.token_urlsafe(12)
    user, _ = User.objects.get_or_create(username="admin")
    user.is_staff = True
    user.set_password(state["admin_password"])
    user.save()
    user.groups.add(Group.objects.get_or_create(name="admin")[0])


def _agent(state: dict[str, Any]) -> None:
    agent = Agent.objects.filter(name=AGENT).first()
    if agent is not None and state.get("client_id") == agent.client_id:
        return
    if agent is None:
        made = services.register(name=AGENT, actor="system", owner="demo", permissions=PERMISSIONS)
    else:
        made = services.rotate_secret(agent.pk, actor="system")
    state["agent_id"], state["client_id"], state["client_secret"] = (
        str(made.agent.pk),
        made.agent.client_id,
        made.client_secret,
    )


def _servers(directory: Path, web_port: int) -> None:
    for name, text in FILES.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    command = [sys.executable, "-m", "behavry.demo.files_server", str(directory)]
    url = f"http://127.0.0.1:{web_port}/mcp"
    root = str(Path(__file__).resolve().parents[2])
    wanted: dict[str, dict[str, Any]] = {
        "files": {"kind": "filesystem", "transport": "stdio", "command": command, "environment": {"PYTHONPATH": root}},
        "web": {"kind": "web", "transport": "http", "url": url},
    }
    for name, fields in wanted.items():
        server = McpServer.objects.filter(name=name).first()
        if server is None:
            services.register_server(name=name, actor="system", description="part of the demo", **fields)
        else:
            services.update_server(server.pk, actor="system", changes=fields)


if __name__ == "__main__":
    sys.exit(main())
