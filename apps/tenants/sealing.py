"""Encryption at rest: AES-256-GCM under a key derived from the master secret and a context.

A sealed value is `version (1 byte) || key id (4) || nonce (12) || ciphertext and tag`. The context names what the value
is for and is authenticated with it, so a value cannot be moved to another column or tenant.
"""

import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from apps.decision.errors import Unavailable

VERSION = b"\x01"


def seal(plaintext: bytes, *, context: str) -> bytes:
    key, key_id = _key(context)
    nonce = os.urandom(12)
    header = VERSION + key_id
    return header + nonce + AESGCM(key).encrypt(nonce, plaintext, header + context.encode())


def unseal(sealed: bytes, *, context: str) -> bytes:
    """Raises Unavailable when the value was sealed under another master secret, context, or was altered."""
    sealed = bytes(sealed)
    key, key_id = _key(context)
    header, nonce, ciphertext = sealed[:5], sealed[5:17], sealed[17:]
    if header != VERSION + key_id:
        raise Unavailable("A stored secret was sealed under another key", code="key_unavailable")
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, header + context.encode())
    except InvalidTag:
        raise Unavailable("A stored secret cannot be opened with this key", code="key_unavailable") from None


def derived_key(context: str) -> bytes:
    """A key of its own for what is named: the same in every process of the installation, and nowhere else."""
    info = b"behavry.derived.v1:" + context.encode()
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive(settings.SECRET_KEY.encode())


def _key(context: str) -> tuple[bytes, bytes]:
    master = settings.SECRET_KEY.encode()
    key = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"behavry.seal.v1:" + context.encode()).derive(
        master
    )
    return key, hashlib.sha256(b"behavry.key_id:" + master).digest()[:4]
