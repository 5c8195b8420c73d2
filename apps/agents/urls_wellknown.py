"""Well-known documents, at the root of a tenant host."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
