"""The hash chain: canonical bytes of an entry, and the link to the entry before it.

Pure and deterministic. Refuses floats, since no two languages print them alike, and anything else JSON cannot hold.

Canonical bytes (`hash_version` 1) are the UTF-8 of `json.dumps(body, sort_keys=True, separators=(",", ":"),
ensure_ascii=False)`: keys in code point order, no white space, numbers only as integers of at most 64 bits. A Decimal
is a string in fixed notation without trailing zeros, a UUID its lower-case text, a time UTC with six digits and a Z.
NUL becomes U+2400 and a lone surrogate U+FFFD before hashing and storing, because no database column can hold them.
The payload is the string of its own JSON text, so that what a caller sent is kept exactly, floats included.
"""

from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson

from apps.decision.events import Entry
from apps.decision.types import JSON

HASH_VERSION = 1
GENESIS = "0" * 64
MAX_DIGITS = 50
# Longer ids are cut: they are indexed, and an index refuses long keys, which would fail a whole batch.
MAX_ID = 200

_CANONICAL = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
_EMPTY_LIST = orjson.Fragment("[]")
_EMPTY_OBJECT = orjson.Fragment("{}")
_ESCAPED_NUL = b"\\u0000"
_TOO_LARGE = 2**63
_TIME_LENGTH = len("2026-01-02T03:04:05.000006Z")


def text_of_time(at: datetime) -> str:
    """UTC, always six digits of microseconds, always Z."""
    if at.tzinfo is not UTC:
        if at.tzinfo is None:
            raise ValueError("a time in the log needs a time zone")
        at = at.astimezone(UTC)
    text = orjson.dumps(at, option=orjson.OPT_UTC_Z)[1:-1].decode()  # several times as fast as isoformat
    return text if len(text) == _TIME_LENGTH else at.isoformat(timespec="microseconds")[:-6] + "Z"


def text_of_decimal(value: Decimal) -> str:
    """Fixed notation, no trailing zeros: equal values have equal text, whatever their exponent."""
    if not value.is_finite() or (value and abs(value.adjusted()) > MAX_DIGITS):
        raise ValueError(f"only finite numbers of at most {MAX_DIGITS} digits can be logged")
    text = format(value, "f") if value else "0"
    if len(text) > 2 * MAX_DIGITS:
        raise ValueError(f"only finite numbers of at most {MAX_DIGITS} digits can be logged")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def text_of_uuid(value: UUID) -> str:
    return orjson.dumps(value)[1:-1].decode()


def clean(text: str) -> str:
    """Replace what neither PostgreSQL nor UTF-8 can hold: NUL by U+2400, lone surrogates by U+FFFD."""
    text = text.replace("\0", "\u2400")
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)
    return text


def canonical(value: JSON) -> bytes:
    """Canonical bytes of a JSON value, times, Decimals and UUIDs included. ValueError for anything else."""
    _refuse_floats(value)
    try:
        data = orjson.dumps(value, _text_of, _CANONICAL)
    except TypeError:  # lone surrogates are the one refusal that cleaning cures; the rest is refused again
        data = _ESCAPED_NUL
    if _ESCAPED_NUL not in data:
        return data
    try:
        return orjson.dumps(_cleaned(value), _text_of, _CANONICAL)
    except TypeError as error:
        raise ValueError(f"not loggable: {error}") from error


def payload_text(payload: JSON) -> str | None:
    """The JSON text under which a payload is hashed and stored; floats keep the shortest text that reads back."""
    if payload is None:
        return None
    try:
        return orjson.dumps(payload, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:
        pass
    try:
        return orjson.dumps(_cleaned(payload), option=orjson.OPT_SORT_KEYS).decode()
    except TypeError as error:
        raise ValueError(f"not loggable: {error}") from error


def fields(entry: Entry, tenant: str, seq: int, recorded_at: str) -> dict[str, Any]:
    """All that is hashed of an entry, in canonical order, as JSON values.

    Written out by hand because it runs twice for every governed call.
    """
    score, latency, parent = entry.behavioral_score, entry.latency_ms, entry.parent_event_id
    delegation, findings, extra, payload = entry.delegation_chain, entry.dlp_findings, entry.extra, entry.payload
    code = entry.response_code
    for number in (entry.rulebook_version, entry.causal_depth, code or 0):
        if type(number) is not int or not -_TOO_LARGE <= number < _TOO_LARGE:
            raise ValueError("a number in the log is an integer of at most 64 bits or a Decimal")
    return {
        "action": entry.action,
        "actor": entry.actor,
        "agent_id": entry.agent_id[:MAX_ID],
        "behavioral_score": None if score is None else text_of_decimal(score),
        "causal_depth": entry.causal_depth,
        "delegation_chain": orjson.Fragment(canonical(list(delegation))) if delegation else _EMPTY_LIST,
        "dlp_action": entry.dlp_action,
        "dlp_findings": orjson.Fragment(canonical(list(findings))) if findings else _EMPTY_LIST,
        "error": entry.error,
        "extra": orjson.Fragment(canonical(extra)) if extra else _EMPTY_OBJECT,
        "hash_version": HASH_VERSION,
        "id": text_of_uuid(entry.id),
        "input_hash": entry.input_hash,
        "instruction_hash": entry.instruction_hash,
        "kind": entry.kind.label,
        "latency_ms": None if latency is None else text_of_decimal(latency),
        "mcp_server": entry.mcp_server,
        "method": entry.method,
        "parent_event_id": None if parent is None else text_of_uuid(parent),
        "payload": None if payload is None else payload_text(payload),
        "policy_id": entry.policy_id,
        "policy_reason": entry.policy_reason,
        "policy_result": entry.policy_result,
        "recorded_at": recorded_at,
        "requester_channel": entry.requester_channel,
        "requester_id": entry.requester_id,
        "requester_verified": entry.requester_verified,
        "response_code": code,
        "rulebook_version": entry.rulebook_version,
        "seq": seq,
        "session_id": entry.session_id[:MAX_ID],
        "stage": entry.stage,
        "target": entry.target,
        "tenant": tenant,
        "timestamp": text_of_time(entry.at),
        "tool_name": entry.tool_name,
        "workflow_session_id": entry.workflow_session_id,
    }


def body(values: dict[str, Any]) -> bytes:
    """Canonical bytes of what `fields` gave. Cleans the texts in `values` in place where one needs it."""
    try:
        data = orjson.dumps(values)
    except TypeError:
        data = _ESCAPED_NUL
    if _ESCAPED_NUL in data:
        for key, value in values.items():
            if isinstance(value, str):
                values[key] = clean(value)
        try:
            data = orjson.dumps(values)
        except TypeError as error:
            raise ValueError(f"not loggable: {error}") from error
    return data


def link(previous_hash: str, body: bytes) -> str:
    """The hash of an entry: SHA-256 over the 64 hex digits of the previous one, followed by the canonical body."""
    return sha256(previous_hash.encode() + body).hexdigest()


def _text_of(value: object) -> str:
    if isinstance(value, Decimal):
        return text_of_decimal(value)
    if isinstance(value, datetime):
        return text_of_time(value)
    raise TypeError(f"{type(value).__name__} is not loggable")


def _refuse_floats(value: JSON) -> None:
    kind = type(value)
    if kind is str or value is None:
        return
    if kind is dict:
        for item in value.values():
            _refuse_floats(item)
    elif kind is list or kind is tuple:
        for item in value:
            _refuse_floats(item)
    elif isinstance(value, float):
        raise ValueError("floats cannot be logged; use a Decimal")


def _cleaned(value: JSON) -> JSON:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        cleaned = {clean(key) if isinstance(key, str) else key: _cleaned(item) for key, item in value.items()}
        if len(cleaned) != len(value):
            raise ValueError("two keys become one when cleaned")
        return cleaned
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value]
    return value
