"""Secrets known only by the name they are given to: `api_key = …`, `"password": "…"`, `--token …`."""

import re

from apps.decision.scan.checks import entropy, placeholder, user_and_password, wordy
from apps.decision.scan.pattern import Hit, Pattern
from apps.decision.scan.patterns import made
from apps.decision.scan.patterns.endpoints import weak
from apps.decision.types import Severity

# Between a name and its value: the ways of code, configuration, JSON (escaped or not), XML, shells and prose.
_BETWEEN = (
    r"(?:\\{0,3}[\"'`\])]{0,3}\s{0,8}(?::\s{0,2}[A-Za-z]{2,12}\s{0,2})?(?:=>|:=|={1,2}|:)\s{0,8}(?:[bru]?\\{0,3}[\"'`]{1,3})?"
    r"|\\{0,3}[\"']?,?\s{1,20}value\s?[:=]\s?\\{0,3}[\"']?"
    r"|\\{0,3}[\"'],\s{0,8}\\{0,3}[\"']?(?:value\\{0,3}[\"']?\s{0,4}[:=]\s{0,4}\\{0,3}[\"'])?"
    r"|>|\(\\{0,3}[\"'`]|\s{1,8}\\{0,3}[\"']"
    r"|\s(?:is|was|to|as)(?::|\sset to)?\s{1,2}\\{0,3}[\"'`]?)"
)
_KEY_NAME = (
    r"(?:api|access|auth|app|application|client|consumer|secret|shared|private|encryption|signing|signature|master|account"
    r"|service|license|session|refresh|bearer|personal|bot|deploy|webhook|hmac|jwt|x|rest|write|admin|registry|npm|pypi)"
    r"[_ .-]?(?:access[_ .-]?|api[_ .-]?|auth[_ .-]?)?(?:key|token|secret)|apikey|secret|token"
)
_KEY_VALUE = r"[0-9A-Za-z_+/=.~-]{16,}"
_PASSWORD_NAME = r"(?:password|passwd|passphrase|passwort|pwd|passcode|credentials?|secret|[_-]pass|\bpass)"

# Names that end like a secret's but hold something public.
_PUBLIC_NAME = re.compile(
    rb"(?i)(?:public|next|page|prev|cursor|continu\w*|sync|csrf|xsrf|etag|cache|primary|foreign|sort|partition|idempot\w*"
    rb"|translation|object|max|stop|eos|bos|pad|unk|mask|push|device|client_request|publishable|site|row)"
    rb"[\s_-]{0,2}(?:api[\s_-]?)?(?:key|token|secret)?[\s\"'`\])=:>\\]{0,12}$"
)
_UUID = re.compile(rb"(?i)^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$")
_STRONG_NAME = re.compile(rb"(?i)(?:api|secret|auth|client|access|private|signing)[_ .-]?(?:key|secret|token)|apikey")
_CODE = re.compile(
    rb"[(\[{]|\w\.\w+\.\w|^(?:os|process|env|config|settings|self|this|options|args|params|req|request)\b"
)


def _generic(hit: Hit) -> Hit | None:
    secret = hit.secret.rstrip(b".")
    name = hit.before(60)
    digits = sum(48 <= c <= 57 for c in secret)
    if digits < 2 or digits == len(secret) or hit.after(1) in (b"(", b"["):
        return None
    if placeholder(secret) or wordy(secret) or entropy(secret) < 3.0 or _PUBLIC_NAME.search(name):
        return None
    if (_UUID.match(secret) or secret.startswith((b"http", b"/", b"./"))) and not _STRONG_NAME.search(name[-40:]):
        return None
    return hit.at(hit.start, hit.start + len(secret))


def _classes(value: bytes) -> int:
    kinds = (bytes.isdigit, bytes.islower, bytes.isupper)
    chars = [bytes((byte,)) for byte in value]
    return sum(any(kind(c) for c in chars) for kind in kinds) + any(not c.isalnum() for c in chars)


def _password(hit: Hit) -> Hit | None:
    if hit.before(6).lower().endswith((b"basic ", b"basic+")):
        return user_and_password(hit)
    secret = hit.secret
    quoted = hit.before(1) in (b'"', b"'", b"`")
    if not quoted:
        secret = secret.split(b"&", 1)[0].rstrip(b".,;:!?)]}")
        if _CODE.search(secret) or secret.startswith((b"$", b"=", b"-", b"!", b"/", b"@")):
            return None
    narrowed = hit.at(hit.start, hit.start + len(secret))
    if (
        len(secret) < 6
        or weak(secret)
        or secret.startswith((b"http:", b"https:", b"$2", b"$argon2", b"pbkdf2", b"sha"))
    ):
        return None
    # A word, a sentence's beginning or an identifier is no password; a letter with a digit or sign in it may be one.
    core = secret.strip(b"\"'`.,;:!?()[]{}_-*#")
    digits = sum(48 <= c <= 57 for c in core)
    letters = sum(chr(c).isalpha() for c in core)
    if letters == 0 or _classes(core) < 2 or not (digits or re.search(rb"[^0-9A-Za-z_.\-/:,\s]", core)):
        return None
    if re.search(rb"[_.:/|-]", core) and wordy(core) and digits < 3:
        return None
    return narrowed if entropy(core) >= 2.2 else None


PATTERNS = (
    Pattern(
        name="generic_api_key",
        title="API key or token by its name",
        severity=Severity.MEDIUM,
        regex=r"(?i)(?:" + _KEY_NAME + r")(?:[_-]?[0-9a-z]{1,12})?" + _BETWEEN + "(" + _KEY_VALUE + ")",
        check=_generic,
        rank=5,
        hits=lambda: (
            'api_key = "' + made.chars(made.ALNUM, 32) + '"',
            '{"clientSecret":"' + made.chars(made.URLSAFE, 40, "cs") + '"}',
            "X-Api-Key: " + made.chars(made.HEX, 32),
        ),
        misses=lambda: (
            'api_key = os.environ["SERVICE_API_KEY_2024"]',
            'api_key = "your-api-key-goes-here-1234"',
            '"next_page_token": "' + made.chars(made.ALNUM, 32) + '"',
            "token: get_token_from_vault_v2(client_id)",
        ),
    ),
    Pattern(
        name="credential_assignment",
        title="Password or credential given to a name",
        severity=Severity.MEDIUM,
        regex=r"(?i)(?:"
        + _PASSWORD_NAME
        + r"(?:[_-]?[0-9a-z]{1,12})?(?:"
        + _BETWEEN
        + r")|--(?:password|passwd|pass|pwd|token|secret)[= ]\\{0,3}[\"']?|\bcurl\b[^\r\n]{0,200} (?:-u|--user) [\"']?[^\s:]{1,60}:"
        + r"|\bauthorization[\"']?\s?[:=]\s?[\"']?basic )([^\s\"'`<>\\]{6,})",
        check=_password,
        rank=4,
        hits=lambda: (
            "DB_PASSWORD=" + "hunter2" + "Fox!",
            '{"user": "app", "password": "' + "Tr0ub4" + "dor&3" + '"}',
            "Authorization: Basic " + made.b64("app:" + made.chars(made.ALNUM, 12)),
            "curl -u deploy:" + "s3cr" + "et-9x7" + " https://host/",
        ),
        misses=lambda: (
            "password = os.environ['DB_PASSWORD']",
            "password: ${DB_PASSWORD}",
            'type="password" placeholder="Password"',
            "password: str | None = None",
            "Your password must be at least 12 characters.",
            "PASSWORD=changeme",
        ),
    ),
)
