"""Random credentials and their digests. A credential is shown once; afterwards only its digest exists.

Every credential here carries 256 random bits, so guessing is hopeless and a slow password hash would only slow us:
SHA-256 under a purpose is enough, and it does not change when the application's secret key does.
"""

import hashlib
import hmac
import secrets
from enum import StrEnum


class Purpose(StrEnum):
    """What a credential is for. The value is its visible beginning, so that a leaked one can be recognised."""

    CLIENT_SECRET = "bhv_sec_"  # noqa: S105 - the public beginning of a secret
    ENROLMENT_TOKEN = "bhv_enr_"  # noqa: S105 - likewise
    ACCESS_TOKEN = "bhv_pat_"  # noqa: S105 - likewise


# What to show of a credential so that its owner can tell it from others: eight of its 256 bits' 43 characters.
SHOWN = 8
LENGTH = len(Purpose.ACCESS_TOKEN) + 43
MAX_LENGTH = 200
NO_DIGEST = "0" * 64  # matches nothing


def generate(purpose: Purpose) -> str:
    return purpose + secrets.token_urlsafe(32)


def generate_client_id() -> str:
    return f"agt_{secrets.token_hex(16)}"


def prefix_of(credential: str) -> str:
    """The part that may be shown and logged."""
    return credential[: len(Purpose.ACCESS_TOKEN) + SHOWN]


def digest(credential: str) -> str:
    return hashlib.sha256(b"behavry.credential.v1:" + credential[:MAX_LENGTH].encode("utf-8", "replace")).hexdigest()


def matches(credential: str, *digests: str) -> bool:
    """Whether the credential has one of these digests. Looks at all of them, in constant time each."""
    found = digest(credential)
    return sum(hmac.compare_digest(found, known) for known in digests) > 0
