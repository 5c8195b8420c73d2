"""Body parsers for doors that anybody may knock at: nothing there needs more than a few kilobytes."""

from collections.abc import Mapping
from io import BytesIO
from typing import IO, Any

from rest_framework.parsers import FormParser

from apps.decision.errors import TooLarge
from apps.tenants.parsers import StrictJSONParser

LIMIT = 64 * 1024


class SmallFormParser(FormParser):
    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        return super().parse(_bounded(stream), media_type, parser_context)


class SmallJSONParser(StrictJSONParser):
    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        return super().parse(_bounded(stream), media_type, parser_context)


def _bounded(stream: IO[Any]) -> IO[bytes]:
    body = stream.read(LIMIT + 1)
    if len(body) > LIMIT:
        raise TooLarge(f"At most {LIMIT} bytes")
    return BytesIO(body)
