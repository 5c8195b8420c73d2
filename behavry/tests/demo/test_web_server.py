"""The demo web server, met by the official client over real HTTP."""

import sys
from collections.abc import AsyncIterator

import pytest
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import TextContent

from behavry.conformance.serving import free_port, listening
from behavry.demo.clients import Era, connect
from behavry.demo.web_server import KEPT_MESSAGES, MAX_MESSAGE, Board, fetch_page, search

HOURS = "https://docs.example.org/opening-hours"


@pytest.fixture
async def url() -> AsyncIterator[str]:
    port = free_port()
    async with listening((sys.executable, "-m", "behavry.demo.web_server", "--port", str(port)), port):
        yield f"http://127.0.0.1:{port}/mcp"


@pytest.mark.processes
async def test_it_serves_both_eras_over_http(url: str) -> None:
    for era in Era:
        async with connect(url, "a-token-it-does-not-need", era=era) as client:
            assert client.protocol_version == ("2025-11-25" if era is Era.STATEFUL else "2026-07-28")
            assert {tool.name for tool in (await client.list_tools()).tools} == {"search", "fetch_page", "post_message"}
            found = await client.call_tool("search", {"query": "opening hours"})
            assert found.structured_content is not None
            assert found.structured_content["result"][0] == HOURS
            page = (await client.call_tool("fetch_page", {"url": HOURS})).content[0]
            assert isinstance(page, TextContent)
            assert "nine to five" in page.text
            assert not (await client.call_tool("post_message", {"channel": "random", "text": "hi"})).is_error
            assert (await client.call_tool("fetch_page", {"url": "http://169.254.169.254/"})).is_error


def test_it_ranks_pages_by_matching_words() -> None:
    assert search("opening october")[0] == "https://blog.example.org/autumn"
    assert search("opening", limit=1) == ["https://blog.example.org/autumn"]
    assert search("nothing-like-this") == []
    assert search("opening", limit=-1) == []


def test_it_knows_only_its_own_pages() -> None:
    with pytest.raises(ToolError):
        fetch_page("file:///etc/hosts")


def test_it_refuses_unknown_channels_and_endless_messages() -> None:
    board = Board()
    for channel, text in (("nowhere", "hi"), ("general", ""), ("general", "a" * (MAX_MESSAGE + 1))):
        with pytest.raises(ToolError):
            board.post_message(channel, text)
    assert board.posted == 0


def test_it_forgets_the_oldest_messages() -> None:
    board = Board()
    for number in range(KEPT_MESSAGES + 1):
        board.post_message("general", f"message {number}")
    assert len(board.messages) == KEPT_MESSAGES
    assert board.messages[0] == ("general", "message 1")
