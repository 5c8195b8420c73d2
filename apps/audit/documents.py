"""An entry as the outside sees it: the hashed fields in canonical form and the two hashes.

Whoever removes the two hashes, writes the rest as canonical JSON and hashes it after `previous_hash` gets `event_hash`.
"""

import csv
import io
from typing import Any
from uuid import UUID

import orjson

from apps.audit.models import AuditEntry
from apps.audit.rows import COLUMNS
from apps.decision import chain

# A cell that starts so is a formula to a spreadsheet.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def document(entry: AuditEntry) -> dict[str, Any]:
    values = {name: getattr(entry, name) for name in COLUMNS}
    for name in ("id", "parent_event_id"):
        if isinstance(values[name], UUID):
            values[name] = str(values[name])
    for name in ("behavioral_score", "latency_ms"):
        if values[name] is not None:
            number = values[name]
            values[name] = chain.text_of_decimal(number) if number.is_finite() else str(number)
    for name in ("recorded_at", "timestamp"):
        values[name] = chain.text_of_time(values[name])
    return values


def event_type(entry: AuditEntry) -> str:
    """What the live feed calls an entry."""
    if entry.kind == "call.decision":
        return {"deny": "policy_deny", "escalate": "policy_escalate"}.get(entry.policy_result, "tool_call")
    return "call_outcome" if entry.kind == "call.outcome" else "system_notification"


def json_line(entry: AuditEntry) -> bytes:
    return orjson.dumps(document(entry), option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def csv_header() -> bytes:
    return _csv_row(COLUMNS)


def csv_line(entry: AuditEntry) -> bytes:
    return _csv_row([_cell(value) for value in document(entry).values()])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    text = value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    return "'" + text if text.startswith(_FORMULA) else text


def _csv_row(cells: Any) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow(cells)
    return buffer.getvalue().encode()
