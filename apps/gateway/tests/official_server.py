"""A stdio server made with the official SDK, for tests."""

from mcp.server import MCPServer
from mcp.server.mcpserver import Context

server = MCPServer("official")


@server.tool()
def read_sum(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
async def read_slowly(context: Context) -> str:
    """Report progress."""
    await context.report_progress(1, 2)
    await context.report_progress(2, 2)
    return "done"


@server.tool()
def post_message(text: str) -> str:
    """Post to a channel."""
    return f"posted {text}"


@server.tool()
def delete_all() -> str:
    """Never to be seen by a reader."""
    return "gone"


if __name__ == "__main__":
    server.run("stdio")
