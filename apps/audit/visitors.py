"""Who is at a raw ASGI door: the tenant of its host, and whether this person may look at the log.

The same authenticators as REST: a session cookie, or a token in the Authorization header; nothing in the URL. A browser
cannot set headers on a WebSocket, so there a token may come as the subprotocol `bearer.<token>`.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest
from django.http.cookie import parse_cookie
from rest_framework.exceptions import APIException
from rest_framework.views import APIView

from apps.decision.errors import NotAllowed, NotAuthenticated, NotFound
from apps.tenants.context import in_tenant
from apps.tenants.roles import Role, role_of
from apps.tenants.services import schema_of_host

BEARER = "bearer."


@dataclass(frozen=True, slots=True)
class Visitor:
    """A person who may look, and where."""

    schema: str
    name: str


def admit(scope: dict[str, Any]) -> Visitor:
    """The visitor of this connection; call it on a thread. Raises NotFound, NotAuthenticated or NotAllowed."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    host = headers.get("host", "").rsplit(":", 1)[0].lower()
    schema = schema_of_host(host)
    if schema is None:
        raise NotFound("No tenant answers on this host")
    if scope["type"] == "websocket" and "origin" in headers and not _same_origin(headers["origin"], headers["host"]):
        raise NotAllowed("This page may not open the feed")
    with in_tenant(schema):
        request = _request(scope, headers)
        drf = APIView().initialize_request(request)
        try:
            role = role_of(drf)
        except APIException as error:
            raise NotAuthenticated(str(error.detail)) from None
        if not drf.user.is_authenticated:
            raise NotAuthenticated("Sign in, or send a personal access token")
        if role is None or role < Role.VIEWER:
            raise NotAllowed("This needs the role viewer or higher.")
        return Visitor(schema, drf.user.get_username())


def _request(scope: dict[str, Any], headers: dict[str, str]) -> HttpRequest:
    request = HttpRequest()
    request.method, request.path = "GET", scope["path"]
    request.META = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    request.META["REMOTE_ADDR"] = (scope.get("client") or ("", 0))[0]
    for protocol in scope.get("subprotocols", ()):
        if protocol.startswith(BEARER):
            request.META["HTTP_AUTHORIZATION"] = f"Bearer {protocol.removeprefix(BEARER)}"
    cookies = parse_cookie(headers.get("cookie", ""))
    request.COOKIES = cookies
    store = import_module(settings.SESSION_ENGINE).SessionStore
    request.session = store(cookies.get(settings.SESSION_COOKIE_NAME))
    request.user = get_user(request)
    return request


def _same_origin(origin: str, host: str) -> bool:
    return origin.partition("://")[2].lower() == host.lower()
