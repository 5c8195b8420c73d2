"""The fixture's tools: plain results, progress, logs, and requests to the client of a stateful connection."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import anyio
import mcp_types as types
from mcp.server import ServerRequestContext
from mcp.server.subscriptions import PromptsListChanged, ServerEvent, SubscriptionBus, ToolsListChanged
from mcp.shared.exceptions import MCPError

from behavry.conformance import content
from behavry.conformance.content import Schema, text

Context: TypeAlias = ServerRequestContext[Any, Any]
Answer: TypeAlias = (
    types.CallToolResult | types.InputRequiredResult | dict[str, Any]
)  # a dict: a result of an extension
Run: TypeAlias = Callable[[Context, types.CallToolRequestParams], Awaitable[Answer]]

PAUSE = 0.05  # the suite asks for this gap between notifications of one call


@dataclass(frozen=True, slots=True)
class FixtureTool:
    name: str
    description: str
    run: Run
    schema: Schema = field(default_factory=content.object_schema)

    def listed(self) -> types.Tool:
        return types.Tool(name=self.name, description=self.description, input_schema=self.schema)


def _returns(*blocks: types.ContentBlock, is_error: bool = False) -> Run:
    async def run(_ctx: Context, _params: types.CallToolRequestParams) -> Answer:
        return types.CallToolResult(content=list(blocks), is_error=is_error)

    return run


def _said(value: str) -> types.CallToolResult:
    return types.CallToolResult(content=[text(value)])


def _argument(params: types.CallToolRequestParams, name: str) -> str:
    value = (params.arguments or {}).get(name)
    if not isinstance(value, str):
        raise MCPError(types.INVALID_PARAMS, f"The argument {name!r} must be a string")
    return value


async def _with_logging(ctx: Context, _params: types.CallToolRequestParams) -> Answer:
    for note in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await ctx.session.send_log_message("info", note, related_request_id=ctx.request_id)
        await anyio.sleep(PAUSE)
    return _said("Three log messages were sent.")


async def _with_progress(ctx: Context, _params: types.CallToolRequestParams) -> Answer:
    for done in (0, 50, 100):
        await ctx.session.report_progress(done, 100)
        await anyio.sleep(PAUSE)
    return _said("Progress was reported.")


async def _sampling(ctx: Context, params: types.CallToolRequestParams) -> Answer:
    prompt = types.SamplingMessage(role="user", content=text(_argument(params, "prompt")))
    result = await ctx.session.create_message([prompt], max_tokens=100, related_request_id=ctx.request_id)
    answer = result.content.text if isinstance(result.content, types.TextContent) else result.content.type
    return _said(f"LLM response: {answer}")


def _elicits(schema: Schema, message: str, answer: str) -> Run:
    async def run(ctx: Context, params: types.CallToolRequestParams) -> Answer:
        asked = message or _argument(params, "message")
        result = await ctx.session.elicit_form(asked, schema, related_request_id=ctx.request_id)
        return _said(f"{answer}: action={result.action}, content={json.dumps(result.content or {})}")

    return run


async def _reconnection(ctx: Context, _params: types.CallToolRequestParams) -> Answer:
    """Close the stream in the middle of the call; the client picks the answer up with Last-Event-ID."""
    if ctx.close_sse_stream is not None:
        await ctx.close_sse_stream()
    await anyio.sleep(2 * PAUSE)
    return _said("The call outlived its first stream.")


async def _missing_capability(ctx: Context, _params: types.CallToolRequestParams) -> Answer:
    declared = ctx.session.client_capabilities
    if declared is None or declared.sampling is None:
        raise MCPError(
            types.MISSING_REQUIRED_CLIENT_CAPABILITY,
            "This tool needs the sampling capability",
            {"requiredCapabilities": {"sampling": {}}},
        )
    return _said("The client can sample.")


async def _mirrored(_ctx: Context, params: types.CallToolRequestParams) -> Answer:
    return _said(f"region={_argument(params, 'region')}")


def _publishes(bus: SubscriptionBus, event: ServerEvent) -> Run:
    async def run(_ctx: Context, _params: types.CallToolRequestParams) -> Answer:
        await bus.publish(event)
        return _said("The change was announced.")

    return run


def plain_tools(bus: SubscriptionBus) -> tuple[FixtureTool, ...]:
    user = content.object_schema(
        ("username", "email"),
        username={"type": "string", "description": "User's response"},
        email={"type": "string", "description": "User's email address"},
    )
    mixed = (
        text("Multiple content types test:"),
        content.image(),
        content.embedded("test://mixed-content-resource", '{"test":"data","value":123}', "application/json"),
    )
    message = content.object_schema(("message",), message={"type": "string"})
    prompt = content.object_schema(("prompt",), prompt={"type": "string"})
    region = content.object_schema(("region",), region={"type": "string", "x-mcp-header": "Region"})
    return (
        # The suite calls whatever is listed first; by the order given here and by name that is this one.
        FixtureTool("about", "Says what this is", _returns(text("A fixture for the MCP conformance suite."))),
        FixtureTool("test_simple_text", "One text", _returns(text("This is a simple text response for testing."))),
        FixtureTool("test_image_content", "One image", _returns(content.image())),
        FixtureTool("test_audio_content", "One sound", _returns(content.audio())),
        FixtureTool(
            "test_embedded_resource",
            "One embedded resource",
            _returns(content.embedded("test://embedded-resource", "This is an embedded resource content.")),
        ),
        FixtureTool("test_multiple_content_types", "Text, image and resource", _returns(*mixed)),
        FixtureTool(
            "test_error_handling",
            "Always fails",
            _returns(text("This tool intentionally returns an error for testing"), is_error=True),
        ),
        FixtureTool("test_tool_with_logging", "Logs while it runs", _with_logging),
        FixtureTool("test_logging_tool", "Logs only for who asked", _with_logging),
        FixtureTool("test_tool_with_progress", "Reports progress", _with_progress),
        FixtureTool("test_sampling", "Asks the client's model", _sampling, prompt),
        FixtureTool("test_elicitation", "Asks the user", _elicits(user, "", "User response"), message),
        FixtureTool(
            "test_elicitation_sep1034_defaults",
            "Asks with defaults",
            _elicits(content.ELICITED_DEFAULTS, "Please check the defaults", "Elicitation completed"),
        ),
        FixtureTool(
            "test_elicitation_sep1330_enums",
            "Asks with choices",
            _elicits(content.ELICITED_ENUMS, "Please choose", "Elicitation completed"),
        ),
        FixtureTool("test_reconnection", "Closes its stream while it runs", _reconnection),
        FixtureTool("test_missing_capability", "Needs sampling", _missing_capability),
        FixtureTool("test_mirrored_argument", "An argument that is also a header", _mirrored, region),
        FixtureTool(
            "json_schema_2020_12_tool",
            "A schema full of keywords",
            _returns(text("Nothing was checked.")),
            content.JSON_SCHEMA_2020_12,
        ),
        FixtureTool("test_trigger_tool_change", "Announces new tools", _publishes(bus, ToolsListChanged())),
        FixtureTool("test_trigger_prompt_change", "Announces new prompts", _publishes(bus, PromptsListChanged())),
    )
