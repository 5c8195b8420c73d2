"""Whose token a request carries: verified once, remembered until it expires or the keys change."""

import time
from collections import OrderedDict
from datetime import UTC, datetime
from hashlib import sha256

from apps.agents.tokens import Claims, TokenError, verify
from apps.decision.facts import Rulebook

Remembered = tuple[Claims, float, tuple[object, ...]]


class Tokens:
    """Remembers digests, never tokens. Revocation is not its business: that is checked on every call."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._known: OrderedDict[tuple[bytes, str, str], Remembered] = OrderedDict()

    def claims(self, authorization: bytes | None, book: Rulebook, server: str) -> Claims:
        """Raises TokenError; without a token its code is empty, since RFC 6750 wants no error then."""
        if authorization is None:
            raise TokenError("no_token", code="")
        scheme, _, token = authorization.partition(b" ")
        if scheme.lower() != b"bearer" or not token.isascii():
            raise TokenError("not_bearer")
        key = (sha256(token).digest(), book.schema, server)
        trusted = (book.keys, book.issuer, book.audiences)
        known = self._known.get(key)
        if known is not None and known[1] > time.time() and _same(known[2], trusted):
            return known[0]
        claims = verify(
            token.decode().strip(),
            keys=book.keys,
            issuer=book.issuer,
            audiences=(*book.audiences, *(f"{audience}/mcp/v1/{server}" for audience in book.audiences)),
            schema=book.schema,
            now=datetime.now(UTC),
        )
        self._known[key] = (claims, claims.expires_at.timestamp(), trusted)
        if len(self._known) > self._size:
            self._known.popitem(last=False)
        return claims


def _same(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    return all(a is b for a, b in zip(one, other, strict=True)) or one == other
