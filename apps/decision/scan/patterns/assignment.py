"""Secrets known only by the name they are given to: `api_key = …`, `"password": "…"`, `--token …`."""

import re

from apps.decision.scan.checks import entropy, placeholder, user_and_password, wordy
from apps.decision.scan.linear import compile_re2
from apps.decision.scan.pattern import BETWEEN, COMMA, Hit, Pattern
from apps.decision.scan.patterns import made
from apps.decision.scan.patterns.endpoints import weak
from apps.decision.types import Severity

_KEY_NAME = (
    r"(?:api|access|auth|app|application|client|consumer|secret|shared|private|encryption|signing|signature|master|account"
    r"|service|license|session|refresh|bearer|personal|bot|deploy|webhook|hmac|jwt|x|rest|write|admin|registry|npm|pypi)"
    r"[_ .-]?(?:access[_ .-]?|api[_ .-]?|auth[_ .-]?)?(?:key|token|secret)|apikey|secret|token"
)
_KEY_VALUE = r"[0-9A-Za-z_+/=.~-]{16,}"
_SAID_NAME = r"(?:password|passwd|passphrase|passwort|pwd|passcode|credentials?|secret)"

# Names that end like a secret's but hold something public.
_PUBLIC_NAME = compile_re2(
    rb"(?i)(?:public|next|page|prev|cursor|continu\w*|sync|csrf|xsrf|etag|cache|primary|foreign|sort|partition|idempot\w*"
    rb"|translation|object|max|stop|eos|bos|pad|unk|mask|push|device|client_request|publishable|site|row)"
    rb"[\s_-]{0,2}(?:api[\s_-]?)?(?:key|token|secret)?[\s\"'`\])=:>\\]{0,12}$"
)
# … or whose last word says that the value is about the secret and not the secret itself.
_ABOUT = compile_re2(
    rb"(?i)(?:label|hint|fingerprint|thumbprint|prefix|suffix|source|method|algorithm|issuer|endpoint|scopes?|usage"
    rb"|size|index|limit|manager|service|store|table|column|param|header|env|var|validator|strength|placeholder|text|title|message|error|field|url|uri|path|file|length|policy|regex|pattern|type"
    rb"|format|count|hash|digest|date|used|age|expir\w{1,8}|ttl|ids?|name|version|arn|ref|provider|locker|at|status|state)"
    rb"[\s\"'`\])=:>\\]{1,12}$|::\w{1,60}[\"'\s:=\\]{1,8}$"
)
_DIGIT = re.compile(rb"[0-9]")
_LETTER = re.compile(rb"[A-Za-z\x80-\xff]")
_KINDS = tuple(re.compile(kind) for kind in (rb"[0-9]", rb"[a-z]", rb"[A-Z]", rb"[^0-9A-Za-z]"))
_DATE = re.compile(rb"\d{4}-\d\d-\d\d(?:[T ]|$)")
_DOTTED = re.compile(rb"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+$|\w+=[A-Za-z_]+$|[A-Za-z]+/\w+$|[a-z]+(?:\.[a-z]+)+/")
_LONGEST_PASSWORD = 256
_LONGEST_KEY = 4096
_QUOTED_REST = re.compile(rb"&[^\s\"'`<>\\]*")
_UUID = re.compile(rb"(?i)^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$")
_STRONG_NAME = compile_re2(rb"(?i)(?:api|secret|auth|client|access|private|signing)[_ .-]?(?:key|secret|token)|apikey")
_QUOTES = (b'"', b"'", b"`")
_CODE = compile_re2(
    rb"[(\[{]|\w\.\w+\.\w|^(?:os|process|env|config|settings|self|this|options|args|params|req|request)\b"
)


def _generic(hit: Hit) -> Hit | None:
    secret = hit.secret.rstrip(b".")
    if len(secret) > _LONGEST_KEY:
        return None
    name = hit.before(60)
    if secret.isdigit() or hit.after(1) in (b"(", b"["):
        return None
    # Without a digit only a quoted mixture of cases is taken for a key; identifiers are not quoted.
    if not _DIGIT.search(secret) and (name[-1:] not in _QUOTES or secret.islower() or secret.isupper()):
        return None
    if placeholder(secret) or wordy(secret) or entropy(secret) < 3.0:
        return None
    if _PUBLIC_NAME.search(name) or _ABOUT.search(name):
        return None
    if name[-1:] not in _QUOTES and _DOTTED.match(secret):
        return None
    if (_UUID.match(secret) or secret.startswith((b"http", b"/", b"./"))) and not _STRONG_NAME.search(name[-40:]):
        return None
    return hit.at(hit.start, hit.start + len(secret))


def _classes(value: bytes) -> int:
    return sum(kind.search(value) is not None for kind in _KINDS)


def _password(hit: Hit) -> Hit | None:
    if hit.before(6).lower().endswith((b"basic ", b"basic+")):
        return user_and_password(hit)
    if hit.end - hit.start > _LONGEST_PASSWORD:
        return None
    name = hit.before(60)
    quoted = name[-1:] in _QUOTES
    if quoted:
        # "&" ends a value in a URL's query, but stands in a quoted one.
        rest = _QUOTED_REST.match(hit.after(_LONGEST_PASSWORD))
        secret = hit.secret + (rest[0] if rest else b"")
    else:
        secret = hit.secret.rstrip(b".,;:)]}")
        if _CODE.search(secret) or secret.startswith((b"$", b"=", b"--", b"!=", b"/", b"@")):
            return None
    if _DATE.match(secret) or _DOTTED.match(secret) or _ABOUT.search(name):
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
    digits = len(_DIGIT.findall(core))
    if (
        not _LETTER.search(core)
        or _classes(core) < 2
        or (
            # What follows a closing quote is code.
            secret[:1] in (b"+", b")", b",", b"]", b";") and hit.after(1) != name[-1:]
        )
    ):
        return None
    words = wordy(core)
    if (
        not digits
        and not re.search(rb"[^0-9A-Za-z_.\-/:,\s]", core)
        and (words or not quoted or len(core) < 10 or core.istitle())
    ):
        return None
    if words and digits < 3 and (len(core) >= 20 or re.search(rb"[_.:/|-]", core)):
        return None
    return narrowed if entropy(core) >= 1.9 else None


PATTERNS = (
    Pattern(
        name="generic_api_key",
        title="API key or token by its name",
        severity=Severity.MEDIUM,
        regex=r"(?i)(?:(?:"
        + _KEY_NAME
        + r")(?:(?:[_-]?[0-9a-z]{1,12})?"
        + BETWEEN
        + "|"
        + COMMA
        + r")|--[0-9a-z_-]{0,40}(?:"
        + _KEY_NAME
        + r")[= ]|\bauthorization[\"']?\s?[:=]\s?[\"']?(?:token|api-?key|key|bot|discord|splunk) )("
        + _KEY_VALUE
        + ")",
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
        regex=r"(?i)(?:(?:"
        + _SAID_NAME
        + r"(?:(?:[_-]?[0-9a-z]{1,12}|\s(?:for|of|on)\s[^\r\n:=\"']{1,40})?"
        + BETWEEN
        + "|"
        + COMMA
        + r")|(?:[_-]|\b)(?:pass|pw)(?:"
        + BETWEEN
        + "|"
        + COMMA
        + r"))|--[0-9a-z_-]{0,40}(?:password|passwd|pass|pwd|token|secret|passphrase)[= ]\\{0,3}[\"']?"
        + r"|\bcurl\b[^\r\n]{0,200} (?:-u|--user) [\"']?[^\s:]{1,60}:"
        + r"|\bmysql\w{0,8}\b[^\r\n]{0,200} -p|\bsshpass -p ?[\"']?"
        + r"|\bauthorization[\"']?\s?[:=]\s?[\"']?basic )"
        # "&" ends a value in a URL's query, but may stand early in a quoted one.
        + r"(?:([^\s\"'`<>\\&]{6,})|([^\s\"'`<>\\&]{1,5}&[^\s\"'`<>\\&=]{1,60})[\"'`])",
        check=_password,
        rank=4,
        hits=lambda: (
            "DB_PASSWORD=" + "hunter2" + "Fox!",
            '{"user": "app", "password": "' + "Tr0ub4" + "dor&3" + '"}',
            'password="' + "a&b" + 'C7xyzq"',
            "?password=" + "hunter22" + "&admin_password=" + "S3cr" + "et99x",
            "Authorization: Basic " + made.b64("app:" + made.chars(made.ALNUM, 12)),
            "curl -u deploy:" + "s3cr" + "et-9x7" + " https://host/",
        ),
        misses=lambda: (
            "mysql -u root -p database_name",
            "password = os.environ['DB_PASSWORD']",
            "password: ${DB_PASSWORD}",
            'type="password" placeholder="Password"',
            "password: str | None = None",
            "Your password must be at least 12 characters.",
            "PASSWORD=changeme",
        ),
    ),
)
