"""The ASGI doors: the gateway ahead of Django, the live feed's WebSocket, and Django for the rest.

`application` serves everything (one process in development); `gateway` serves MCP traffic alone.
"""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from channels.routing import URLRouter
from django.core.asgi import get_asgi_application

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "behavry.settings")
django_application = get_asgi_application()

from apps.audit.routing import websocket_urlpatterns  # noqa: E402 - models need Django's app registry first
from apps.gateway.app import Gateway  # noqa: E402

gateway = Gateway()
_websocket = URLRouter(websocket_urlpatterns)  # consumers authenticate themselves, in the tenant they name


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Routes by protocol and path: what the gateway owns goes to the gateway, whose lifespan is ours."""
    if scope["type"] == "lifespan" or gateway.owns(scope):
        await gateway(scope, receive, send)
    elif scope["type"] == "websocket":
        await _websocket(scope, receive, send)
    else:
        await django_application(scope, receive, send)
