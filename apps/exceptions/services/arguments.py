"""What a person is shown of a call: its masked arguments, in a shape that a row can hold, cut where too long."""

from collections.abc import Sequence

import orjson

from apps.decision.chain import clean, payload_text
from apps.decision.types import JSON

MAX_BYTES = 16 * 1024
MAX_FINDINGS = 100
_ESCAPED_NUL = "\\u0000"


def shown(arguments: JSON) -> JSON:
    """The arguments themselves, or `{"truncated": true, "bytes": …, "beginning": …}`."""
    try:
        text = payload_text(arguments) or "null"
    except (ValueError, RecursionError):  # nested too deep, or two keys that become one
        return {"truncated": True, "bytes": None, "beginning": ""}
    data = text.encode()
    if len(data) > MAX_BYTES:
        return {"truncated": True, "bytes": len(data), "beginning": data[:MAX_BYTES].decode(errors="ignore")}
    value = orjson.loads(text)
    if value is None:  # which a JSON column cannot tell from nothing at all
        return {}
    return _without_nul(value) if _ESCAPED_NUL in text else value


def shown_findings(findings: Sequence[JSON]) -> list[dict[str, str]]:
    """The first of a call's masked findings, as its log entry has them."""
    return [{str(key): line(str(value), 500) for key, value in one.items()} for one in findings[:MAX_FINDINGS]]


def line(text: str, length: int) -> str:
    """A text that a column of this length can hold; one that was cut ends in an ellipsis."""
    cleaned = clean(text)
    return cleaned if len(cleaned) <= length else f"{cleaned[: length - 1]}…"


def _without_nul(value: JSON) -> JSON:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(key): _without_nul(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    return value
