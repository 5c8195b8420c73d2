"""The scripted agent against in-process servers that allow, refuse in both forms, hide and break."""

import re

import pytest
from mcp import Client, MCPError
from mcp.server import Server, ServerRequestContext
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    TextContent,
    Tool,
)
from mcp_types import PaginatedRequestParams as Page

from behavry.demo import agent
from behavry.demo.agent import Outcome, Planned, Step
from behavry.demo.clients import Era

REFUSAL = {"decision": "deny", "reason": "Not for you", "policy": "filesystem.secrets", "event_id": "e-1"}
SECRET_FOUND = {"decision": "deny", "reason": "A key was found", "policy": "dlp.cloud_key", "event_id": "e-2"}


def _error(structured: dict[str, object] | None = None, meta: dict[str, object] | None = None) -> CallToolResult:
    return CallToolResult(content=[TextContent(text="no")], is_error=True, structured_content=structured, _meta=meta)


async def _call(_ctx: ServerRequestContext[object, object], params: CallToolRequestParams) -> CallToolResult:
    match params.name:
        case "allowed":
            return CallToolResult(content=[TextContent(text="done")])
        case "refused_by_error":
            raise MCPError(-32001, "Denied", dict(REFUSAL))
        case "refused_by_result":
            return _error(structured=dict(REFUSAL))
        case "refused_by_meta":
            return _error(meta={"com.example/decision": dict(SECRET_FOUND)})
        case "broken":
            return _error()
        case "crashing":
            raise MCPError(INTERNAL_ERROR, "Internal server error")
        case unknown:
            raise MCPError(INVALID_PARAMS, f"Unknown tool: {unknown}")


async def _list(_ctx: ServerRequestContext[object, object], _params: Page | None) -> ListToolsResult:
    return ListToolsResult(tools=[Tool(name="allowed", input_schema={"type": "object"})])


async def _take(planned: Planned, era: Era) -> Step:
    server: Server[object] = Server("stub", on_call_tool=_call, on_list_tools=_list)
    async with Client(server, mode=era.value) as client:
        return await agent.take(client, "stub", planned)


@pytest.mark.parametrize("era", list(Era))
@pytest.mark.parametrize(
    ("tool", "outcome", "event_id"),
    [
        ("allowed", Outcome.ALLOWED, ""),
        ("refused_by_error", Outcome.DENIED, "e-1"),
        ("refused_by_result", Outcome.DENIED, "e-1"),
        ("refused_by_meta", Outcome.BLOCKED, "e-2"),
        ("unheard_of", Outcome.HIDDEN, ""),
        ("broken", Outcome.FAILED, ""),
        ("crashing", Outcome.FAILED, ""),
    ],
)
async def test_it_says_what_became_of_a_call(tool: str, outcome: Outcome, event_id: str, era: Era) -> None:
    step = await _take(Planned(tool, "try it", {}, Outcome.ALLOWED), era)
    assert (step.outcome, step.event_id) == (outcome, event_id)
    assert step.as_expected is (outcome is Outcome.ALLOWED)


async def test_it_finds_a_tool_missing_from_the_listing() -> None:
    hidden = await _take(Planned("", "look", {}, Outcome.HIDDEN, absent="delete_file"), Era.AUTO)
    assert hidden.as_expected
    offered = await _take(Planned("", "look", {}, Outcome.HIDDEN, absent="allowed"), Era.AUTO)
    assert not offered.as_expected


def test_it_makes_new_secret_shaped_strings_every_time() -> None:
    assert re.fullmatch(r"AKIA[A-Z2-7]{16}", agent.cloud_key())
    assert agent.cloud_key() != agent.cloud_key()
    assert agent.private_key().count("PRIVATE KEY") == 2


def test_it_prints_an_aligned_table_without_the_secrets_it_sent() -> None:
    steps = [
        Step("files", "read_file", "read it", Outcome.ALLOWED, "allow", "", "", Outcome.ALLOWED),
        Step("web", "post_message", "post", Outcome.BLOCKED, "deny", "A key (dlp.x)", "e", Outcome.BLOCKED),
    ]
    heading, first, second = agent.table(steps)
    assert heading.index("outcome") == first.index("allowed") == second.index("dlp-blocked")


def test_its_script_shows_every_outcome() -> None:
    planned = [step for steps in agent.script().values() for step in steps]
    assert len(planned) >= 10
    assert {step.expected for step in planned} == set(Outcome) - {Outcome.FAILED}
