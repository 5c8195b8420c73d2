"""Signs anchors with an Ed25519 key derived from the master secret, so that the public key alone can check them."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


def sign(message: bytes) -> tuple[str, str]:
    """Public key and signature, as hex."""
    key = _key()
    return key.public_key().public_bytes_raw().hex(), key.sign(message).hex()


def is_ours(message: bytes, public_key: str, signature: str) -> bool:
    """Whether this installation signed the message. A signature by any other key is worth nothing here."""
    if public_key != _key().public_key().public_bytes_raw().hex():
        return False
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _key() -> Ed25519PrivateKey:
    master = settings.SECRET_KEY.encode()
    seed = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"behavry.audit.anchor.v1").derive(master)
    return Ed25519PrivateKey.from_private_bytes(seed)
