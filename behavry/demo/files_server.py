"""A file server over stdio: reads, writes, lists and deletes below one directory, and refuses everything outside it.

Start: `python -m behavry.demo.files_server DIRECTORY`.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations

MAX_BYTES = 1_000_000


class Sandbox:
    """A directory that no path leads out of, neither by `..` nor by a symbolic link."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve(strict=True)

    def locate(self, path: str) -> Path:
        try:
            found = (self.root / path).resolve()
        except (OSError, ValueError) as unusable:
            raise ToolError(f"{path!r} is not a usable path") from unusable
        if not found.is_relative_to(self.root):
            raise ToolError(f"{path!r} is outside the shared directory")
        return found

    def read_file(self, path: str) -> str:
        """The text of one file."""
        found = self._file(path)
        if found.stat().st_size > MAX_BYTES:
            raise ToolError(f"{path!r} is larger than {MAX_BYTES} bytes")
        try:
            return found.read_text(encoding="utf-8")
        except UnicodeDecodeError as binary:
            raise ToolError(f"{path!r} is not text") from binary

    def write_file(self, path: str, content: str) -> str:
        """Create or replace one text file; missing directories are made."""
        found = self.locate(path)
        body = content.encode()
        if len(body) > MAX_BYTES:
            raise ToolError(f"The content is larger than {MAX_BYTES} bytes")
        if found.is_dir():
            raise ToolError(f"{path!r} is a directory")
        try:
            found.parent.mkdir(parents=True, exist_ok=True)
            found.write_bytes(body)
        except OSError as failed:
            raise ToolError(f"{path!r} cannot be written: {failed.strerror}") from failed
        return f"{len(body)} bytes written to {path}"

    def list_directory(self, path: str = ".") -> list[str]:
        """The names in one directory, directories with a slash at the end."""
        found = self.locate(path)
        if not found.is_dir():
            raise ToolError(f"{path!r} is not a directory")
        return sorted(f"{entry.name}/" if entry.is_dir() else entry.name for entry in found.iterdir())

    def delete_file(self, path: str) -> str:
        """Remove one file for good."""
        self._file(path).unlink()
        return f"{path} deleted"

    def _file(self, path: str) -> Path:
        found = self.locate(path)
        if not found.is_file():
            raise ToolError(f"There is no file {path!r}")
        return found


def build_server(root: Path) -> MCPServer:
    sandbox = Sandbox(root)
    server: MCPServer = MCPServer(
        "behavry-demo-files", version="1.0.0", instructions="Files below one directory.", log_level="WARNING"
    )
    reads = ToolAnnotations(read_only_hint=True, open_world_hint=False)
    server.tool(annotations=reads)(sandbox.read_file)
    server.tool(annotations=ToolAnnotations(read_only_hint=False, open_world_hint=False))(sandbox.write_file)
    server.tool(annotations=reads)(sandbox.list_directory)
    server.tool(annotations=ToolAnnotations(destructive_hint=True, open_world_hint=False))(sandbox.delete_file)
    return server


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m behavry.demo.files_server", description=__doc__)
    parser.add_argument("directory", type=Path)
    build_server(parser.parse_args(arguments).directory).run("stdio")


if __name__ == "__main__":
    main()
