"""Filters of this room's lists that are named as people know them."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin


class ServerFilter(admin.AllValuesFieldListFilter):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = "MCP server"


class SubjectFilter(admin.ChoicesFieldListFilter):
    """Calls and results, as the list names them."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        for choice in super().choices(changelist):
            yield {**choice, "display": "result" if choice["display"] == "inbound" else choice["display"]}
