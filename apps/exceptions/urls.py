"""This room's REST addresses, below `/api/v1/`. Each noun has its own file; its lines stand together here."""

from django.urls import URLPattern

# One block of lines per noun: escalations, hooks, kill switch, exceptions.
urlpatterns: list[URLPattern] = []
