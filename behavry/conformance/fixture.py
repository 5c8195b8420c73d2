"""An MCP server that offers what the public conformance suite asks for, in both eras, over HTTP or stdio.

Start: `python -m behavry.conformance.fixture --http PORT` or `… --stdio`. A test fixture; it guards nothing.
"""

import argparse
import asyncio
import hashlib
import logging
import warnings
from collections.abc import Sequence

import mcp_types as types
import uvicorn
from mcp.server import Server
from mcp.server.caching import CacheHint
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.server.stdio import stdio_server
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError

from behavry.conformance import content, prompts, rounds, task_tools, tasks, tools
from behavry.conformance.events import MemoryEventStore
from behavry.conformance.tasks import TaskBoard
from behavry.conformance.tools import Context

TEMPLATE = "test://template/{id}/data"
CACHE_HINT = CacheHint(ttl_ms=60_000, scope="public")
RETRY_MS = 500


def _resources() -> list[types.Resource]:
    return [
        types.Resource(uri="test://static-text", name="static-text", description="A text", mime_type="text/plain"),
        types.Resource(uri="test://static-binary", name="static-binary", description="An image", mime_type="image/png"),
        types.Resource(uri="test://watched-resource", name="watched", description="To watch", mime_type="text/plain"),
    ]


async def _read_resource(_ctx: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
    uri = params.uri
    head, tail = TEMPLATE.split("{id}")
    found: types.TextResourceContents | types.BlobResourceContents
    if uri == "test://static-text":
        found = types.TextResourceContents(
            uri=uri, mime_type="text/plain", text="This is the content of the static text resource."
        )
    elif uri == "test://static-binary":
        found = types.BlobResourceContents(uri=uri, mime_type="image/png", blob=content.PNG)
    elif uri == "test://watched-resource":
        found = types.TextResourceContents(uri=uri, mime_type="text/plain", text="Watched.")
    elif uri.startswith(head) and uri.endswith(tail) and len(uri) > len(head) + len(tail):
        wanted = uri[len(head) : -len(tail)]
        body = f'{{"id":"{wanted}","templateTest":true,"data":"Data for ID: {wanted}"}}'
        found = types.TextResourceContents(uri=uri, mime_type="application/json", text=body)
    else:
        raise MCPError(types.INVALID_PARAMS, "Resource not found", {"uri": uri})
    return types.ReadResourceResult(contents=[found])


async def _list_resources(_ctx: Context, _params: types.PaginatedRequestParams | None) -> types.ListResourcesResult:
    return types.ListResourcesResult(resources=_resources())


async def _list_templates(
    _ctx: Context, _params: types.PaginatedRequestParams | None
) -> types.ListResourceTemplatesResult:
    template = types.ResourceTemplate(
        uri_template=TEMPLATE, name="template", description="By id", mime_type="application/json"
    )
    return types.ListResourceTemplatesResult(resource_templates=[template])


async def _nothing(_ctx: Context, _params: object) -> types.EmptyResult:
    return types.EmptyResult()


async def _complete(_ctx: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
    values = [word for word in ("paris", "park", "party") if word.startswith(params.argument.value)]
    return types.CompleteResult(completion=types.Completion(values=values, total=len(values), has_more=False))


def build_server() -> Server[TaskBoard]:
    bus = InMemorySubscriptionBus()
    offered = {tool.name: tool for tool in (*tools.plain_tools(bus), *rounds.ROUND_TOOLS, *task_tools.TASK_TOOLS)}

    async def list_tools(_ctx: Context, _params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[tool.listed() for tool in offered.values()])

    async def call_tool(ctx: Context, params: types.CallToolRequestParams) -> tools.Answer:
        tool = offered.get(params.name)
        if tool is None:
            raise MCPError(types.INVALID_PARAMS, f"Unknown tool: {params.name}")
        return await tool.run(ctx, params)

    server: Server[TaskBoard] = Server(
        "behavry-conformance-fixture",
        version="1.0.0",
        instructions="A fixture for the MCP conformance suite.",
        cache_hints={
            "server/discover": CACHE_HINT,
            "tools/list": CACHE_HINT,
            "prompts/list": CACHE_HINT,
            "resources/list": CACHE_HINT,
            "resources/templates/list": CACHE_HINT,
            "resources/read": CACHE_HINT,
        },
        lifespan=tasks.board_of_process,
        on_list_tools=list_tools,
        on_list_resources=_list_resources,
        on_list_resource_templates=_list_templates,
        on_read_resource=_read_resource,
        on_subscribe_resource=_nothing,
        on_unsubscribe_resource=_nothing,
        on_subscriptions_listen=ListenHandler(bus),
        on_list_prompts=prompts.list_prompts,
        on_get_prompt=prompts.get_prompt,
        on_completion=_complete,
    )
    # Registered by hand: the typed parameter knows no results of extensions, such as a task.
    server.add_request_handler("tools/call", types.CallToolRequestParams, call_tool)
    tasks.add_to(server)
    server.add_request_handler("logging/setLevel", types.SetLevelRequestParams, _nothing)
    # A fixed key: rounds of one call may reach different child processes when the fixture runs over stdio.
    key = hashlib.sha256(b"nothing that this fixture signs is secret").digest()
    server.middleware.append(RequestStateBoundary(RequestStateSecurity(keys=[key]), default_audience=server.name))
    return server


async def serve_stdio() -> None:
    server = build_server()
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


async def serve_http(host: str, port: int) -> None:
    app = build_server().streamable_http_app(event_store=MemoryEventStore(), retry_interval=RETRY_MS, host=host)
    # h11 trims the white space around header values, as HTTP asks; httptools leaves the trailing part.
    config = uvicorn.Config(app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=1, http="h11")
    await uvicorn.Server(config).serve()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m behavry.conformance.fixture", description=__doc__)
    transport = parser.add_mutually_exclusive_group(required=True)
    transport.add_argument("--http", type=int, metavar="PORT", help="serve Streamable HTTP on http://HOST:PORT/mcp")
    transport.add_argument("--stdio", action="store_true", help="serve one client on standard input and output")
    parser.add_argument("--host", default="127.0.0.1")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.ERROR)  # what the suite provokes on purpose is not worth a line each
    # The suite still asks for logging and sampling, which the SDK calls deprecated.
    warnings.simplefilter("ignore", MCPDeprecationWarning)
    asyncio.run(serve_stdio() if options.stdio else serve_http(options.host, options.http))


if __name__ == "__main__":
    main()
