"""Secret-shaped text for examples and tests, made when asked for, so that none of it stands in a source file."""

import base64
import hashlib

import orjson

UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LOWER = UPPER.lower()
DIGITS = "0123456789"
HEX = DIGITS + "abcdef"
ALNUM = UPPER + LOWER + DIGITS
BASE32 = UPPER + "234567"
BASE64 = ALNUM + "+/"
URLSAFE = ALNUM + "-_"


def chars(alphabet: str, size: int, seed: str = "") -> str:
    """`size` characters of the alphabet, the same ones for the same seed."""
    out: list[str] = []
    for block in range(size // 32 + 1):
        out.extend(alphabet[byte % len(alphabet)] for byte in hashlib.sha256(f"{seed}:{block}".encode()).digest())
    return "".join(out[:size])


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def jwt(seed: str = "") -> str:
    parts = ({"alg": "RS256", "typ": "JWT"}, {"sub": chars(DIGITS, 10, seed), "exp": 1900000000})
    head, body = (base64.urlsafe_b64encode(orjson.dumps(part)).decode().rstrip("=") for part in parts)
    return f"{head}.{body}.{chars(URLSAFE, 86, seed)}"


def pem(label: str, newline: str = "\n", seed: str = "", lines: int = 8) -> str:
    body = newline.join(chars(BASE64, 64, f"{seed}{line}") for line in range(lines))
    dashes = "-" * 5
    return newline.join((f"{dashes}BEGIN {label}{dashes}", body, f"{dashes}END {label}{dashes}", ""))


def card(prefix: str, size: int, seed: str = "") -> str:
    """A number with this beginning and a right check digit."""
    head = prefix + chars(DIGITS, size - len(prefix) - 1, seed)
    total = 0
    for index, char in enumerate(reversed(head)):
        digit = int(char) * (2 if index % 2 == 0 else 1)
        total += digit - 9 if digit > 9 else digit
    return head + str(-total % 10)
