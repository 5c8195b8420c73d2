"""The official client through the real gateway: both eras, HTTP and stdio backends, and the public example server."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
import pytest_asyncio
from mcp import MCPError
from mcp.client import ClientRequestContext
from mcp_types import (
    CallToolResult,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequestParams,
    ElicitResult,
    TextContent,
    TextResourceContents,
)

from behavry.conformance.serving import HTTP_SERVER, STDIO_SERVER, Running, fixture_over_http, start_gateway
from behavry.conformance.toolbox import ToolboxError, find
from behavry.demo.clients import Era, connect

EVERYTHING = "everything"
BACKENDS = (HTTP_SERVER, STDIO_SERVER)
VERSIONS = {Era.AUTO: "2026-07-28", Era.STATELESS: "2026-07-28", Era.STATEFUL: "2025-11-25"}

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.processes, pytest.mark.slow]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway() -> AsyncIterator[Running]:
    try:
        more = {EVERYTHING: find(Path("var/conformance")).everything_server}
    except ToolboxError:
        more = {}
    async with fixture_over_http() as fixture_url, start_gateway(fixture_url, more) as running:
        yield running


def _said(result: CallToolResult) -> str:
    return "".join(block.text for block in result.content if isinstance(block, TextContent))


async def _answer_user(_context: ClientRequestContext, _params: ElicitRequestParams) -> ElicitResult:
    content: dict[str, Any] = {"name": "Ada", "username": "ada", "email": "ada@example.org", "color": "blue"}
    return ElicitResult(action="accept", content=content)


async def _answer_model(_context: ClientRequestContext, _params: CreateMessageRequestParams) -> CreateMessageResult:
    return CreateMessageResult(role="assistant", content=TextContent(text="Paris"), model="none")


@pytest.mark.parametrize("era", list(Era))
@pytest.mark.parametrize("server", BACKENDS)
async def test_it_lists_reads_and_calls(gateway: Running, server: str, era: Era) -> None:
    async with connect(gateway.url(server), gateway.token, era=era) as client:
        assert client.protocol_version == VERSIONS[era]
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert "test_simple_text" in names
        assert "simple text response" in _said(await client.call_tool("test_simple_text", {}))
        failed = await client.call_tool("test_error_handling", {})
        assert (failed.is_error, "intentionally" in _said(failed)) == (True, True)
        (contents,) = (await client.read_resource("test://template/7/data")).contents
        assert isinstance(contents, TextResourceContents)
        assert '"id":"7"' in contents.text
        prompt = await client.get_prompt("test_prompt_with_arguments", {"arg1": "a", "arg2": "b"})
        assert prompt.messages[0].content == TextContent(text="Prompt with arguments: arg1='a', arg2='b'")


@pytest.mark.parametrize("era", list(Era))
@pytest.mark.parametrize("server", BACKENDS)
async def test_it_carries_progress(gateway: Running, server: str, era: Era) -> None:
    steps: list[float] = []

    async def report(progress: float, total: float | None, message: str | None) -> None:
        steps.append(progress)

    async with connect(gateway.url(server), gateway.token, era=era) as client:
        await client.call_tool("test_tool_with_progress", {}, progress_callback=report)
    assert steps == [0, 50, 100]


@pytest.mark.parametrize("server", BACKENDS)
async def test_it_carries_the_servers_questions_in_a_session(gateway: Running, server: str) -> None:
    callbacks: dict[str, Any] = {"elicitation_callback": _answer_user, "sampling_callback": _answer_model}
    async with connect(gateway.url(server), gateway.token, era=Era.STATEFUL, **callbacks) as client:
        assert "ada@example.org" in _said(await client.call_tool("test_elicitation", {"message": "Who?"}))
        assert _said(await client.call_tool("test_sampling", {"prompt": "?"})) == "LLM response: Paris"


@pytest.mark.parametrize("server", BACKENDS)
async def test_it_carries_rounds_of_questions_without_a_session(gateway: Running, server: str) -> None:
    callbacks: dict[str, Any] = {"elicitation_callback": _answer_user, "sampling_callback": _answer_model}
    async with connect(gateway.url(server), gateway.token, era=Era.STATELESS, **callbacks) as client:
        assert _said(await client.call_tool("test_input_required_result_elicitation", {})) == "Hello, Ada!"
        assert _said(await client.call_tool("test_input_required_result_multi_round", {})) == "Ada likes blue."


@pytest.mark.parametrize("server", BACKENDS)
async def test_it_carries_announcements_to_who_listens(gateway: Running, server: str) -> None:
    async with (
        connect(gateway.url(server), gateway.token, era=Era.STATELESS) as client,
        client.listen(tools_list_changed=True) as subscription,
    ):
        await client.call_tool("test_trigger_tool_change", {})
        with anyio.fail_after(10):
            event = await anext(aiter(subscription))
    assert type(event).__name__ == "ToolsListChanged"


@pytest.mark.parametrize("server", BACKENDS)
async def test_it_mirrors_arguments_into_headers(gateway: Running, server: str) -> None:
    async with connect(gateway.url(server), gateway.token, era=Era.STATELESS) as client:
        await client.list_tools()
        assert _said(await client.call_tool("test_mirrored_argument", {"region": "Zürich "})) == "region=Zürich "


@pytest.mark.parametrize("era", list(Era))
@pytest.mark.parametrize("server", BACKENDS)
async def test_it_serves_many_calls_of_one_client_at_once(gateway: Running, server: str, era: Era) -> None:
    answers: list[str] = []

    async def call(number: int) -> None:
        prompt = await client.get_prompt("test_prompt_with_arguments", {"arg1": str(number), "arg2": "x"})
        content = prompt.messages[0].content
        assert isinstance(content, TextContent)
        answers.append(content.text)

    async with connect(gateway.url(server), gateway.token, era=era) as client, anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(call, number)
    assert sorted(answers) == sorted(f"Prompt with arguments: arg1='{number}', arg2='x'" for number in range(20))


@pytest.mark.parametrize("era", list(Era))
async def test_it_lets_nobody_in_without_a_token(gateway: Running, era: Era) -> None:
    with pytest.raises((MCPError, ExceptionGroup)) as refused:
        async with connect(gateway.url(HTTP_SERVER), "not.a.token", era=era) as client:
            await client.call_tool("test_simple_text", {})
    assert isinstance(refused.value, MCPError) or refused.group_contains(MCPError)


@pytest.mark.parametrize("era", [Era.AUTO, Era.STATEFUL])
async def test_it_governs_the_public_example_server(gateway: Running, era: Era) -> None:
    try:
        find(Path("var/conformance"))
    except ToolboxError as missing:
        pytest.skip(str(missing))
    async with connect(gateway.url(EVERYTHING), gateway.token, era=era) as client:
        assert client.protocol_version == "2025-11-25"
        assert "echo" in {tool.name for tool in (await client.list_tools()).tools}
        assert _said(await client.call_tool("echo", {"message": "hello"})) == "Echo: hello"
        total = await client.call_tool("get-sum", {"a": 2, "b": 3})
        assert "5" in _said(total)
        assert (await client.list_resources()).resources
        assert (await client.list_prompts()).prompts
