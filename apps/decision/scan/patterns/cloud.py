"""Keys of the large clouds: AWS, Google, Azure storage."""

import re

from apps.decision.scan.checks import entropy, placeholder, token, wordy
from apps.decision.scan.linear import compile_re2
from apps.decision.scan.pattern import LEFT, RIGHT, Hit, Pattern
from apps.decision.scan.patterns import made
from apps.decision.types import Severity

_DIGIT = re.compile(rb"[0-9]")
_AWS_CONTEXT = compile_re2(rb"(?i)aws|amazon|secret[\s_.-]{0,2}access[\s_.-]{0,2}key|\b(?:AK|AS)IA[A-Z0-9]{16}")
_SECRET_KEY = compile_re2(rb"(?i)secret[\s_.-]{0,2}key")
_AZURE_CONTEXT = compile_re2(rb"(?i)account[\s_.-]?key|azure|storage|\.core\.windows\.net")


def _aws_secret(hit: Hit) -> Hit | None:
    """Forty characters are only a key where AWS is spoken of, and where they look drawn at random."""
    if hit.end - hit.start == 41 and hit.before(1) == b"\\" and hit.secret[:1] in (b"n", b"r", b"t"):
        hit = hit.at(hit.start + 1, hit.end)  # what precedes is an escaped end of line
    secret = hit.secret
    # A commit's hash is what forty characters are most of the time, so it goes first.
    if len(secret) != 40 or secret.islower() or secret.isupper() or not _DIGIT.search(secret):
        return None
    if hit.before(1) in (b"-", b"_") or hit.after(1) in (b"-", b"_", b"="):
        return None
    if entropy(secret) < 4.0 or placeholder(secret) or wordy(secret) or secret.startswith(b"eyJ"):
        return None
    before = hit.before(160)
    if _AWS_CONTEXT.search(before) or _AWS_CONTEXT.search(hit.after(80)):
        return hit
    # Many services have a "secret key"; AWS's holds a slash or a plus in three of four cases.
    return hit if re.search(rb"[+/]", secret) and _SECRET_KEY.search(before[-60:]) else None


def _azure_key(hit: Hit) -> Hit | None:
    if entropy(hit.secret) < 4.5 or hit.before(8).lower().endswith((b"sha512-", b"sha384-", b"base64,")):
        return None
    return hit if _AZURE_CONTEXT.search(hit.before(200)) else None


PATTERNS = (
    Pattern(
        name="aws_access_key",
        title="AWS access key id",
        severity=Severity.CRITICAL,
        regex=LEFT + r"((?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16})\b",
        check=token(),
        shown=("AKIA", "ASIA", "ABIA", "ACCA"),
        begins=("AKIA", "ASIA", "ABIA", "ACCA"),
        hits=lambda: (
            "AKIA" + made.chars(made.BASE32, 16, "aws"),
            f'{{"aws_access_key_id": "{"ASIA" + made.chars(made.BASE32, 16, "sts")}"}}',
        ),
        # AWS's own documentation writes a key that ends in EXAMPLE: it opens nothing and stands in every tutorial.
        misses=lambda: ("AKIA" + "IOSFODNN7" + "EXAMPLE", "AKIA" + "X" * 16, "AKIA" + made.chars(made.BASE32, 12)),
    ),
    Pattern(
        name="aws_secret_key",
        title="AWS secret access key",
        severity=Severity.CRITICAL,
        regex=r"[0-9A-Za-z+/]{40,}",
        triggers=(
            r"[0-9A-Za-z+/]{40}",
            r"(?i)(?:aws|amazon|secret[\s_.-]{0,2}(?:access[\s_.-]{0,2})?key|A[KS]IA[A-Z0-9]{16})",
        ),
        check=_aws_secret,
        hits=lambda: (
            "aws_secret_access_key = " + made.chars(made.BASE64, 40, "k1"),
            f'{{"SecretAccessKey":"{made.chars(made.BASE64, 40, "k2")}"}}',
        ),
        misses=lambda: (
            "aws commit " + made.chars(made.HEX, 40),
            made.chars(made.BASE64, 40, "k1"),
            "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLE" + "KEY",
        ),
    ),
    Pattern(
        name="google_api_key",
        title="Google API key or OAuth secret",
        severity=Severity.CRITICAL,
        regex=LEFT + r"(AIza[0-9A-Za-z_-]{35}|GOCSPX-[0-9A-Za-z_-]{28}|ya29\.[0-9A-Za-z_-]{40,})" + RIGHT,
        check=token(3.0),
        shown=("AIza", "GOCSPX-", "ya29."),
        begins=("AIza", "GOCSPX-", "ya29."),
        hits=lambda: (
            "AIza" + made.chars(made.URLSAFE, 35, "g"),
            "?key=AIza" + made.chars(made.URLSAFE, 35, "h") + "&q",
        ),
        misses=lambda: ("AIza" + made.chars(made.URLSAFE, 20), "AIza" + "x" * 35),
    ),
    Pattern(
        name="azure_storage_key",
        title="Azure storage account key",
        severity=Severity.HIGH,
        regex=r"(?:^|[^0-9A-Za-z+/-]|\\[nrt])([0-9A-Za-z+/]{86}==)",
        check=_azure_key,
        hits=lambda: (
            "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=" + made.chars(made.BASE64, 86) + "==",
            '"storage_account_key": "' + made.chars(made.BASE64, 86, "z") + '=="',
        ),
        misses=lambda: ('"integrity": "sha512-' + made.chars(made.BASE64, 86) + '=="', "AccountKey=" + "A" * 86 + "=="),
    ),
)
