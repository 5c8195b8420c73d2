"""A stdio MCP server of a few lines, for tests: answers, misbehaves on demand, and starts a grandchild if told to."""

import json
import os
import subprocess
import sys
import time
from typing import Any


def say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def text(value: str, is_error: bool = False) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": value}], "isError": is_error}


def call(id: Any, params: dict[str, Any]) -> dict[str, Any] | None:
    name, arguments = params.get("name"), params.get("arguments") or {}
    token = (params.get("_meta") or {}).get("progressToken")
    if name == "read_echo":
        return text(json.dumps(arguments))
    if name == "read_progress":
        for step in (1, 2):
            note = {"progressToken": token, "progress": step}
            say({"jsonrpc": "2.0", "method": "notifications/progress", "params": note})
        return text("done")
    if name == "read_pid":
        return text(str(os.getpid()))
    if name == "read_environment":
        return text(json.dumps(dict(os.environ)))
    if name == "read_exit":
        os._exit(3)
    if name == "read_slow":
        time.sleep(60)
    if name == "read_silence":
        return None
    if name == "read_flood":
        sys.stdout.write("x" * 20_000_000 + "\n")
        sys.stdout.flush()
    if name == "read_memory":
        return text(str(len(bytearray(3_000_000_000))))
    if name == "read_ask":
        question = {"message": arguments.get("question", "Which?")}
        say({"jsonrpc": "2.0", "id": 77, "method": "elicitation/create", "params": question})
        answer = json.loads(sys.stdin.readline())
        return text(json.dumps(answer))
    if name == "read_family":
        child = subprocess.Popen(["sleep", "600"], start_new_session=True)
        return text(json.dumps([os.getpid(), child.pid]))
    return text(f"Unknown tool: {name}", True)


def main() -> None:
    if "--dies" in sys.argv:
        sys.exit(1)
    names = ["write_note", "read_echo", "read_progress", "read_pid", "delete_all"]
    for line in sys.stdin:
        message = json.loads(line)
        id, method, params = message.get("id"), message.get("method"), message.get("params") or {}
        if id is None or method is None:
            continue
        result: dict[str, Any] | None
        if method == "initialize":
            server = {"name": "child", "version": "1"}
            result = {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": server}
        elif method == "tools/list":
            result = {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in names]}
        elif method == "tools/call":
            result = call(id, params)
        elif method == "ping":
            result = {}
        else:
            say({"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": "Method not found"}})
            continue
        if result is not None:
            say({"jsonrpc": "2.0", "id": id, "result": result})


if __name__ == "__main__":
    main()
