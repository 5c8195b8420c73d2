"""The ASGI doors: the gateway ahead of Django, the live feed's WebSocket, and Django for the rest.

`application` serves everything (one process in development); `gateway` serves MCP traffic alone.
"""

import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from channels.routing import URLRouter
from django.core.asgi import get_asgi_application
from django.core.signals import request_finished
from django.db import connections

Scope: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[dict[str, Any]]]
Send: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[None]]

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "behavry.settings")
django_application = get_asgi_application()

from apps.audit import stream  # noqa: E402 - models need the app registry first
from apps.audit.routing import websocket_urlpatterns  # noqa: E402
from apps.gateway.app import Gateway  # noqa: E402
from apps.tenants.middleware import OPEN_PATHS  # noqa: E402

_gateway = Gateway()
_websocket = URLRouter(websocket_urlpatterns)  # consumers authenticate themselves, in the tenant they name


def close_connections(**_signal: object) -> None:
    """A request has a thread of its own here, which ends with it: a connection kept for the next one would stay open
    until the garbage collector comes by, and a hundred requests would leave none for anybody."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:  # else a test's, which goes on
            connection.close()


request_finished.connect(close_connections, dispatch_uid="behavry.asgi.close_connections")


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Routes by protocol and path: what the gateway owns goes to the gateway, whose lifespan is ours."""
    if scope["type"] == "lifespan" or _gateway.owns(scope):
        await _gateway(scope, receive, send)
    elif stream.owns(scope):
        await stream.stream(scope, receive, send)
    elif scope["type"] == "websocket":
        await _websocket(scope, receive, send)
    else:
        await django_application(scope, receive, send)


async def gateway(scope: Scope, receive: Receive, send: Send) -> None:
    """MCP traffic alone, and the health pages that an orchestrator asks every process for."""
    if scope["type"] == "http" and scope["path"] in OPEN_PATHS:
        await django_application(scope, receive, send)
    else:
        await _gateway(scope, receive, send)
