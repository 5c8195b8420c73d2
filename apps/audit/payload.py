"""How much of a call's arguments the log keeps: nothing but their digest, a redacted copy, all, or all under a key.

Refuses to fall back to more than was asked for: when the key is away, only metadata is kept, and the entry says so.
"""

import base64
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from apps.decision.chain import payload_text
from apps.decision.errors import Unavailable
from apps.decision.types import JSON, Finding, PayloadMode
from apps.tenants.sealing import seal, unseal


class KeyProvider(Protocol):
    """Wraps data keys with a key that never leaves it. Raises Unavailable when it cannot."""

    name: str

    def wrap(self, key: bytes, *, context: str) -> bytes: ...

    def unwrap(self, wrapped: bytes, *, context: str) -> bytes: ...


class LocalKeys:
    """Wraps with the installation's master secret."""

    name = "local"

    def wrap(self, key: bytes, *, context: str) -> bytes:
        return seal(key, context=f"audit.payload:{context}")

    def unwrap(self, wrapped: bytes, *, context: str) -> bytes:
        return unseal(wrapped, context=f"audit.payload:{context}")


@dataclass(frozen=True, slots=True)
class Kept:
    """What goes into an entry's `payload`, and what must be added to its `extra`."""

    payload: JSON = None
    extra: dict[str, JSON] = field(default_factory=dict)


def keep(
    arguments: JSON,
    findings: Sequence[Finding],
    mode: PayloadMode,
    *,
    redact: Callable[[JSON, Sequence[Finding]], JSON],
    provider: KeyProvider,
    context: str,
) -> Kept:
    """What `mode` keeps of `arguments`. `context` is the tenant's schema; another tenant's key opens nothing."""
    if mode is PayloadMode.METADATA_ONLY:
        return Kept()
    try:
        payload_text(arguments)
    except (ValueError, RecursionError):
        return _only_metadata("cannot be written")
    if mode is PayloadMode.FULL:
        return Kept(arguments)
    if mode is PayloadMode.REDACTED:
        try:
            return Kept(redact(arguments, findings))
        except ValueError:
            return _only_metadata("redaction failed")
    try:
        return Kept(_encrypt(arguments, provider, context))
    except Unavailable:
        return _only_metadata("key unavailable")


def reveal(payload: JSON, *, provider: KeyProvider, context: str) -> JSON:
    """The arguments inside an encrypted payload. Raises Unavailable when the key or the data is not the right one."""
    if not isinstance(payload, dict) or payload.get("alg") != "A256GCM":
        return payload
    try:
        wrapped, nonce, data = (base64.b64decode(str(payload[name])) for name in ("key", "nonce", "data"))
        key = provider.unwrap(wrapped, context=context)
        return orjson.loads(AESGCM(key).decrypt(nonce, data, context.encode()))
    except (KeyError, ValueError, InvalidTag):
        raise Unavailable("This payload cannot be opened", code="key_unavailable") from None


def _only_metadata(reason: str) -> Kept:
    return Kept(None, {"payload": "metadata_only", "payload_reason": reason})


def _encrypt(arguments: JSON, provider: KeyProvider, context: str) -> JSON:
    key, nonce = AESGCM.generate_key(256), os.urandom(12)
    data = AESGCM(key).encrypt(nonce, (payload_text(arguments) or "null").encode(), context.encode())
    return {
        "alg": "A256GCM",
        "data": base64.b64encode(data).decode(),
        "key": base64.b64encode(provider.wrap(key, context=context)).decode(),
        "nonce": base64.b64encode(nonce).decode(),
        "provider": provider.name,
    }
