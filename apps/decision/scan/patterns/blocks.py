"""Key material in armour, alone or inside a service account's JSON."""

import re

from apps.decision.scan.checks import armoured
from apps.decision.scan.pattern import Hit, Pattern
from apps.decision.scan.patterns import made
from apps.decision.types import Severity

# Base64 with whatever a language puts between its lines: escapes, quotes, a plus sign, a comma, an indented "|".
_BODY = (
    r"(?:[0-9A-Za-z+/=\s\\,:.'\"|]|Proc-Type|DEK-Info|(?:AES|DES)-[0-9A-Z-]{1,20})*"
    r"(?:-----END[ +][0-9A-Z +]{0,24}PRIVATE[ +]KEY(?:[ +]BLOCK)?-----)?"
)
_SERVICE_ACCOUNT = re.compile(rb"service_account|gserviceaccount\.com")


def _service_account(hit: Hit) -> Hit | None:
    near = hit.before(4096) + b"\n" + hit.after(4096)
    return armoured(hit) if _SERVICE_ACCOUNT.search(near) else None


def _google_json(newline: str = "\\n") -> str:
    key = made.pem("PRIVATE KEY", newline)
    return f'{{"type": "service_account", "project_id": "p", "private_key": "{key}", "client_id": "1"}}'


PATTERNS = (
    Pattern(
        name="gcp_service_account",
        title="Google Cloud service account key",
        severity=Severity.CRITICAL,
        regex=r"private_key\\{0,3}[\"']?[\s+]{0,4}[:=][\s+]{0,4}\\{0,3}[\"']?[|>]?-?\s{0,20}"
        r"(-----BEGIN[ +](?:RSA[ +])?PRIVATE[ +]KEY-----" + _BODY + ")",
        check=_service_account,
        rank=11,
        beside=frozenset({"private_key"}),
        hits=lambda: (_google_json(), _google_json("\\\\n").replace('"', '\\"')),
        misses=lambda: (
            '{"type": "service_account", "private_key": "..."}',
            '"private_key": "' + made.pem("PRIVATE KEY", "\\n"),
        ),
    ),
    Pattern(
        name="private_key",
        title="Private key (RSA, EC, DSA, OpenSSH, PKCS #8)",
        severity=Severity.CRITICAL,
        regex=r"-----BEGIN[ +](?:[0-9A-Z]{2,10}[ +]){0,3}PRIVATE[ +]KEY-----" + _BODY,
        check=armoured,
        shown=("-----BEGIN",),
        begins=("-----BEGIN ",),
        hits=lambda: (
            made.pem("RSA PRIVATE KEY"),
            made.pem("OPENSSH PRIVATE KEY", "\\n"),
            made.pem("EC PRIVATE KEY", "\\n", lines=2)[:120],
        ),
        misses=lambda: (
            "-" * 5 + "BEGIN RSA PRIVATE KEY" + "-" * 5 + "\n...\n" + "-" * 5 + "END RSA PRIVATE KEY" + "-" * 5,
            made.pem("PUBLIC KEY"),
            made.pem("CERTIFICATE"),
        ),
    ),
    Pattern(
        name="pgp_private_key",
        title="PGP private key block",
        severity=Severity.CRITICAL,
        regex=r"-----BEGIN[ +]PGP[ +]PRIVATE[ +]KEY[ +]BLOCK-----" + _BODY.replace("DEK-Info", "https?://|[()@_]|-\\s"),
        check=armoured,
        shown=("-----BEGIN",),
        begins=("-----BEGIN PGP ",),
        hits=lambda: (made.pem("PGP PRIVATE KEY BLOCK"), made.pem("PGP PRIVATE KEY BLOCK", "\\n")),
        misses=lambda: (made.pem("PGP PUBLIC KEY BLOCK"), made.pem("PGP MESSAGE")),
    ),
)
