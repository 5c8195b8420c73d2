"""Which era a request belongs to, and whether its routing headers say the same as its body.

The body is what is judged; the headers must then agree with it. A header that a proxy before or behind this one
could route by, and that differs from the body, is refused.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from enum import Enum
from typing import Final

from apps.decision.types import JSON
from apps.gateway import methods
from apps.gateway.messages import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    UNSUPPORTED_PROTOCOL_VERSION,
    Message,
    ProtocolError,
)

HANDSHAKE_VERSIONS: Final = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
STATELESS_VERSIONS: Final = ("2026-07-28",)
BATCH_VERSIONS: Final = frozenset({"2024-11-05", "2025-03-26"})

VERSION_KEY: Final = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES_KEY: Final = "io.modelcontextprotocol/clientCapabilities"
SUBSCRIPTION_KEY: Final = "io.modelcontextprotocol/subscriptionId"

VERSION_HEADER: Final = b"mcp-protocol-version"
METHOD_HEADER: Final = b"mcp-method"
NAME_HEADER: Final = b"mcp-name"
PARAM_PREFIX: Final = b"mcp-param-"
ROUTING_HEADERS: Final = frozenset({VERSION_HEADER, METHOD_HEADER, NAME_HEADER})

_SENTINEL = re.compile(r"=\?base64\?(.*)\?=")
_PLAIN = re.compile(r"[\x20-\x7e]*")


class Era(Enum):
    STATEFUL = "stateful"
    STATELESS = "stateless"


def era_of_header(version: bytes | None) -> Era:
    """By the header alone: absent or a handshake version is the stateful era, any other value is not."""
    if version is None or version.decode("latin-1") in HANDSHAKE_VERSIONS:
        return Era.STATEFUL
    return Era.STATELESS


def era_of(message: Message, version: bytes | None) -> Era:
    """A message that carries the per-request envelope is stateless whatever its headers say (they must agree then)."""
    if era_of_header(version) is Era.STATELESS or _enveloped(message):
        return Era.STATELESS
    return Era.STATEFUL


def _enveloped(message: Message) -> bool:
    meta = message.params.get("_meta")
    return isinstance(meta, dict) and VERSION_KEY in meta


def check_stateful(message: Message, headers: Mapping[bytes, bytes]) -> None:
    """Routing headers are not part of this era; one that contradicts the body can only be meant to mislead."""
    method = headers.get(METHOD_HEADER)
    if method is not None and decode(method) != message.method:
        raise _mismatch(message, "Mcp-Method", "method")
    if NAME_HEADER in headers:
        _check_name(message, headers)


def check_stateless(message: Message, headers: Mapping[bytes, bytes]) -> None:
    """The order of refusals is the specification's: envelope, equality, version."""
    meta = message.params.get("_meta")
    missing = [key for key in (VERSION_KEY, CAPABILITIES_KEY) if not isinstance(meta, dict) or key not in meta]
    if missing or not isinstance(meta, dict):
        raise ProtocolError(INVALID_PARAMS, f"params._meta lacks {', '.join(missing)}", id=message.id)
    version = meta[VERSION_KEY]
    header = headers.get(VERSION_HEADER)
    if header is None or header.decode("latin-1") != version:
        raise _mismatch(message, "MCP-Protocol-Version", "_meta protocol version")
    if decode(headers.get(METHOD_HEADER)) != message.method:
        raise _mismatch(message, "Mcp-Method", "method")
    _check_name(message, headers)
    refuse_version(version, message.id)


def refuse_version(version: JSON, id: int | str | None) -> None:
    if version not in STATELESS_VERSIONS:
        raise ProtocolError(
            UNSUPPORTED_PROTOCOL_VERSION,
            "Unsupported protocol version",
            id=id,
            data={"supported": list(STATELESS_VERSIONS), "requested": version},
        )


def _check_name(message: Message, headers: Mapping[bytes, bytes]) -> None:
    key = methods.from_client(message.method).header
    if not key:
        return
    named = message.params.get(key)
    sent = headers.get(NAME_HEADER)
    if sent is None and message.method not in methods.MUST_MIRROR:
        return
    if named is not None and decode(sent) != named:
        raise _mismatch(message, "Mcp-Name", f"params.{key}")


def _mismatch(message: Message, header: str, field: str) -> ProtocolError:
    return ProtocolError(HEADER_MISMATCH, f"The header {header} is not the same as the body's {field}", id=message.id)


def refuse_duplicates(pairs: list[tuple[bytes, bytes]], id: int | str | None) -> None:
    """A routing header that occurs twice reads differently first to last and last to first."""
    seen = set()
    for name, _ in pairs:
        if name in ROUTING_HEADERS or name.startswith(PARAM_PREFIX):
            if name in seen:
                raise ProtocolError(HEADER_MISMATCH, f"The header {name.decode()} occurs more than once", id=id)
            seen.add(name)


def routing_headers(message: Message, version: str) -> dict[str, str]:
    """What a stateless upstream is told: made from the body that was judged."""
    headers = {"MCP-Protocol-Version": version, "Mcp-Method": encode(message.method)}
    key = methods.from_client(message.method).header
    name = message.params.get(key) if key else None
    if isinstance(name, str):
        headers["Mcp-Name"] = encode(name)
    return headers


def encode(value: str) -> str:
    """A header value: printable ASCII as it is, anything else in the specification's base64 form."""
    if _PLAIN.fullmatch(value) and value == value.strip() and not _SENTINEL.fullmatch(value):
        return value
    return f"=?base64?{base64.b64encode(value.encode()).decode()}?="


def decode(value: bytes | None) -> str | None:
    """The value meant by a header; None for none and for a malformed one, which then equals nothing."""
    if value is None:
        return None
    text = value.decode("latin-1").strip(" \t")
    hit = _SENTINEL.fullmatch(text)
    if hit is None:
        return text
    try:
        raw = base64.b64decode(hit[1], validate=True)
        return raw.decode() if base64.b64encode(raw).decode() == hit[1] else None
    except (binascii.Error, ValueError):
        return None
