"""Addresses that carry the power to use them: connection strings, signed URLs, webhooks, registry logins."""

import re
from functools import partial

from apps.decision.scan.checks import entropy, placeholder, token, user_and_password
from apps.decision.scan.linear import compile_re2
from apps.decision.scan.pattern import LEFT, Hit, Pattern
from apps.decision.scan.patterns import made
from apps.decision.types import Severity

_SLASH = r"\\?/"
_SCHEMES = (
    r"(?:postgres(?:ql)?|mysql|mariadb|mongodb|rediss?|valkey|amqps?|mssql|sqlserver|oracle|clickhouse|cockroachdb"
    r"|couchdb|cassandra|neo4j|bolt|nats|kafka|snowflake|redshift|ldaps?|smtps?|imaps?|pop3s?|s?ftps?|ssh|mqtts?"
    r"|memcached|elasticsearch|influxdb|git|https?|wss?|sqs|socks5)(?:\+[0-9a-z]{2,12}){0,2}"
)
# Words that stand where a password will: a tutorial's `user:password@localhost` opens nothing.
_WEAK = compile_re2(
    rb"(?i)^(?:(?:my|the|db|super|some|a|new)?[_-]?(?:pass|passw|passwd|password|pwd|secret|token|pw|user|username|key)"
    rb"(?:word)?\d?|guest|test|root|admin|foo|bar|baz|abc|none|null|postgres|mysql|mongo|redis|x+|\*+|\.+|\[.*|%.*%|\$\w+"
    rb"|:?[A-Z]+_[A-Z_]*)$"
)
_PASSWORD = re.compile(rb"(?i)(?:\bpassword|\bpwd|\bsharedaccesskey|\baccountkey)=\\*[\"'{]?([^;&\s\"'}\\]{1,200})")
_USERINFO = re.compile(rb"://(?P<user>[^:@/\s]{0,100}):(?P<secret>.{1,200})@[^@]*$")
_USERINFO_ESCAPED = re.compile(rb":\\/\\/(?P<user>[^:@/\s]{0,100}):(?P<secret>.{1,200})@[^@]*$")


def weak(password: bytes, user: bytes = b"") -> bool:
    return len(password) < 4 or placeholder(password) or password == user or _WEAK.match(password) is not None


# Hosts of tutorials. On any other host even a weak password is a password.
_NOWHERE = compile_re2(
    rb"(?i)^(?:[^.]*|.*\.local|127\..*|0\.0\.0\.0|(?:.*\.)?example\.\w+|(?:my)?(?:host|hostname|server|db|database|domain)\.\w{2,5})(?::\d+)?$"
)
_ANYONE = frozenset({b"user", b"username", b"usr", b"me", b"foo", b"someuser", b"myuser", b"login"})


def _uri(hit: Hit) -> Hit | None:
    text = hit.secret.rstrip(b".,;:!?)]}")
    found = _USERINFO.search(text) or _USERINFO_ESCAPED.search(text)
    if found:
        user, password = found["user"], found["secret"]
        host = re.split(rb"[/?\\#]", text.rsplit(b"@", 1)[1], maxsplit=1)[0]
        real = not _NOWHERE.match(host) and user.lower() not in _ANYONE and not placeholder(password)
        if weak(password, user) and not (real and password.isalnum()):
            return None
        return hit.at(hit.start, hit.start + len(text))
    named = _PASSWORD.search(text)
    if named is None or weak(named[1]):
        return None
    return hit.at(hit.start, hit.start + len(text))


def _signed(hit: Hit) -> Hit | None:
    """A shared access signature: version, rights or expiry, and a signature of SHA-256's size."""
    names = {pair.split(b"=", 1)[0].lower().removeprefix(b"amp;") for pair in re.split(rb"[?&]|\\u0026", hit.secret)}
    if not {b"sig"} <= names or not names & {b"sv", b"api-version"} or not names & {b"se", b"sp", b"sr", b"ss", b"si"}:
        return None
    signature = re.search(rb"sig=([0-9A-Za-z%+/=_-]+)", hit.secret)
    return hit if signature and len(signature[1]) >= 40 and entropy(signature[1]) > 3.5 else None


def _registry_login(hit: Hit) -> Hit | None:
    if hit.before(16).lower().rstrip(b" =\"'").endswith((b"-p", b"--password")):
        return None if weak(hit.secret) or hit.secret.startswith((b"$", b"-")) else hit
    return user_and_password(hit)


def _last_part(hit: Hit, bits: float) -> Hit | None:
    """Whether the part after the last slash was drawn at random."""
    last = hit.secret.rsplit(b"/", 1)[-1]
    return hit if entropy(last) >= bits and token(bits)(hit.at(hit.end - len(last), hit.end)) else None


PATTERNS = (
    Pattern(
        name="connection_string",
        title="Connection string with a password",
        severity=Severity.HIGH,
        regex=r"(?i)"
        + LEFT
        + r"((?:jdbc:)?(?:"
        + _SCHEMES
        + r":(?:\\?/){2}(?:[^\s:/@\"'<>\\`|?#]{0,100}:[^\s/\"'<>\\`|]{1,200}@[^\s\"'<>\\`|@]{1,300}"
        + r"|[^\s\"'<>\\`|]{1,300}[?&;](?:amp;)?password=[^\s\"'<>\\`|]{1,300})"
        + r"|(?:server|data source|host|addr|address|endpoint)\s?=[^;\r\n\"]{1,200};(?:[^;\r\n\"]+;)*"
        + r"\s?(?:password|pwd|sharedaccesskey)\s?=[^;\r\n\"]{1,200}(?:;[^;\r\n\"]+)*"
        + r"|host=[^\s,;'\"()]{1,100} (?:[a-z_]{1,20}=[^\s,;'\"()]+ )*password=[^\s,;'\"()]{1,100}))",
        triggers=(
            r"(?i):(?:\\?/){2}[^\s/\"'<>\\`|?#]{0,100}:[^\s/\"'<>\\`|]{1,200}@|(?:password|pwd|sharedaccesskey)\s?=",
        ),
        check=_uri,
        rank=8,  # a token known by its form is named for what it is, also where it is the password
        hits=lambda: (
            "postgres" + "://app:" + made.chars(made.ALNUM, 12) + "@db.internal:5432/app",
            "mongodb+srv" + "://root:" + made.chars(made.ALNUM, 10) + "@cluster0.abcde.mongodb.net/?retryWrites=true",
            "redis" + "://:" + made.chars(made.ALNUM, 14) + "@cache:6379/0",
            "Server=tcp:sql.internal,1433;Database=crm;User Id=app;Password=" + made.chars(made.ALNUM, 14) + ";",
            "host=db user=app password=" + made.chars(made.ALNUM, 9) + " dbname=crm",
        ),
        misses=lambda: (
            "postgres://user:${DB_PASSWORD}@localhost/db",
            "postgres://user:password@localhost/db",
            "connect(host='db', password=read_password())",
            "https://host:8080/path?time=12:30@noon",
            "redis://localhost:6379/0",
            "mysql://<user>:<password>@<host>/<db>",
        ),
    ),
    Pattern(
        name="azure_sas_token",
        title="Azure shared access signature",
        severity=Severity.HIGH,
        regex=r"(?i)[0-9a-z-]{1,20}=[^\s\"'<>&\\]*(?:(?:&(?:amp;)?|\\u0026)[0-9a-z-]{1,20}=[^\s\"'<>&\\]*){2,20}",
        triggers=(r"(?:[?&;]|\b)sig=[0-9A-Za-z%+/_-]{40,}",),
        check=_signed,
        hits=lambda: (
            "https://a.blob.core.windows.net/c/f?sv=2022-11-02&ss=b&srt=co&sp=rwd&se=2027-01-01T00:00:00Z&sig="
            + made.chars(made.ALNUM, 43)
            + "%3D",
        ),
        misses=lambda: ("?sv=2022-11-02&sp=r&sig=<signature>", "?sig=abc&page=2&sort=asc"),
    ),
    Pattern(
        name="slack_webhook",
        title="Slack webhook",
        severity=Severity.HIGH,
        regex=r"(?:https?:"
        + _SLASH * 2
        + r")?hooks\.slack(?:-gov)?\.com"
        + _SLASH
        + r"(?:services|workflows|triggers)"
        + _SLASH
        + r"[0-9A-Za-z_]{6,}"
        + _SLASH
        + r"[0-9A-Za-z_]{6,}"
        + _SLASH
        + r"[0-9A-Za-z_/]{16,}",
        check=partial(_last_part, bits=2.8),
        shown=("https://hooks.slack.com/",),
        begins=("hooks.slack.com/", "hooks.slack-gov.com/"),
        hits=lambda: ("https://hooks.slack.com/services/T0" + "A1B2C3D/B0" + "E4F5G6H/" + made.chars(made.ALNUM, 24),),
        misses=lambda: ("https://hooks.slack.com/services/T00000000/B00000000/" + "X" * 24, "https://hooks.slack.com/"),
    ),
    Pattern(
        name="discord_webhook",
        title="Discord webhook",
        severity=Severity.HIGH,
        regex=r"(?:https?:"
        + _SLASH * 2
        + r")?(?:(?:ptb|canary)\.)?discord(?:app)?\.com"
        + _SLASH
        + r"api(?:"
        + _SLASH
        + r"v\d{1,2})?"
        + _SLASH
        + r"webhooks"
        + _SLASH
        + r"\d{15,22}"
        + _SLASH
        + r"[0-9A-Za-z_-]{40,100}",
        check=partial(_last_part, bits=3.0),
        shown=("https://discord.com/api/webhooks/",),
        begins=("discord.com/api/", "discordapp.com/api/"),
        hits=lambda: (
            "https://discord.com/api/webhooks/" + made.chars(made.DIGITS, 18) + "/" + made.chars(made.URLSAFE, 68),
        ),
        misses=lambda: ("https://discord.com/api/webhooks/123456789012345678/" + "x" * 68, "discord.com/api/webhooks/"),
    ),
    Pattern(
        name="docker_auth",
        title="Docker registry login",
        severity=Severity.HIGH,
        regex=r"\"auth\\{0,3}\"\s{0,4}:\s{0,4}\\{0,3}\"([0-9A-Za-z+/_-]{8,}={0,2})"
        + r"|\bdocker login\b[^\r\n]{0,200} (?:-p|--password)[ =][\"']?([^\s\"']{6,})",
        check=_registry_login,
        hits=lambda: (
            '{"auths":{"registry.internal":{"auth":"' + made.b64("robot:" + made.chars(made.ALNUM, 16)) + '"}}}',
            "docker login registry.internal -u robot -p " + made.chars(made.ALNUM, 16),
        ),
        misses=lambda: ('{"auth": "required1"}', '{"auth": "<base64 of user:password>"}'),
    ),
)
