"""`GET /api/v1/audit/stream`: the live feed as server-sent events. Ids are sequence numbers.

Raw ASGI, ahead of Django, because a Django request would hold a thread and its database connection for as long as the
subscriber stays.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any, TypeAlias
from urllib.parse import parse_qs

import orjson
from django.conf import settings

from apps.audit.feed import Hub, Item, hub
from apps.audit.visitors import Visitor, admit
from apps.decision.errors import AppError, BadInput

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PATH = "/api/v1/audit/stream"
CHECK_SECONDS = 60.0  # how long a revoked session or token may go on listening
_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


def owns(scope: Scope) -> bool:
    return bool(scope["type"] == "http" and scope["path"] == PATH)


async def stream(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one subscriber until it leaves, or may no longer look."""
    shared = hub()
    try:
        if scope["method"] not in {"GET", "HEAD"}:
            raise _method_not_allowed()
        visitor = await shared.call(admit, scope)
        position = await start(shared, visitor, _wanted(scope))
    except AppError as error:
        await _refuse(send, error)
        return
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": b": connected\nretry: 2000\n\n", "more_body": True})
    feeding = asyncio.create_task(_feed(shared, scope, visitor, position, send))
    leaving = asyncio.create_task(_left(receive))
    try:
        await asyncio.wait({feeding, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (feeding, leaving):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError, OSError):
            await feeding
        with contextlib.suppress(asyncio.CancelledError):
            await leaving
    with contextlib.suppress(OSError):
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def start(shared: Hub, visitor: Visitor, wanted: str) -> int:
    """The position to begin after: the last id the subscriber saw, or now."""
    head = await shared.head(visitor.schema)
    if not wanted:
        return head
    if not wanted.isascii() or not wanted.isdigit() or len(wanted) > 18:
        raise BadInput("Last-Event-ID must be a sequence number", fields={"Last-Event-ID": "A whole number."})
    return min(int(wanted), head)


async def _feed(shared: Hub, scope: Scope, visitor: Visitor, position: int, send: Send) -> None:
    keepalive = float(settings.BEHAVRY_SSE_KEEPALIVE_SECONDS)
    checked = time.monotonic()
    async with shared.subscribed(visitor.schema):
        while True:
            items = await shared.after(visitor.schema, position, keepalive)
            if time.monotonic() - checked > CHECK_SECONDS:
                checked = time.monotonic()
                try:
                    await shared.call(admit, scope)
                except AppError:
                    return
            body = b"".join(_event(item) for item in items) if items else b": keep-alive\n\n"
            await send({"type": "http.response.body", "body": body, "more_body": True})
            if items:
                position = items[-1].seq


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _event(item: Item) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (item.seq, item.type.encode(), item.data)


def _wanted(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name.lower() == b"last-event-id":
            return str(value.decode("latin-1").strip())
    query: bytes = scope.get("query_string", b"")
    return parse_qs(query.decode("latin-1")).get("after", [""])[0]


def _method_not_allowed() -> AppError:
    error = AppError("The stream is read with GET", code="method_not_allowed")
    error.status = 405
    return error


async def _refuse(send: Send, error: AppError) -> None:
    body = {
        "type": f"urn:behavry:error:{error.code}",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.detail,
    }
    if error.fields:
        body["fields"] = error.fields
    headers = [(b"content-type", b"application/problem+json")]
    if error.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": orjson.dumps(body), "more_body": False})
