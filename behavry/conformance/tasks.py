"""The tasks extension: calls that go on after their request has been answered, in the memory of one fixture process."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import uuid4

import anyio
import mcp_types as types
from anyio.abc import TaskGroup
from mcp.server import Server
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import decode_header_value

from behavry.conformance.tools import Context

EXTENSION = "io.modelcontextprotocol/tasks"
TTL_MS = 300_000
POLL_MS = 100

Work: TypeAlias = Callable[["Job"], Awaitable[types.CallToolResult]]


class TaskParams(types.RequestParams):
    task_id: str


class UpdateParams(TaskParams):
    input_responses: dict[str, Any]  # of any form: what was not asked for is ignored, not checked


@dataclass(slots=True)
class Job:
    """One task. `asked` holds what still waits for the client, `answers` what came."""

    id: str = field(default_factory=lambda: uuid4().hex)
    status: str = "working"
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))
    outcome: dict[str, Any] = field(default_factory=dict)
    asked: dict[str, types.InputRequest] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    answered: anyio.Event = field(default_factory=anyio.Event)
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)

    def move(self, status: str) -> None:
        self.status, self.updated = status, datetime.now(UTC)

    async def ask(self, requests: Mapping[str, types.InputRequest]) -> Mapping[str, Any]:
        """Wait until the client has answered every one of these, in any number of updates."""
        self.asked, self.answers, self.answered = dict(requests), {}, anyio.Event()
        self.move("input_required")
        await self.answered.wait()
        self.move("working")
        return self.answers

    def answer(self, responses: Mapping[str, Any]) -> None:
        for key in responses.keys() & self.asked.keys():
            self.answers[key] = responses[key]
            del self.asked[key]
        if not self.asked:
            self.answered.set()

    def shown(self) -> dict[str, Any]:
        return {
            "taskId": self.id,
            "status": self.status,
            "createdAt": self.created.isoformat(),
            "lastUpdatedAt": self.updated.isoformat(),
            "ttlMs": TTL_MS,
            "pollIntervalMs": POLL_MS,
        }

    def detailed(self) -> dict[str, Any]:
        asked = {key: request.model_dump(by_alias=True, exclude_none=True) for key, request in self.asked.items()}
        return {
            "resultType": "complete",
            **self.shown(),
            **self.outcome,
            **({"inputRequests": asked} if self.status == "input_required" else {}),
        }


class TaskBoard:
    def __init__(self, group: TaskGroup) -> None:
        self._group = group
        self._jobs: dict[str, Job] = {}

    def start(self, work: Work) -> dict[str, Any]:
        job = Job()
        self._jobs[job.id] = job
        self._group.start_soon(self._run, job, work)
        return {"resultType": "task", **job.shown()}

    def find(self, id: str) -> Job:
        job = self._jobs.get(id)
        if job is None:
            raise MCPError(types.INVALID_PARAMS, f"Unknown task: {id}")
        return job

    async def _run(self, job: Job, work: Work) -> None:
        with job.scope:
            try:
                result = await work(job)
            except MCPError as error:
                job.outcome = {"error": error.error.model_dump(exclude_none=True)}
                job.move("failed")
            else:
                job.outcome = {"result": result.model_dump(by_alias=True, exclude_none=True)}
                job.move("completed")
        if job.scope.cancelled_caught:
            job.asked = {}
            job.move("cancelled")


@asynccontextmanager
async def board_of_process(_server: Server[TaskBoard]) -> AsyncIterator[TaskBoard]:
    """The server's lifespan: what still runs when the process ends is cancelled."""
    async with anyio.create_task_group() as group:
        yield TaskBoard(group)
        group.cancel_scope.cancel()


def declared(ctx: Context) -> bool:
    capabilities = ctx.session.client_capabilities
    return capabilities is not None and EXTENSION in (capabilities.extensions or {})


def undeclared() -> MCPError:
    return MCPError(
        types.MISSING_REQUIRED_CLIENT_CAPABILITY,
        "This needs the tasks extension",
        {"requiredCapabilities": {"extensions": {EXTENSION: {}}}},
    )


def _job(ctx: Context, params: TaskParams) -> Job:
    if not declared(ctx):
        raise undeclared()
    if ctx.request is not None and decode_header_value(ctx.request.headers.get("mcp-name")) != params.task_id:
        raise MCPError(types.HEADER_MISMATCH, "The Mcp-Name header does not match the task id")
    board: TaskBoard = ctx.lifespan_context
    return board.find(params.task_id)


async def get(ctx: Context, params: TaskParams) -> dict[str, Any]:
    return _job(ctx, params).detailed()


async def update(ctx: Context, params: UpdateParams) -> dict[str, Any]:
    _job(ctx, params).answer(params.input_responses)
    return {"resultType": "complete"}


async def cancel(ctx: Context, params: TaskParams) -> dict[str, Any]:
    _job(ctx, params).scope.cancel()
    return {"resultType": "complete"}


def add_to(server: Server[TaskBoard]) -> None:
    server.extensions[EXTENSION] = {}
    server.add_request_handler("tasks/get", TaskParams, get)
    server.add_request_handler("tasks/update", UpdateParams, update)
    server.add_request_handler("tasks/cancel", TaskParams, cancel)
