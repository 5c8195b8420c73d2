"""How an entry becomes a row and a row becomes hashable again. Knows the columns; touches no database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from apps.decision import chain
from apps.decision.events import Entry
from apps.decision.verification import Sealed

# The hashed fields in canonical order, then the hashes: the order of every INSERT and COPY.
FIELDS = (
    "action", "actor", "agent_id", "behavioral_score", "causal_depth", "delegation_chain", "dlp_action",
    "dlp_findings", "error", "extra", "hash_version", "id", "input_hash", "instruction_hash", "kind", "latency_ms",
    "mcp_server", "method", "parent_event_id", "payload", "policy_id", "policy_reason", "policy_result",
    "recorded_at", "requester_channel", "requester_id", "requester_verified", "response_code", "rulebook_version",
    "seq", "session_id", "stage", "target", "tenant", "timestamp", "tool_name", "workflow_session_id",
)  # fmt: skip
COLUMNS = (*FIELDS, "previous_hash", "event_hash")
COLUMN_LIST = ", ".join(f'"{name}"' for name in COLUMNS)
# The same, as text that goes back into canonical bytes unchanged.
READ_LIST = ", ".join(
    f'"{name}"::text' if name in {"delegation_chain", "dlp_findings", "extra", "id", "parent_event_id"} else f'"{name}"'
    for name in COLUMNS
)
_AT = {name: index for index, name in enumerate(COLUMNS)}
_SCORE, _DEPTH, _DELEGATION = _AT["behavioral_score"], _AT["causal_depth"], _AT["delegation_chain"]
_FINDINGS, _EXTRA, _VERSION, _LATENCY = _AT["dlp_findings"], _AT["extra"], _AT["hash_version"], _AT["latency_ms"]
_PARENT, _PAYLOAD, _RECORDED = _AT["parent_event_id"], _AT["payload"], _AT["recorded_at"]
_VERIFIED, _CODE, _RULEBOOK = _AT["requester_verified"], _AT["response_code"], _AT["rulebook_version"]
_SEQ, _TIMESTAMP, _PREVIOUS, _HASH = _AT["seq"], _AT["timestamp"], _AT["previous_hash"], _AT["event_hash"]
_VERSION_TEXT = str(chain.HASH_VERSION)
_TABS = len(COLUMNS) - 1
_NULLABLE_TEXTS = (_SCORE, _LATENCY, _PARENT, _PAYLOAD)
_NULL = "\0"  # stands for SQL's null while a line is made; cleaned texts cannot contain it
INPUT_COLUMN_LIST = "seq, event_id, recorded_at, document"
_COPY_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@dataclass(frozen=True, slots=True)
class End:
    """Where the chain ends: what the next entry links to."""

    seq: int
    event_hash: str
    recorded_at: datetime
    rulebook_version: int = 0


def later(now: datetime, end: End) -> datetime:
    """The log's own time never goes back, whatever the clocks of its writers do."""
    return max(now.astimezone(UTC), end.recorded_at.astimezone(UTC))


def parameters(entry: Entry, tenant: str, seq: int, recorded_at: str, previous_hash: str) -> tuple[list[Any], str]:
    """The values of one row for an INSERT, and the row's hash."""
    values = chain.fields(entry, tenant, seq, recorded_at)
    event_hash = chain.link(previous_hash, chain.body(values))
    row = [_text(value) if type(value) is orjson.Fragment else value for value in values.values()]
    return [*row, previous_hash, event_hash], event_hash


def copy_line(entry: Entry, tenant: str, seq: int, recorded_at: str, previous_hash: str) -> tuple[str, str]:
    """One row in COPY's text form, without the line's end, and the row's hash. Twice per governed call: kept flat."""
    values = chain.fields(entry, tenant, seq, recorded_at)
    event_hash = chain.link(previous_hash, chain.body(values))
    row = [*values.values(), previous_hash, event_hash]
    row[_EXTRA] = _text(row[_EXTRA]) if entry.extra else "{}"
    row[_FINDINGS] = _text(row[_FINDINGS]) if entry.dlp_findings else "[]"
    row[_DELEGATION] = _text(row[_DELEGATION]) if entry.delegation_chain else "[]"
    row[_DEPTH] = str(row[_DEPTH])
    row[_VERSION] = _VERSION_TEXT
    row[_VERIFIED] = "t" if row[_VERIFIED] else "f"
    row[_RULEBOOK] = str(row[_RULEBOOK])
    row[_SEQ] = str(seq)
    code = row[_CODE]
    row[_CODE] = _NULL if code is None else str(code)
    for index in _NULLABLE_TEXTS:
        if row[index] is None:
            row[index] = _NULL
    line = "\t".join(row)
    if "\\" in line or "\n" in line or "\r" in line or line.count("\t") != _TABS:
        line = "\t".join([text.translate(_COPY_ESCAPES) for text in row])
    return line.replace(_NULL, "\\N"), event_hash


def input_line(entry: Entry, seq: int, recorded_at: str, document: bytes) -> bytes:
    """One row of the kept inputs in COPY's text form, line's end included. JSON bytes need no escape but one."""
    document.decode()  # raises on what the database would refuse together with the whole batch
    if b"\0" in document:
        raise ValueError("an input holds a NUL")
    escaped = document.replace(b"\\", b"\\\\")
    if b"\n" in escaped or b"\t" in escaped or b"\r" in escaped:
        escaped = escaped.replace(b"\t", b"\\t").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return b"%d\t%s\t%s\t%s\n" % (seq, str(entry.id).encode(), recorded_at.encode(), escaped)


def sealed(row: Sequence[Any]) -> Sealed:
    """What a row read with `READ_LIST` says, ready to be checked. A tampered row never raises: it just won't match."""
    values = dict(zip(FIELDS, row, strict=False))
    for name in ("delegation_chain", "dlp_findings", "extra"):
        values[name] = orjson.Fragment(values[name])
    for name in ("behavioral_score", "latency_ms"):
        number = values[name]
        if number is not None:
            values[name] = chain.text_of_decimal(number) if number.is_finite() else str(number)
    values["recorded_at"] = chain.text_of_time(row[_RECORDED])
    values["timestamp"] = chain.text_of_time(row[_TIMESTAMP])
    return Sealed(row[_SEQ], row[_PREVIOUS], row[_HASH], orjson.dumps(values))


def _text(fragment: Any) -> str:
    return orjson.dumps(fragment).decode()
