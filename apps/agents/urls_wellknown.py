"""Doors of this room, that well-known addresses lead to."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
