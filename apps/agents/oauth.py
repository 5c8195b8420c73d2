"""What a token request may say, and what it may be told when it fails (RFC 6749 section 5.2, RFC 8707)."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

from apps.decision.errors import AppError

MAX_PARAMETER = 2000
_VISIBLE = re.compile(r"[\x20-\x7e]*")  # RFC 6749 appendix A: what parameters are made of


class OAuthError(AppError):
    """`code` is the OAuth error code. `why` is for the log: a fixed word, never what the caller sent."""

    def __init__(self, code: str, detail: str, *, status: int = 400, why: str = "", agent_id: str = "") -> None:
        super().__init__(detail, code=code)
        self.status = status
        self.why = why or code
        self.agent_id = agent_id


@dataclass(frozen=True, slots=True)
class TokenRequest:
    client_id: str
    client_secret: str = field(repr=False)
    resource: str = ""


def parse(body: Any, authorization: str) -> TokenRequest:
    """A token request from the parameters of its body and its Authorization header; raises OAuthError."""
    if not isinstance(body, Mapping):
        raise OAuthError("invalid_request", "The body must hold parameters.")
    if _parameter(body, "grant_type") != "client_credentials":
        if not body.get("grant_type"):
            raise OAuthError("invalid_request", "grant_type is missing.")
        raise OAuthError("unsupported_grant_type", "Only client_credentials is supported.")
    _parameter(body, "scope")
    client_id, client_secret = _parameter(body, "client_id"), _parameter(body, "client_secret")
    if authorization:
        name, password = _basic(authorization)
        if client_secret or client_id not in {"", name}:
            raise OAuthError("invalid_request", "Authenticate in one way only.")
        client_id, client_secret = name, password
    if not client_id or not client_secret:
        raise OAuthError("invalid_client", "Client authentication failed.", status=401, why="missing_credentials")
    return TokenRequest(client_id, client_secret, _parameter(body, "resource"))


def _parameter(body: Mapping[str, Any], name: str) -> str:
    values = body.getlist(name) if hasattr(body, "getlist") else [body[name]] if name in body else []
    if len(values) > 1:
        raise OAuthError("invalid_request", f"{name} is given more than once.")
    value = values[0] if values else ""
    if not isinstance(value, str) or len(value) > MAX_PARAMETER or not _VISIBLE.fullmatch(value):
        raise OAuthError("invalid_request", f"{name} must be at most {MAX_PARAMETER} visible ASCII characters.")
    return value


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    try:
        if scheme.lower() != "basic" or len(encoded) > MAX_PARAMETER:
            raise ValueError
        name, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
        name, password = unquote_plus(name), unquote_plus(password)
        if not colon or not _VISIBLE.fullmatch(name + password):
            raise ValueError
    except (ValueError, binascii.Error):
        raise OAuthError(
            "invalid_client", "Client authentication failed.", status=401, why="bad_authorization_header"
        ) from None
    return name, password
