"""An MCP server that changes what it lists between calls, as its file says: `changing_server.py FILE`.

The file holds JSON: `tools` and `prompts` as they are listed, `instructions`, and `page`, how many go on one page.
"""

import json
import sys
from pathlib import Path
from typing import Any

FILE = Path(sys.argv[1])


def listed(items: list[Any], cursor: str, page: int, name: str) -> dict[str, Any]:
    start = int(cursor or 0)
    result: dict[str, Any] = {name: items[start : start + page]}
    return {**result, "nextCursor": str(start + page)} if start + page < len(items) else result


def answer(message: dict[str, Any]) -> dict[str, Any]:
    state, params = json.loads(FILE.read_text()), message.get("params", {})
    method, page = message["method"], state.get("page", 100)
    if method == "initialize":
        hello = {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}, "prompts": {}}}
        said = {"instructions": state["instructions"]} if "instructions" in state else {}
        return {**hello, "serverInfo": {"name": "changing", "version": "1"}, **said}
    if method == "tools/list":
        return listed(state.get("tools", []), params.get("cursor", ""), page, "tools")
    if method == "prompts/list":
        return listed(state.get("prompts", []), params.get("cursor", ""), page, "prompts")
    return {"content": [{"type": "text", "text": f"did {params.get('name')}"}], "isError": False}


for line in sys.stdin:
    message = json.loads(line)
    if "id" in message and "method" in message:
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": answer(message)}), flush=True)
        if message["method"] == "tools/call" and message["params"]["name"] == "announce":
            print(json.dumps({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}), flush=True)
