"""Every template that a policy may start from compiles and does what it says."""

from typing import Any

import pytest

from apps.decision.types import Effect, Ruling
from apps.policies import base, checking
from apps.policies.assembly import Source
from apps.policies.authorizer import ProgramAuthorizer
from apps.policies.plans import program_once
from apps.policies.tests.examples import document

TEMPLATES = sorted((base.folder() / "templates").glob("*.rego"))
MONDAY_NOON, SUNDAY_NOON = 1767614400 * 10**9, 1767528000 * 10**9


@pytest.mark.parametrize("name", [path.stem for path in TEMPLATES])
def test_it_can_be_saved_as_it_is(name: str) -> None:
    content = (base.folder() / "templates" / f"{name}.rego").read_text()
    assert checking.slug_of(content) == name
    checking.check(content, name)


def asked(name: str, *, time_ns: int = MONDAY_NOON, findings: list[Any] | None = None, **request: Any) -> Ruling:
    content = (base.folder() / "templates" / f"{name}.rego").read_text()
    plain = {"resource_kind": "filesystem", "parameters": {}, "resource": "", "mcp_server": "files"}
    made = document(**(plain | request))
    made["agent"]["permissions"] = ["*:*"]
    made["context"]["time_ns"] = time_ns
    made["dlp"]["findings"] = findings or []
    return ProgramAuthorizer(program_once([Source(name, content)]))(made)


def test_it_escalates_changes_outside_of_business_hours() -> None:
    assert asked("business_hours", action="write").result is Effect.ALLOW
    assert asked("business_hours", action="write", time_ns=SUNDAY_NOON).policy == "tenant.business_hours.after_hours"
    assert asked("business_hours", action="read", time_ns=SUNDAY_NOON).result is Effect.ALLOW


def test_it_keeps_file_tools_in_the_workspace() -> None:
    assert asked("workspace", action="read", parameters={"path": "/srv/workspace/a"}).result is Effect.ALLOW
    outside = asked("workspace", action="read", parameters={"path": "/srv/workspaces/a"})
    assert outside.policy == "filesystem.roots"


def test_it_keeps_some_roles_to_reading() -> None:
    assert asked("read_only_roles", action="read").result is Effect.ALLOW
    assert asked("read_only_roles", action="send").policy == "tenant.read_only_roles.not_a_read"


def test_it_holds_back_what_is_sensitive() -> None:
    found = [{"pattern": "iban", "severity": "high", "location": "$", "action": "log"}]
    assert asked("sensitive_findings", action="send").result is Effect.ALLOW
    assert asked("sensitive_findings", action="send", findings=found).result is Effect.ESCALATE


def test_it_allows_the_tools_that_are_listed() -> None:
    assert asked("allowed_tools", action="read", tool_name="read_file").result is Effect.ALLOW
    assert asked("allowed_tools", action="read", tool_name="edit_file").result is Effect.DENY


def test_it_shows_a_policy_in_its_readme_that_can_be_saved() -> None:
    text = (base.folder() / "README.md").read_text()
    content = text.split("```rego\n")[1].split("```")[0]
    checking.check(content, checking.slug_of(content))


@pytest.mark.parametrize("tier", ["high", "critical"])
def test_it_refuses_risky_agents_that_name_nobody(tier: str) -> None:
    content = (base.folder() / "templates" / "require_requester.rego").read_text()
    judge = ProgramAuthorizer(program_once([Source("require_requester", content)]))

    def ruled(risk_tier: str, requester: str, action: str = "read") -> Ruling:
        made = document(action=action, resource_kind="filesystem", parameters={}, resource="", mcp_server="files")
        made["agent"] |= {"permissions": ["*:*"], "risk_tier": risk_tier}
        made["requester"]["id"] = requester
        return judge(made)

    assert ruled(tier, "").policy == "tenant.require_requester.nobody_named"
    assert ruled(tier, "").result is Effect.DENY
    assert ruled(tier, "mira").result is not Effect.DENY
    assert ruled("low", "").result is Effect.ALLOW
    assert ruled(tier, "", "initialize").policy != "tenant.require_requester.nobody_named"
