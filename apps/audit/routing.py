"""WebSocket doors of this room."""

from typing import Any

from django.urls import path

from apps.audit.consumers import AuditFeed

websocket_urlpatterns: list[Any] = [path("api/v1/audit/feed", AuditFeed.as_asgi())]
