"""Input that says what it means: a field nobody knows is an error, not a silence."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from apps.decision.errors import BadInput


class StrictMixin(serializers.BaseSerializer[Any]):
    """Refuses unknown fields by name."""

    def to_internal_value(self, data: Any) -> Any:
        unknown: dict[str, Any] = {}
        if isinstance(data, Mapping):
            fields: Mapping[str, serializers.Field[Any, Any, Any, Any]] = getattr(self, "fields", {})
            writable = {name for name, field in fields.items() if not field.read_only}
            unknown = dict.fromkeys(sorted(str(name) for name in set(data) - writable), "Unknown field.")
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as error:
            if unknown and isinstance(error.detail, dict):
                raise serializers.ValidationError({**error.detail, **unknown}) from None
            raise
        if unknown:
            raise serializers.ValidationError(unknown)
        return value


class Reason(StrictMixin, serializers.Serializer[Any]):
    """Why something is done; goes into the log."""

    reason = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


def text_of(request: Request, name: str) -> str:
    """A filter of the query string; "" when it is not there."""
    text = request.query_params.get(name, "")
    if len(text) > 200 or "\x00" in text:
        raise BadInput(f"{name} must be at most 200 characters, without NUL", fields={name: "Not a usable text."})
    return text
