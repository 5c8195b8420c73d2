"""This room's REST addresses on the operator's host, below `/api/v1/`."""

from django.urls import path

from apps.exceptions.api.operator import BreakGlassView, FleetSwitchView, MendGlassView

urlpatterns = [
    path("admin/killswitch", FleetSwitchView.as_view(), name="fleet-killswitch"),
    path("admin/killswitch/break-glass", BreakGlassView.as_view(), name="break-glass"),
    path("admin/killswitch/mend", MendGlassView.as_view(), name="mend-glass"),
]
