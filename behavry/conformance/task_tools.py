"""The fixture's tools that become tasks for a client that declared the extension."""

from collections.abc import Callable
from typing import TypeAlias

import anyio
import mcp_types as types
from mcp.shared.exceptions import MCPError

from behavry.conformance.content import object_schema, text
from behavry.conformance.rounds import asks_user, elicited
from behavry.conformance.tasks import Job, TaskBoard, Work, declared, undeclared
from behavry.conformance.tools import Answer, Context, FixtureTool, Run

MOMENT = 0.2

MakeWork: TypeAlias = Callable[[types.CallToolRequestParams], Work]


def _said(value: str) -> types.CallToolResult:
    return types.CallToolResult(content=[text(value)])


async def _greet(_ctx: Context, params: types.CallToolRequestParams) -> Answer:
    return _said(f"Hello, {(params.arguments or {}).get('name', 'nobody')}!")


def _slow_compute(params: types.CallToolRequestParams) -> Work:
    given = params.arguments or {}
    seconds = given.get("seconds", 0)
    if not isinstance(seconds, int | float) or not 0 <= seconds <= 600:
        raise MCPError(types.INVALID_PARAMS, "The argument 'seconds' must be a number from 0 to 600")

    async def work(_job: Job) -> types.CallToolResult:
        await anyio.sleep(seconds)
        return _said(f"{given.get('label', 'it')} took {seconds} s")

    return work


def _failing_job(_params: types.CallToolRequestParams) -> Work:
    async def work(_job: Job) -> types.CallToolResult:
        await anyio.sleep(MOMENT)
        return types.CallToolResult(content=[text("The job failed, as it always does.")], is_error=True)

    return work


def _protocol_error_job(_params: types.CallToolRequestParams) -> Work:
    async def work(_job: Job) -> types.CallToolResult:
        await anyio.sleep(MOMENT)
        raise MCPError(types.INTERNAL_ERROR, "The job broke down, as it always does")

    return work


def _confirm_delete(params: types.CallToolRequestParams) -> Work:
    async def work(job: Job) -> types.CallToolResult:
        name = (params.arguments or {}).get("filename", "it")
        await job.ask({"confirm": asks_user(f"Really delete {name}?", "confirm", "boolean")})
        return _said(f"{name} would be deleted now.")

    return work


def _multi_input(_params: types.CallToolRequestParams) -> Work:
    async def work(job: Job) -> types.CallToolResult:
        answers = await job.ask(
            {"first": asks_user("First name?", "name"), "second": asks_user("Second name?", "name")}
        )
        return _said(f"{len(answers)} answers came.")

    return work


def _optional(make: MakeWork) -> Run:
    """A task for who declared the extension; for others the same work within the call."""

    async def run(ctx: Context, params: types.CallToolRequestParams) -> Answer:
        board: TaskBoard = ctx.lifespan_context
        work = make(params)
        return board.start(work) if declared(ctx) else await work(Job())

    return run


def _required(make: MakeWork) -> Run:
    """A task or nothing: who did not declare the extension is refused."""

    async def run(ctx: Context, params: types.CallToolRequestParams) -> Answer:
        if not declared(ctx):
            raise undeclared()
        board: TaskBoard = ctx.lifespan_context
        return board.start(make(params))

    return run


async def _asks_then_starts(ctx: Context, params: types.CallToolRequestParams) -> Answer:
    if not declared(ctx):
        raise undeclared()
    name = elicited(params, "user_name", "name")
    if name is None:
        return types.InputRequiredResult(input_requests={"user_name": asks_user("What is your name?", "name")})

    async def work(_job: Job) -> types.CallToolResult:
        await anyio.sleep(MOMENT)
        return _said(f"Done for {name}.")

    board: TaskBoard = ctx.lifespan_context
    return board.start(work)


TASK_TOOLS = (
    FixtureTool("greet", "Greets at once", _greet, object_schema(("name",), name={"type": "string"})),
    FixtureTool(
        "slow_compute",
        "Takes its time",
        _optional(_slow_compute),
        object_schema((), seconds={"type": "number"}, label={"type": "string"}),
    ),
    FixtureTool("failing_job", "Fails after a moment", _required(_failing_job)),
    FixtureTool("protocol_error_job", "Breaks down after a moment", _optional(_protocol_error_job)),
    FixtureTool(
        "confirm_delete",
        "Asks while it runs",
        _required(_confirm_delete),
        object_schema((), filename={"type": "string"}),
    ),
    FixtureTool("multi_input", "Asks two things while it runs", _required(_multi_input)),
    FixtureTool("test_tool_with_task", "Asks first, then becomes a task", _asks_then_starts),
)
