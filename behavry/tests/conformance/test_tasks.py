"""The tasks extension of the fixture: a task's life, in memory and over real processes."""

import warnings
from collections.abc import Iterator
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from mcp import Client, MCPError
from mcp.client import advertise
from mcp.shared.exceptions import MCPDeprecationWarning
from mcp_types import INVALID_PARAMS, MISSING_REQUIRED_CLIENT_CAPABILITY, CallToolResult, TextContent

from behavry.conformance.fixture import build_server
from behavry.conformance.rounds import asks_user
from behavry.conformance.tasks import EXTENSION, Job, TaskBoard
from behavry.demo.clients import Era


@pytest.fixture(autouse=True)
def old_features() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MCPDeprecationWarning)
        yield


async def _done(_job: Job) -> CallToolResult:
    return CallToolResult(content=[TextContent(text="done")])


async def _settled(job: Job) -> dict[str, Any]:
    with anyio.fail_after(5):
        while job.status in ("working", "input_required"):
            await anyio.lowlevel.checkpoint()
    return job.detailed()


async def test_it_keeps_the_result_of_a_task() -> None:
    async with anyio.create_task_group() as group:
        board = TaskBoard(group)
        started = board.start(_done)
        assert started["resultType"] == "task"
        ended = await _settled(board.find(started["taskId"]))
    assert (ended["status"], ended["result"]["content"][0]["text"]) == ("completed", "done")


async def test_it_waits_for_every_answer_and_ignores_what_was_not_asked() -> None:
    async def asks(job: Job) -> CallToolResult:
        answers = await job.ask({"a": asks_user("A?", "x"), "b": asks_user("B?", "x")})
        return CallToolResult(content=[TextContent(text=str(sorted(answers.items())))])

    async with anyio.create_task_group() as group:
        board = TaskBoard(group)
        job = board.find(board.start(asks)["taskId"])
        with anyio.fail_after(5):
            while job.status != "input_required":
                await anyio.lowlevel.checkpoint()
        assert set(job.detailed()["inputRequests"]) == {"a", "b"}
        job.answer({"b": 2, "stranger": 0})
        assert set(job.detailed()["inputRequests"]) == {"a"}
        job.answer({"a": 1, "b": 3})
        ended = await _settled(job)
    assert ended["result"]["content"][0]["text"] == "[('a', 1), ('b', 2)]"
    assert "inputRequests" not in ended


async def test_it_tells_a_failure_of_the_protocol_from_one_of_the_tool() -> None:
    async def breaks(_job: Job) -> CallToolResult:
        raise MCPError(-32603, "broken")

    async with anyio.create_task_group() as group:
        board = TaskBoard(group)
        ended = await _settled(board.find(board.start(breaks)["taskId"]))
    assert (ended["status"], ended["error"]["code"]) == ("failed", -32603)
    assert "result" not in ended


async def test_it_cancels_a_task_once_and_for_all() -> None:
    async def endless(_job: Job) -> CallToolResult:
        await anyio.sleep_forever()
        raise AssertionError("unreachable")

    async with anyio.create_task_group() as group:
        board = TaskBoard(group)
        job = board.find(board.start(endless)["taskId"])
        await anyio.lowlevel.checkpoint()
        job.scope.cancel()
        assert (await _settled(job))["status"] == "cancelled"
        job.scope.cancel()
        with pytest.raises(MCPError) as unknown:
            board.find("never-started")
    assert unknown.value.code == INVALID_PARAMS


async def test_it_makes_tasks_only_for_who_declared_the_extension() -> None:
    async with Client(build_server(), mode=Era.STATELESS.value) as client:
        done = await client.call_tool("slow_compute", {"seconds": 0, "label": "nothing"})
        assert not done.is_error
        with pytest.raises(MCPError) as refused:
            await client.call_tool("failing_job", {})
    assert refused.value.code == MISSING_REQUIRED_CLIENT_CAPABILITY
    assert refused.value.data == {"requiredCapabilities": {"extensions": {EXTENSION: {}}}}


async def test_it_says_that_it_knows_tasks() -> None:
    async with Client(build_server(), mode=Era.AUTO.value, extensions=[advertise(EXTENSION, {})]) as client:
        assert EXTENSION in (client.server_capabilities.extensions or {})
