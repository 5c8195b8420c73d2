"""Numbers and addresses of people: cards, social security numbers, e-mail."""

import re

from apps.decision.scan.checks import luhn, placeholder
from apps.decision.scan.linear import compile_re2
from apps.decision.scan.pattern import LEFT, Hit, Pattern
from apps.decision.scan.patterns import made
from apps.decision.types import Severity

_CARD_WORD = compile_re2(
    rb"(?i)card|credit|debit|visa|master|amex|american.?express|discover|diners|jcb|\bpan\b|\bcc\b|cvv"
)
# A name right before a bare number that says it counts or names a thing.
_OTHER_NUMBER = compile_re2(
    rb"(?i)(?:order|tracking|track|invoice|isbn|issn|imei|serial|sku|barcode|ean|upc|shipment|trace|span|message|event"
    rb"|tweet|snowflake|batch|request|session|thread|channel|guild|build|job|ticket|timestamp|time|phone|fax|tel|mobile"
    rb"|part|model|lot|case|ref(?:erence)?|version|user|post|item|product|object|row|record|seed|offset|size|bytes|hash|\w{0,20}(?:_id|Id|\bid))"
    rb"[\s_-]{0,2}(?:id|ids|no|nr|num|number|code|key|ns|ms|us|at)?[\s.#:=\"'`|,>(\[]{0,8}$"
)
_SSN_WORD = compile_re2(
    rb"(?i)\bssn|ssn\b|social[\s_-]{0,2}sec|soc\.? ?sec|\btin\b|tax[\s_-]{0,2}(?:payer)?[\s_-]{0,2}id"
)
_NOT_SSN = frozenset({b"078051120", b"219099999"})  # printed in advertisements, never valid since


def _brand(digits: bytes) -> bool:
    """Whether first digits and length belong to a network that issues such cards."""
    size = len(digits)
    two, three, four = int(digits[:2]), int(digits[:3]), int(digits[:4])
    if digits[0] == 0x34:  # 4, Visa
        return size in (13, 16, 19)
    if 51 <= two <= 55 or 2221 <= four <= 2720:  # Mastercard
        return size == 16
    if two in (34, 37):  # American Express
        return size == 15
    if 300 <= three <= 305 or two in (36, 38, 39):  # Diners Club
        return size == 14
    if four == 6011 or 644 <= three <= 649 or two == 65:  # Discover
        return 16 <= size <= 19
    if 3528 <= four <= 3589 or two == 62:  # JCB, UnionPay
        return 16 <= size <= 19
    return False


_WHOLE = re.compile(rb"\.0(?![0-9.])")  # how JSON may write a whole number


def _card(hit: Hit) -> Hit | None:
    secret = hit.secret
    digits = bytes(byte for byte in secret if 48 <= byte <= 57)
    before, after = hit.before(2), hit.after(2)
    if before[-1:] in (b".", b"-", b"_", b"/") or after[:1] in (b"-", b"_", b"*"):
        return None
    if after[:1] == b"." and after[1:].isdigit() and not _WHOLE.match(hit.after(4)):
        return None
    if len(set(digits)) < 2 or not _brand(digits) or not luhn(digits):
        return None
    if len(secret) == len(digits):
        named = _CARD_WORD.search(hit.before(60)) or _CARD_WORD.search(hit.after(40))
        if not named and (len(digits) in (13, 14, 17, 18, 19) or _OTHER_NUMBER.search(hit.before(40))):
            return None
    return hit


def _ssn(hit: Hit) -> Hit | None:
    secret = hit.secret
    digits = bytes(byte for byte in secret if 48 <= byte <= 57)
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    if area in (b"000", b"666") or area[0] == 0x39 or group == b"00" or serial == b"0000" or digits in _NOT_SSN:
        return None
    before, after = hit.before(2), hit.after(2)
    if before[-1:] in (b".", b"-", b"_", b"/", b"#") or after[:1] in (b"-", b"_", b"/"):
        return None
    if (after[:1] == b"." and after[1:].isdigit()) or len(set(digits)) == 1:
        return None
    named = _SSN_WORD.search(hit.before(60)) is not None
    if secret[3:4] == b"-" and secret[6:7] == b"-":
        return hit if named or not _OTHER_NUMBER.search(hit.before(40)) else None
    return hit if named else None


def _email(hit: Hit) -> Hit | None:
    return None if placeholder(hit.secret) else hit


PATTERNS = (
    Pattern(
        name="credit_card",
        title="Payment card number",
        severity=Severity.HIGH,
        regex=LEFT + r"([2-6]\d{3}(?:\d{9,15}|(?:[ .+-]\d{4}){3}(?:[ .+-]?\d{1,3})?|[ .+-]\d{6}[ .+-]\d{4,5}))\b",
        check=_card,
        hits=lambda: (
            "card " + made.card("4", 16, "v"),
            "-".join(re.findall("....", made.card("5500", 16, "m"))),
            "Amex 3782" + " 822463 10005",
        ),
        misses=lambda: ("1234 5678 9012 3456", "4111 1111 1111 1112", "order_id: " + made.card("4", 16, "v")),
    ),
    Pattern(
        name="ssn",
        title="US social security number",
        severity=Severity.HIGH,
        regex=LEFT + r"(\d{3}(?:-\d{2}-|\s\d{2}\s|\d{2})\d{4})\b",
        # Nine digits in a row are everywhere; without dashes only a number that is called one is looked at.
        triggers=(
            LEFT + r"\d{3}(?:-\d{2}-|\s\d{2}\s|\d{2})\d{4}\b",
            r"(?i)\d{3}-\d{2}-\d{4}\b|ssn|social|soc\.? ?sec|\btin\b|tax",
        ),
        check=_ssn,
        hits=lambda: ("SSN: 536" + "-22-" + "8145", "social security number 536" + "228145"),
        misses=lambda: (
            "000-12-3456",
            "666-12-3456",
            "912-34-5678",
            "part no. 123-45-6789",
            "call 5362281450",
            "536228145",
        ),
    ),
    Pattern(
        name="email",
        title="E-mail address",
        severity=Severity.LOW,
        regex=r"\b([0-9A-Za-z][0-9A-Za-z._%+-]{0,63}@(?:[0-9A-Za-z-]{1,63}\.){1,8}[A-Za-z]{2,24})\b",
        check=_email,
        rank=2,
        enabled=False,
        hits=lambda: ("write to mara.lindt" + "@" + "kontor.de", "<a+b" + "@" + "mail.co.uk>"),
        misses=lambda: ("user@localhost", "you" + "@" + "example.com", "@decorator.method"),
    ),
)
