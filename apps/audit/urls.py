"""REST doors of this room, under /api/v1/."""

from django.urls import URLPattern, path

from apps.audit import api

urlpatterns: list[URLPattern] = [
    path("audit/events", api.Events.as_view()),
    path("audit/events/<uuid:event_id>", api.Event.as_view()),
    path("audit/export", api.Export.as_view()),
    path("audit/verify", api.Verify.as_view()),
    path("audit/chain/breaks", api.Breaks.as_view()),
    path("audit/chain/breaks/<uuid:break_id>/acknowledge", api.Acknowledge.as_view()),
]
