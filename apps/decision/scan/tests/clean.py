"""Text that holds no secret but looks like it might: hard negatives for the scorecard."""

import base64
import hashlib
import json
import random
import uuid
from collections.abc import Callable

from apps.decision.scan.patterns import made
from apps.decision.scan.tests.secrets import text

Source = random.Random

_TEXT = """Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor. The password reset policy and
the token of appreciation: a secret garden, an access card, a key result, a social event; security reviews of
private orders and public account numbers are in the catalogue."""
_WORDS = _TEXT.split()


def _prose(s: Source) -> str:
    return " ".join(s.choice(_WORDS) for _ in range(120)).capitalize() + "."


def _hashes(s: Source) -> str:
    seed = str(s.random()).encode()
    return "\n".join(
        (
            f"commit {hashlib.sha1(seed).hexdigest()}",
            f"sha256:{hashlib.sha256(seed).hexdigest()}",
            f"md5 {hashlib.md5(seed).hexdigest()}  file.tar.gz",
            f'"integrity": "sha512-{base64.b64encode(hashlib.sha512(seed).digest()).decode()}"',
            f"aws s3 etag {hashlib.md5(seed + b'x').hexdigest()}",
            f"deployed aws stack at {hashlib.sha1(seed + b'y').hexdigest()}",
        )
    )


def _ids(s: Source) -> str:
    rows = [
        {
            "id": str(uuid.UUID(int=s.getrandbits(128))),
            "order_id": str(s.randrange(10**15, 10**16)),
            "created": s.randrange(1_600_000_000_000, 1_900_000_000_000),
            "ns": s.randrange(1_600_000_000_000_000_000, 1_900_000_000_000_000_000),
            "phone": f"{s.randrange(200, 999)}-{s.randrange(200, 999)}-{s.randrange(1000, 9999)}",
            "ratio": s.random(),
            "next_page_token": text(s, made.URLSAFE, 40),
            "part": f"{s.randrange(100, 899)}-{s.randrange(10, 99)}-{s.randrange(100, 999)}",
        }
        for _ in range(6)
    ]
    return json.dumps(rows)


def _image(s: Source) -> str:
    return f"data:image/png;base64,iVBORw0KGgo{base64.b64encode(s.randbytes(3000)).decode()}"


def _code(s: Source) -> str:
    name = s.choice(("password", "api_key", "token", "secret", "client_secret", "accessToken", "passwd"))
    lines = (
        f"{name} = os.environ['{name.upper()}_V2']",
        f"{name}: str | None = None",
        f"const {name} = process.env.{name.upper()}_2;",
        f"if (!{name}) throw new Error('{name} is required');",
        f"{name}={{{{ .Values.{name} }}}}",
        f"{name}: ${{{name.upper()}}}",
        f'<input type="password" name="{name}" placeholder="Enter your {name}" autocomplete="new-password">',
        f'"{name}": {{"type": "string", "description": "The {name} of the account", "minLength": 12}}',
        f"self.{name} = {name} or settings.{name.upper()}",
        f'{name} := viper.GetString("auth.{name}.v2")',
        f"def get_{name}(user_id: int) -> str: return vault.read('secret/data/{name}2')['{name}']",
        f"{name} = getpass.getpass('{name}: ')",
        f"# set {name} to your own, e.g. {name}=your-{name}-here-12345",
        f"{name}=<{name}>",
        f"{name}=changeme",
        f"{name}=********",
        f"assert {name} == expected_{name}_from_fixture_1",
        f"hash_{name}({name}, salt_rounds=12)",
        f'{name} = config.get("{name}", fallback=None)',
        f"{name}_hash = bcrypt.hashpw({name}.encode(), bcrypt.gensalt(12))",
        f'errors["{name}"] = "must be at least 12 characters"',
        f"{name}Validator = new RegExp('^(?=.*[A-Z])[a-z0-9]{{8,32}}$')",
        f"{name}: Joi.string().min(8).max(64).required(),",
        f"'{name}' => 'required|min:8|confirmed',",
        f"SELECT {name}, created_at FROM users WHERE id = $1",
        f"{name}FieldLabel: 'Passwort2', // i18n",
        f"export const RESET_{name.upper()}_URL = '/api/v1/{name}/reset';",
        f"{name}.split('.')[1]",
        f"{name} = secrets.token_urlsafe(32)",
        f"Bearer ${{{name}}}",
        f"{name}_ttl_seconds: 3600",
        f"kubectl create secret generic {name}-2024 --from-file=./{name}.txt",
    )
    return "\n".join(s.sample(lines, 12))


def _docs(s: Source) -> str:
    lines = (
        "aws_access_key_id = AKIA" + "IOSFODNN7" + "EXAMPLE",
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY",
        "Set OPENAI_API_KEY=sk-... in your shell.",
        "export GITHUB_TOKEN=ghp_" + "x" * 36,
        "postgres://user:password@localhost:5432/mydb",
        "postgresql://${DB_USER}:${DB_PASS}@${DB_HOST}/app",
        "mongodb://<username>:<password>@cluster0.mongodb.net/test",
        "Authorization: Bearer <token>",
        "Authorization: Bearer YOUR_ACCESS_TOKEN_GOES_HERE_12",
        "https://hooks.slack.com/services/T00000000/B00000000/" + "X" * 24,
        "-" * 5 + "BEGIN PRIVATE KEY" + "-" * 5 + "\n...\n" + "-" * 5 + "END PRIVATE KEY" + "-" * 5,
        "Test card numbers fail the check digit: 4111 1111 1111 1112 and 5500-0000-0000-0005.",
        "Visa numbers start with 4 and have 16 digits. The SSN format is XXX-XX-XXXX.",
        "Area numbers 000, 666 and 900-999 are invalid: 000-12-3456, 666-45-1234, 912-34-5678.",
        "curl -u username:password https://api.host/v1",
        "The `password` parameter is hashed with argon2id; see section 4.2.1.",
        "JWTs have three parts: header.payload.signature, for example eyJhbGciOi...",
        "See https://user@host.org/path?token=abc for the format.",
        "Your passcode: check the authenticator app (valid for 30s).",
        "Password: at least 8 characters, 1 digit, 1 symbol.",
        "The secret to good soup is 2 hours of patience.",
        "Token: see Annex B-12. Key: A1 Ausgabe, B2 Rueckgabe.",
        "sk-learn and spacy pipelines; class sk-fading-circle12.",
        "ssh-rsa " + base64.b64encode(s.randbytes(279)).decode() + " me@host",
        "-" * 5 + "BEGIN CERTIFICATE" + "-" * 5 + "\n" + base64.b64encode(s.randbytes(700)).decode() + "\n",
        "Account SID AC" + text(s, made.HEX, 32),
        "pk_" + "live_" + text(s, made.ALNUM, 24) + " is publishable",
        "ISBN 978-3-16-148410-0, DOI 10.1000/182, IBAN DE89 3704 0044 0532 0130 00",
        "ping 192.168.100.200; route 10.0.0.0/8; MAC 00:1A:2B:3C:4D:5E; 2026-01-02 10:20:30.123456",
        "Tracking 1Z 999 AA1 01 2345 6784, invoice 2024-0012-3345, ext. 555-12-3456789",
        "?sv=2022-11-02&sp=r&sig=<signature>",
    )
    return "\n".join(s.sample(lines, 12))


def _mail(s: Source) -> str:
    return (
        f"Message-ID: <{text(s, made.HEX, 32)}@mail.host>\nFrom: Ana\nTo: Bo\nSubject: Re: password policy\n"
        f"DKIM-Signature: v=1; a=rsa-sha256; bh={base64.b64encode(s.randbytes(32)).decode()};\n"
        f" b={base64.b64encode(s.randbytes(256)).decode()}\n\n{_prose(s)}\n"
        f"Call {s.randrange(200, 999)}-555-{s.randrange(9999):04}\n"
    )


def _table(s: Source) -> str:
    return "\n".join(
        ",".join(
            (
                str(s.randrange(10**9)),
                f"{s.random() * 1e6:.4f}",
                f"2026-0{s.randrange(1, 9)}-1{s.randrange(9)}",
                str(s.randrange(10**11, 10**12)),
                f"{s.randrange(999)}.{s.randrange(99)}.{s.randrange(9999)}",
            )
        )
        for _ in range(40)
    )


def _escaped(s: Source) -> str:
    return f"https://host/a%20b?next=%2Fhome%3Ftab%3D1&q=caf%C3%A9&sig={text(s, made.HEX, 20)}&amp;x=1 {_prose(s)}"


def _encoded_prose(s: Source) -> str:
    return base64.b64encode(_prose(s).encode()).decode()


KINDS: tuple[tuple[str, Callable[[Source], str]], ...] = (
    ("prose", _prose),
    ("hashes", _hashes),
    ("ids", _ids),
    ("image", _image),
    ("code", _code),
    ("docs", _docs),
    ("mail", _mail),
    ("table", _table),
    ("escaped", _escaped),
    ("encoded_prose", _encoded_prose),
)
