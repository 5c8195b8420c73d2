"""Makes secrets of every built-in kind from a seeded source: positives for the scorecard."""

import random
from collections.abc import Callable, Mapping
from types import MappingProxyType

from apps.decision.scan.patterns import made

Source = random.Random


def text(source: Source, alphabet: str, size: int) -> str:
    return "".join(source.choice(alphabet) for _ in range(size))


def _aws_pair(source: Source) -> str:
    return text(source, made.BASE64, 40)


def _password(source: Source) -> str:
    words = ("Winter", "dragon", "Tiger", "correct", "Horse", "blue", "Sommer", "pepper", "Falcon")
    kinds: tuple[Callable[[], str], ...] = (
        lambda: source.choice(words) + text(source, made.DIGITS, 4) + source.choice("!@#%*?"),
        lambda: text(source, made.ALNUM + "!@#%^*_-+?", source.randrange(10, 25)),
        lambda: source.choice(words).lower() + text(source, made.DIGITS, 2) + source.choice(words),
        lambda: "p@" + source.choice(words) + source.choice("$!") + text(source, made.DIGITS, 2),
    )
    return source.choice(kinds)()


def _connection(source: Source) -> str:
    user = source.choice(("app", "admin", "svc_orders", "root", "reporting"))
    host = source.choice(
        ("db.internal", "10.2.3.4", "prod-db.cluster-x.eu-west-1.rds.amazonaws.com", "cache", "localhost")
    )
    secret = text(source, made.ALNUM, source.randrange(8, 24)) + source.choice(("", "!", "%21", "$x9"))
    scheme = source.choice(
        (
            "postgresql",
            "postgres",
            "mysql",
            "mongodb",
            "mongodb+srv",
            "redis",
            "rediss",
            "amqp",
            "postgresql+psycopg2",
            "mssql",
        )
    )
    if source.random() < 0.15:
        return f"Server=tcp:{host},1433;Initial Catalog=crm;User ID={user};Password={secret};Encrypt=True;"
    if scheme.startswith("redis") and source.random() < 0.5:
        user = ""
    return f"{scheme}://{user}:{secret}@{host}:{source.randrange(1000, 9999)}/{source.choice(('app', 'orders', '0'))}"


def _sas(source: Source) -> str:
    signature = text(source, made.ALNUM, 40) + source.choice(("%2B", "%2F")) + text(source, made.ALNUM, 2) + "%3D"
    return source.choice(
        (
            f"https://s{source.randrange(99)}.blob.core.windows.net/c/f.csv?sv=2023-11-03&st=2026-01-01T00%3A00%3A00Z"
            f"&se=2027-01-01T00%3A00%3A00Z&sr=b&sp=r&sig={signature}",
            f"?sv=2022-11-02&ss=bfqt&srt=sco&sp=rwdlacupiytfx&se=2027-06-01T00:00:00Z&spr=https&sig={signature}",
        )
    )


def _card(source: Source) -> str:
    prefix, size = source.choice(
        (
            ("4", 16),
            ("51", 16),
            ("55", 16),
            ("2221", 16),
            ("34", 15),
            ("37", 15),
            ("6011", 16),
            ("65", 16),
            ("3530", 16),
        )
    )
    number = made.card(prefix, size, str(source.random()))
    mark = source.choice(("", "", " ", "-"))
    if not mark:
        return number
    cuts = (4, 10) if size == 15 else (4, 8, 12)
    return mark.join(number[a:b] for a, b in zip((0, *cuts), (*cuts, size), strict=True))


def _ssn(source: Source) -> str:
    area = source.choice([number for number in range(1, 900) if number != 666])
    return f"{area:03}-{source.randrange(1, 100):02}-{source.randrange(1, 10000):04}"


def _pem(label: str) -> Callable[[Source], str]:
    return lambda source: made.pem(
        label, source.choice(("\n", "\r\n")), str(source.random()), source.randrange(3, 26)
    ).strip()


def _google_account(source: Source) -> str:
    key = made.pem("PRIVATE KEY", "\\n", str(source.random()), 20)
    return (
        f'{{"type": "service_account", "project_id": "prod-{source.randrange(999)}", "private_key_id": '
        f'"{text(source, made.HEX, 40)}", "private_key": "{key}", "client_email": "x@p.iam.gserviceaccount.com"}}'
    )


def _openai(source: Source) -> str:
    middle = "T3" + "BlbkFJ"
    kinds = (
        "sk-" + text(source, made.ALNUM, 20) + middle + text(source, made.ALNUM, 20),
        "sk-proj-" + text(source, made.URLSAFE, 74) + middle + text(source, made.URLSAFE, 74),
        "sk-svcacct-" + text(source, made.ALNUM, 60),
        "sk-" + text(source, made.ALNUM, 48),
    )
    return source.choice(kinds)


def _slack(source: Source) -> str:
    first, second = text(source, "123456789", 12), text(source, "123456789", 12)
    kinds = (
        f"xoxb-{first}-{second}-{text(source, made.ALNUM, 24)}",
        f"xoxp-{first}-{second}-{second}-{text(source, made.HEX, 32)}",
        f"xoxe.xoxp-1-{text(source, made.ALNUM, 160)}",
    )
    return source.choice(kinds)


def _jwt(source: Source) -> str:
    return made.jwt(str(source.random()))


# What stands alone: the pattern must see it in whatever surrounds it.
BARE: Mapping[str, Callable[[Source], str]] = MappingProxyType(
    {
        "aws_access_key": lambda s: s.choice(("AKIA", "ASIA")) + text(s, made.BASE32, 16),
        "github_token": lambda s: s.choice(
            (
                s.choice(("ghp_", "gho_", "ghs_", "ghu_")) + text(s, made.ALNUM, 36),
                "github_pat_" + text(s, made.ALNUM, 22) + "_" + text(s, made.ALNUM, 59),
            )
        ),
        "slack_token": _slack,
        "openai_key": _openai,
        "anthropic_key": lambda s: "sk-ant-" + s.choice(("api03-", "admin01-")) + text(s, made.URLSAFE, 93) + "AA",
        "google_api_key": lambda s: "AIza" + text(s, made.URLSAFE, 34) + s.choice(made.ALNUM),
        "gcp_service_account": _google_account,
        "stripe_key": lambda s: (
            s.choice(("sk_", "rk_")) + s.choice(("live_", "test_")) + text(s, made.ALNUM, s.choice((24, 99)))
        ),
        "sendgrid_key": lambda s: (
            "SG." + text(s, made.URLSAFE, 22) + "." + text(s, made.URLSAFE, 42) + s.choice(made.ALNUM)
        ),
        "jwt": _jwt,
        "private_key": lambda s: _pem(
            s.choice(
                ("RSA PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY", "PRIVATE KEY", "ENCRYPTED PRIVATE KEY")
            )
        )(s),
        "pgp_private_key": _pem("PGP PRIVATE KEY BLOCK"),
        "connection_string": _connection,
        "azure_sas_token": _sas,
        "gitlab_token": lambda s: "glpat-" + text(s, made.URLSAFE, 19) + s.choice(made.ALNUM),
        "twilio_key": lambda s: "SK" + text(s, made.HEX, 32),
        "slack_webhook": lambda s: (
            f"https://hooks.slack.com/services/T{text(s, made.BASE32, 8)}/B{text(s, made.BASE32, 10)}/"
            + text(s, made.ALNUM, 24)
        ),
        "discord_webhook": lambda s: (
            f"https://discord.com/api/webhooks/{text(s, '123456789', 18)}/"
            + text(s, made.URLSAFE, 67)
            + s.choice(made.ALNUM)
        ),
        "credit_card": _card,
        "ssn": _ssn,
        "email": lambda s: (
            f"{text(s, made.LOWER, 6)}.{text(s, made.LOWER, 5)}@{text(s, made.LOWER, 8)}.{s.choice(('com', 'de'))}"
        ),
    }
)

# What is only a secret under its name: (names, value).
NAMED: Mapping[str, tuple[tuple[str, ...], Callable[[Source], str]]] = MappingProxyType(
    {
        "aws_secret_key": (
            ("aws_secret_access_key", "AWS_SECRET_ACCESS_KEY", "SecretAccessKey", "awsSecretKey"),
            _aws_pair,
        ),
        "azure_storage_key": (
            ("AccountKey", "azure_storage_key", "AZURE_STORAGE_ACCOUNT_KEY", "storageAccountKey"),
            lambda s: text(s, made.BASE64, 86) + "==",
        ),
        "twilio_key": (("TWILIO_AUTH_TOKEN", "twilio_auth_token", "twilioAuthToken"), lambda s: text(s, made.HEX, 32)),
        "generic_api_key": (
            (
                "api_key",
                "API_KEY",
                "apiKey",
                "client_secret",
                "accessToken",
                "SERVICE_TOKEN",
                "x-api-key",
                "secret_key",
                "auth_token",
                "DATADOG_API_KEY",
                "signingSecret",
                "internal_api_token",
            ),
            lambda s: text(s, s.choice((made.ALNUM, made.HEX, made.URLSAFE)), s.randrange(20, 48)),
        ),
        "credential_assignment": (
            (
                "password",
                "DB_PASSWORD",
                "dbPassword",
                "passwd",
                "admin_password",
                "MYSQL_ROOT_PASSWORD",
                "smtp_pass",
                "passphrase",
                "userPwd",
            ),
            _password,
        ),
    }
)


def docker_auth(source: Source) -> str:
    login = made.b64(f"robot:{text(source, made.ALNUM, source.randrange(8, 30))}")
    return f'{{"auths": {{"registry.internal:5000": {{"auth": "{login}"}}}}}}'
