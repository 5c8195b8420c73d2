"""The conformance fixture, met by the official client: both eras, both transports."""

import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp.client import ClientRequestContext
from mcp.shared.exceptions import MCPDeprecationWarning
from mcp_types import (
    INVALID_PARAMS,
    CallToolResult,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequestParams,
    ElicitResult,
    ListRootsResult,
    TextContent,
)

from behavry.conformance.events import KEPT, MemoryEventStore
from behavry.conformance.fixture import build_server
from behavry.conformance.serving import FIXTURE_OVER_STDIO, fixture_over_http
from behavry.demo.clients import Era, connect


@pytest.fixture(autouse=True)
def old_features() -> Iterator[None]:
    """The fixture exists to exercise what the SDK calls deprecated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MCPDeprecationWarning)
        yield


USER: dict[str, Any] = {"name": "Ada", "username": "ada", "email": "ada@example.org", "context": "tea"}


async def _answer_user(_context: ClientRequestContext, _params: ElicitRequestParams) -> ElicitResult:
    return ElicitResult(action="accept", content=USER)


async def _answer_model(_context: ClientRequestContext, _params: CreateMessageRequestParams) -> CreateMessageResult:
    return CreateMessageResult(role="assistant", content=TextContent(text="Paris"), model="none")


async def _answer_roots(_context: ClientRequestContext) -> ListRootsResult:
    return ListRootsResult(roots=[])


CALLBACKS: dict[str, Any] = {
    "elicitation_callback": _answer_user,
    "sampling_callback": _answer_model,
    "list_roots_callback": _answer_roots,
}


@asynccontextmanager
async def _over_stdio(era: Era) -> AsyncIterator[Client]:
    command, *arguments = FIXTURE_OVER_STDIO
    server = StdioServerParameters(command=command, args=arguments)
    async with Client(server, mode=era.value, **CALLBACKS) as client:
        yield client


@asynccontextmanager
async def _over_http(era: Era) -> AsyncIterator[Client]:
    async with fixture_over_http() as url, connect(url, era=era, **CALLBACKS) as client:
        yield client


def _said(result: CallToolResult) -> str:
    return "".join(block.text for block in result.content if isinstance(block, TextContent))


@pytest.mark.processes
@pytest.mark.parametrize("opened", [_over_stdio, _over_http])
async def test_it_asks_the_client_while_a_stateful_call_runs(opened: object) -> None:
    assert callable(opened)
    async with opened(Era.STATEFUL) as client:
        assert client.protocol_version == "2025-11-25"
        asked = await client.call_tool("test_elicitation", {"message": "Who are you?"})
        assert "ada@example.org" in _said(asked)
        assert _said(await client.call_tool("test_sampling", {"prompt": "?"})) == "LLM response: Paris"
        steps: list[float] = []

        async def progress(done: float, _total: float | None, _message: str | None) -> None:
            steps.append(done)

        await client.call_tool("test_tool_with_progress", {}, progress_callback=progress)
        assert steps == [0, 50, 100]


@pytest.mark.processes
@pytest.mark.parametrize("opened", [_over_stdio, _over_http])
async def test_it_asks_the_client_in_rounds_when_stateless(opened: object) -> None:
    assert callable(opened)
    async with opened(Era.STATELESS) as client:
        assert client.protocol_version == "2026-07-28"
        assert _said(await client.call_tool("test_input_required_result_elicitation", {})) == "Hello, Ada!"
        assert _said(await client.call_tool("test_input_required_result_sampling", {})) == "Paris"
        prompt = await client.get_prompt("test_input_required_result_prompt")
        assert [message.content for message in prompt.messages] == [TextContent(text="Context: tea")]


async def test_it_lists_what_the_suite_looks_for_in_a_stable_order() -> None:
    async with Client(build_server(), mode=Era.STATELESS.value) as client:
        first = [tool.name for tool in (await client.list_tools(cache_mode="bypass")).tools]
        second = [tool.name for tool in (await client.list_tools(cache_mode="bypass")).tools]
        assert first == second
        assert len(first) == len(set(first)) > 20
        assert first[0] == min(first), "the suite calls the first tool, in whatever order a gateway lists them"


async def test_it_refuses_what_it_does_not_have() -> None:
    async with Client(build_server(), mode=Era.STATEFUL.value) as client:
        with pytest.raises(MCPError) as unknown_tool:
            await client.call_tool("format_disk", {})
        with pytest.raises(MCPError) as unknown_resource:
            await client.read_resource("test://template//data")
        with pytest.raises(MCPError) as missing_argument:
            await client.get_prompt("test_prompt_with_arguments", {"arg1": "one"})
    assert unknown_tool.value.code == unknown_resource.value.code == missing_argument.value.code == INVALID_PARAMS
    assert unknown_resource.value.data == {"uri": "test://template//data"}


async def test_its_event_store_forgets_the_oldest_and_knows_no_strange_ids() -> None:
    store = MemoryEventStore()
    first = await store.store_event("a", None)
    for _ in range(KEPT):
        last = await store.store_event("a", None)

    async def never(_event: object) -> None:
        raise AssertionError("a priming event is not replayed")

    assert await store.replay_events_after(first, never) is None
    assert await store.replay_events_after("not a number", never) is None
    assert await store.replay_events_after(last, never) == "a"
