"""The demo file server, met by the official client over a real stdio process."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp import Client, MCPError, StdioServerParameters
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult, TextContent

from behavry.demo.clients import Era
from behavry.demo.files_server import MAX_BYTES, Sandbox

TOOLS = ["delete_file", "list_directory", "read_file", "write_file"]


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    root = tmp_path / "shared"
    (root / "notes").mkdir(parents=True)
    (root / "notes" / "plan.md").write_text("Plan: rest.\n")
    (tmp_path / "outside.txt").write_text("not for agents")
    return root


def _said(result: CallToolResult) -> str:
    return "".join(block.text for block in result.content if isinstance(block, TextContent))


@pytest.mark.processes
@pytest.mark.parametrize("era", list(Era))
async def test_it_serves_both_eras_over_stdio(shared: Path, era: Era) -> None:
    command = StdioServerParameters(command=sys.executable, args=["-m", "behavry.demo.files_server", str(shared)])
    async with Client(command, mode=era.value) as client:
        assert sorted(tool.name for tool in (await client.list_tools()).tools) == TOOLS
        written = await client.call_tool("write_file", {"path": "notes/a/b.md", "content": "hello"})
        assert not written.is_error
        assert _said(await client.call_tool("read_file", {"path": "notes/a/b.md"})) == "hello"
        listed = await client.call_tool("list_directory", {"path": "notes"})
        assert listed.structured_content == {"result": ["a/", "plan.md"]}
        assert not (await client.call_tool("delete_file", {"path": "notes/a/b.md"})).is_error
        assert not (shared / "notes" / "a" / "b.md").exists()
        refused = await client.call_tool("read_file", {"path": "../outside.txt"})
        assert refused.is_error
        assert "not for agents" not in _said(refused)
        assert (await _fails(client)).is_error


async def _fails(client: Client) -> CallToolResult:
    """An unknown tool: an error in the result in one era, a protocol error in the other."""
    try:
        return await client.call_tool("format_disk", {})
    except MCPError as error:
        return CallToolResult(content=[TextContent(text=error.error.message)], is_error=True)


@pytest.mark.parametrize(
    "path", ["../outside.txt", "/etc/hosts", "notes/../../outside.txt", "notes/plan.md/../../../x"]
)
def test_it_stays_below_its_directory(shared: Path, path: str) -> None:
    sandbox = Sandbox(shared)
    for use in (sandbox.read_file, sandbox.delete_file, sandbox.list_directory):
        with pytest.raises(ToolError):
            use(path)
    with pytest.raises(ToolError):
        sandbox.write_file(path, "x")
    assert (shared.parent / "outside.txt").read_text() == "not for agents"


def test_it_follows_no_link_out_of_its_directory(shared: Path) -> None:
    (shared / "link").symlink_to(shared.parent / "outside.txt")
    (shared / "way").symlink_to(shared.parent)
    for path in ("link", "way/outside.txt"):
        with pytest.raises(ToolError, match="outside"):
            Sandbox(shared).read_file(path)


def test_it_accepts_an_absolute_path_below_its_directory(shared: Path) -> None:
    assert Sandbox(shared).read_file(str(shared / "notes" / "plan.md")) == "Plan: rest.\n"


def test_it_refuses_what_is_not_a_text_file_of_bearable_size(shared: Path) -> None:
    sandbox = Sandbox(shared)
    (shared / "image").write_bytes(b"\xff\xfe\x00")
    (shared / "large").write_bytes(b"a" * (MAX_BYTES + 1))
    for path in ("image", "large", "notes", "missing", "nul\0inside"):
        with pytest.raises(ToolError):
            sandbox.read_file(path)
    with pytest.raises(ToolError):
        sandbox.write_file("notes", "a directory is there")
    with pytest.raises(ToolError):
        sandbox.write_file("notes/plan.md/child", "a file is in the way")
    with pytest.raises(ToolError):
        sandbox.write_file("new", "ä" * MAX_BYTES)
    assert not (shared / "new").exists()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    root = tmp_path_factory.mktemp("sandbox") / "shared"
    root.mkdir()
    return Sandbox(root)


@given(path=st.lists(st.sampled_from(["..", ".", "a", "/", "", "~", "\0", "ü"])).map("/".join))
def test_it_never_locates_anything_outside(sandbox: Sandbox, path: str) -> None:
    try:
        found = sandbox.locate(path)
    except ToolError:
        return
    assert found == sandbox.root or sandbox.root in found.parents
