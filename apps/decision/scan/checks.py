"""Evidence beyond shape: check digits, entropy, placeholders. A check refuses a hit or returns it, maybe narrower."""

import base64
import binascii
import math
import re
from collections import Counter
from functools import partial

import orjson

from apps.decision.scan.linear import compile_re2
from apps.decision.scan.pattern import Check, Hit

# What people write where a secret would stand. Whole words of four letters or more: in 40 random base-62 characters
# one of them turns up about once in ten thousand tokens.
_PLACEHOLDER = compile_re2(
    rb"(?i)example|placeholder|your|change_?-?me|dummy|redact|replace|insert|sample|fake|todo|fixme|x{4}|\*{3}|\.{3}"
    rb"|[<>]|\$\{|\{\{|\}\}|%\(|\$\(|not[_-]?(?:a[_-]?)?real"
)
_WORD = re.compile(rb"[A-Z]?[a-z]{4,}|[A-Z][a-z]{3}|[A-Z]{4,}")
_VOWEL = re.compile(rb"[aeiouyAEIOUY]")
_DIGITS = re.compile(rb"[0-9]+")
_ENOUGH = 128  # bytes that tell whether something was drawn at random


def entropy(value: bytes) -> float:
    """Shannon entropy of the beginning, in bits per byte."""
    if not value:
        return 0.0
    value = value[:_ENOUGH]
    size = len(value)
    return -sum(n / size * math.log2(n / size) for n in Counter(value).values())


def placeholder(value: bytes) -> bool:
    return _PLACEHOLDER.search(value) is not None or (len(value) >= 12 and len(set(value)) < 5)


def wordy(value: bytes) -> bool:
    """Whether it reads like an identifier or a path: mostly words, and few groups of digits between them."""
    value = value[:_ENOUGH]
    words = sum(len(word) for word in _WORD.findall(value) if _VOWEL.search(word))
    return words * 20 >= len(value) * 11 and len(_DIGITS.findall(value)) <= 1 + len(value) // 12


def luhn(digits: bytes) -> bool:
    total = 0
    for index, byte in enumerate(reversed(digits)):
        digit = byte - 48
        if index % 2:
            digit = digit * 2 - 9 if digit > 4 else digit * 2
        total += digit
    return total % 10 == 0


def decoded(value: bytes) -> bytes | None:
    """Base64 of either alphabet, with or without padding; None when it is not."""
    value = value.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    if len(value) % 4 == 1:
        return None
    try:
        return base64.b64decode(value + b"=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _token(hit: Hit, bits: float) -> Hit | None:
    secret = hit.secret
    return None if placeholder(secret) or entropy(secret) < bits else hit


def token(bits: float = 2.5) -> Check:
    """For formats with a prefix of their own: refuse what a human typed to stand for one.

    A wrong checksum (GitHub's CRC-32 in the last six characters) is no reason to refuse: a mistyped or truncated-and-
    padded secret is still most of a secret, and the prefix alone is already exact.
    """
    return partial(_token, bits=bits)


def jwt(hit: Hit) -> Hit | None:
    """A JWT's first part is JSON that names an algorithm."""
    head = decoded(hit.secret.split(b".", 1)[0])
    if head is None:
        return None
    try:
        header = orjson.loads(head)
    except orjson.JSONDecodeError:
        return None
    return hit if isinstance(header, dict) and "alg" in header else None


def user_and_password(hit: Hit) -> Hit | None:
    """Base64 of `user:password`, as Docker's and HTTP's basic authentication have it."""
    plain = decoded(hit.secret)
    if plain is None or not plain.isascii():
        return None
    user, colon, password = plain.partition(b":")
    readable = all(32 <= byte < 127 for byte in plain)
    return hit if user and colon and len(password) >= 3 and readable and not placeholder(password) else None


_PEM_LINE = re.compile(rb"[A-Za-z0-9+/]{24,}={0,2}")
_PEM_TAIL = re.compile(rb"[A-Za-z0-9+/]{16,}={0,2}")


def armoured(hit: Hit) -> Hit | None:
    """A key block with key material in it. A block without its last line ends at its last run of base64."""
    secret = hit.secret
    body = secret[secret.index(b"-----", 11) + 5 :]
    if not any(entropy(line) > 3.0 for line in _PEM_LINE.findall(body)):
        return None
    if b"-----END" in body:
        return hit
    last = max(match.end() for match in _PEM_TAIL.finditer(secret))
    return hit.at(hit.start, hit.start + last)
