"""Filters of this room's lists that are named as people know them."""

from typing import Any

from django.contrib import admin


class ServerFilter(admin.AllValuesFieldListFilter):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = "MCP server"
