"""Keyset pagination, one shape for every list: `{"results": [...], "next_cursor": "…" | null}`.

A cursor is the last row's key, base64url-coded; it is opaque to clients and only ever compared, never trusted as SQL.
"""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model, Q, QuerySet
from rest_framework.request import Request

from apps.decision.errors import BadInput

DEFAULT_LIMIT, MAX_LIMIT = 50, 500
MAX_DIGITS = 18  # what fits a bigint; more would reach int() as work, or the database as an error
M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class KeysetPage(Generic[M]):
    rows: Sequence[M]
    next_cursor: str | None

    @classmethod
    def of(cls, request: Request, rows: QuerySet[M], *, key: str = "pk", descending: bool = True) -> "KeysetPage[M]":
        """One page of `rows`, ordered by a unique `key` field; reads `limit` and `cursor` of the query string."""
        limit = limit_of(request)
        after = decode(request.query_params["cursor"]) if request.query_params.get("cursor") else None
        if after is not None:
            try:
                rows = rows.filter(Q(**{f"{key}__{'lt' if descending else 'gt'}": after}))
            except (ValueError, TypeError):
                raise _bad_cursor() from None
        found = list(rows.order_by(f"-{key}" if descending else key)[: limit + 1])
        more = len(found) > limit
        page = found[:limit]
        return cls(page, encode(_value(page[-1], key)) if more else None)

    def body(self, serialize: Callable[[Sequence[M]], Any]) -> dict[str, Any]:
        return {"results": serialize(self.rows), "next_cursor": self.next_cursor}


def limit_of(request: Request) -> int:
    text = request.query_params.get("limit", str(DEFAULT_LIMIT))
    if not text.isascii() or not text.isdigit() or len(text) > MAX_DIGITS or not 1 <= int(text) <= MAX_LIMIT:
        raise BadInput(
            f"limit must be a whole number from 1 to {MAX_LIMIT}",
            fields={"limit": f"Give a whole number from 1 to {MAX_LIMIT}."},
        )
    return int(text)


def encode(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, default=str).encode()).decode().rstrip("=")


def decode(cursor: str) -> str | int:
    try:
        value = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        raise _bad_cursor() from None
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise _bad_cursor()
    if isinstance(value, str) and not _can_be_compared(value):
        raise _bad_cursor()
    return value


def _can_be_compared(text: str) -> bool:
    """Whether the database can hold this text: JSON can spell NUL and half a character."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _bad_cursor() -> BadInput:
    return BadInput("The cursor is not one of ours", fields={"cursor": "Send back the next_cursor of a previous page."})


def _value(row: Model, key: str) -> Any:
    return row.pk if key == "pk" else getattr(row, key)
