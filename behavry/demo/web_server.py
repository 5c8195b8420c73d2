"""A web and chat server over Streamable HTTP: searches and fetches a few canned pages and keeps posted messages.

It never touches the network. Start: `python -m behavry.demo.web_server --port PORT`, then http://HOST:PORT/mcp.
"""

import argparse
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations

PAGES = {
    "https://docs.example.org/opening-hours": "Opening hours: Monday to Friday, nine to five. Closed on holidays.",
    "https://docs.example.org/returns": "Returns: send the goods back within thirty days, with the receipt.",
    "https://blog.example.org/autumn": "Autumn news: the new warehouse opens in October. Opening party on the first.",
    "https://status.example.org/": "All systems work. The last interruption was in spring and took four minutes.",
}
CHANNELS = ("general", "support", "random")
KEPT_MESSAGES = 1_000
MAX_MESSAGE = 4_000


@dataclass(slots=True)
class Board:
    """What was posted since the server started; the oldest messages are forgotten."""

    messages: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=KEPT_MESSAGES))
    posted: int = 0

    def post_message(self, channel: str, text: str) -> str:
        """Post a message to a channel."""
        if channel not in CHANNELS:
            raise ToolError(f"There is no channel {channel!r}; there are {', '.join(CHANNELS)}")
        if not 0 < len(text) <= MAX_MESSAGE:
            raise ToolError(f"A message has 1 to {MAX_MESSAGE} characters")
        self.posted += 1
        self.messages.append((channel, text))
        return f"message {self.posted} posted to {channel}"


def search(query: str, limit: int = 3) -> list[str]:
    """The addresses of the pages that contain the words, the best first."""
    words = query.lower().split()
    scored = [(sum(word in text.lower() for word in words), address) for address, text in PAGES.items()]
    best = sorted((pair for pair in scored if pair[0]), key=lambda pair: (-pair[0], pair[1]))
    return [address for _, address in best[: max(limit, 0)]]


def fetch_page(url: str) -> str:
    """The text of one page."""
    try:
        return PAGES[url]
    except KeyError:
        raise ToolError(f"There is no page at {url}") from None


def build_server() -> MCPServer:
    server: MCPServer = MCPServer(
        "behavry-demo-web", version="1.0.0", instructions="A few pages and a message board.", log_level="WARNING"
    )
    reads = ToolAnnotations(read_only_hint=True)
    server.tool(annotations=reads)(search)
    server.tool(annotations=reads)(fetch_page)
    server.tool(annotations=ToolAnnotations(read_only_hint=False))(Board().post_message)
    return server


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m behavry.demo.web_server", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args(arguments)
    build_server().run("streamable-http", host=options.host, port=options.port)


if __name__ == "__main__":
    main()
