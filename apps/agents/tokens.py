"""Agent access tokens: RS256 JWTs after RFC 9068, issued and verified as pure functions of keys and time.

Verification refuses whatever is not exactly what `issue` writes, and tells the caller nothing but an OAuth error code.
"""

import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from jwt.utils import base64url_decode, base64url_encode

LIFETIME = timedelta(hours=1)
# Another machine's clock may run a little ahead of ours; nothing else is forgiven.
CLOCK_SKEW = timedelta(seconds=30)
MAX_LENGTH = 16 * 1024
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_HEADER_FIELDS = {"alg", "kid", "typ"}


class TokenError(Exception):
    """A token that is not accepted. `code` is the OAuth error code and all that a caller may learn.

    `why` is for the log and for tests: a fixed word, never a part of the token.
    """

    def __init__(self, why: str, *, code: str = "invalid_token") -> None:
        super().__init__(code)
        self.code = code
        self.why = why


@dataclass(frozen=True, slots=True)
class Claims:
    agent_id: str
    session_id: str
    expires_at: datetime
    roles: tuple[str, ...]
    permissions: tuple[str, ...]
    risk_tier: str
    tenant: str


def issue(
    *,
    private_pem: bytes,
    kid: str,
    issuer: str,
    audience: str,
    schema: str,
    agent_id: str,
    client_id: str,
    session_id: str,
    roles: Sequence[str],
    permissions: Sequence[str],
    risk_tier: str,
    now: datetime,
    lifetime: timedelta = LIFETIME,
) -> str:
    """A signed token that lives for `lifetime` from `now`."""
    issued = int(now.timestamp())
    body = {
        "iss": issuer,
        "sub": agent_id,
        "jti": session_id,
        "aud": audience,
        "client_id": client_id,
        "tenant": schema,
        "roles": list(roles),
        "permissions": list(permissions),
        "risk_tier": risk_tier,
        "iat": issued,
        "exp": issued + int(lifetime.total_seconds()),
    }
    # The key comes out of sealed, authenticated storage and was made by us: checking its arithmetic again on every
    # token would cost thirty times what signing does.
    key = load_pem_private_key(private_pem, password=None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("a signing key must be an RSA key")
    return jwt.encode(body, key, algorithm="RS256", headers={"kid": kid, "typ": "at+jwt"})


def verify(
    token: str,
    *,
    keys: Mapping[str, str],
    issuer: str,
    audiences: Sequence[str],
    schema: str,
    now: datetime,
) -> Claims:
    """What the token says, once its signature, issuer, audience, tenant and times hold; raises TokenError."""
    body = _signed_body(token, keys)
    if body.get("iss") != issuer:
        raise TokenError("issuer")
    audience = body.get("aud")
    if not isinstance(audience, str) or audience not in audiences:
        raise TokenError("audience")
    if body.get("tenant") != schema:
        raise TokenError("tenant")
    expires_at = _moment(body, "exp")
    if expires_at <= now:
        raise TokenError("expired")
    if _moment(body, "iat") > now + CLOCK_SKEW or ("nbf" in body and _moment(body, "nbf") > now + CLOCK_SKEW):
        raise TokenError("not_yet_valid")
    return Claims(
        agent_id=_text(body, "sub"),
        session_id=_text(body, "jti"),
        expires_at=expires_at,
        roles=_texts(body, "roles"),
        permissions=_texts(body, "permissions"),
        risk_tier=_text(body, "risk_tier"),
        tenant=schema,
    )


def _signed_body(token: str, keys: Mapping[str, str]) -> dict[str, Any]:
    if len(token) > MAX_LENGTH or not _SHAPE.fullmatch(token):
        raise TokenError("shape")
    first, second, _ = (_decode(segment) for segment in token.split("."))
    header = _load(first)
    if header.get("alg") != "RS256" or header.get("typ") != "at+jwt" or set(header) != _HEADER_FIELDS:
        raise TokenError("header")
    kid = header["kid"]
    public_pem = keys.get(kid) if isinstance(kid, str) else None
    if public_pem is None:
        raise TokenError("unknown_key")
    try:
        jwt.PyJWS(algorithms=["RS256"]).decode(token, key=_public_key(public_pem), algorithms=["RS256"])
    except jwt.InvalidTokenError:
        raise TokenError("signature") from None
    return _load(second)


def _load(raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        raise TokenError("not_json") from None
    if not isinstance(value, dict):
        raise TokenError("not_an_object")
    return value


def _decode(segment: str) -> bytes:
    """Strict base64url: one spelling per value, or else a token could be altered without breaking it."""
    try:
        raw = base64url_decode(segment)
    except (binascii.Error, ValueError):
        raise TokenError("encoding") from None
    if base64url_encode(raw).decode() != segment:
        raise TokenError("encoding")
    return raw


def _moment(body: Mapping[str, Any], name: str) -> datetime:
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**40:
        raise TokenError(f"claim_{name}")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        raise TokenError(f"claim_{name}") from None


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise TokenError(f"claim_{name}")
    return value


def _texts(body: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = body.get(name)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise TokenError(f"claim_{name}")
    return tuple(value)


# Parsing a PEM costs more than checking a signature with it; keys are few, public ones are public.
@lru_cache(maxsize=256)
def _public_key(pem: str) -> RSAPublicKey:
    key = load_pem_public_key(pem.encode())
    if not isinstance(key, RSAPublicKey):
        raise TokenError("unknown_key")
    return key
