"""Tokens with a prefix of their own."""

from apps.decision.scan import checks
from apps.decision.scan.checks import token
from apps.decision.scan.pattern import BETWEEN, COMMA, LEFT, RIGHT, Hit, Pattern
from apps.decision.scan.patterns import made
from apps.decision.types import Severity


def _slack(hit: Hit) -> Hit | None:
    return checks.token(2.8)(hit) if sum(48 <= c <= 57 for c in hit.secret) >= 3 else None


def _openai(hit: Hit) -> Hit | None:
    # Short ones only with digits in them: "sk-" begins class names too.
    enough = len(hit.secret) >= 35 or sum(48 <= c <= 57 for c in hit.secret) >= 3
    return checks.token(3.0)(hit) if enough else None


def _twilio(hit: Hit) -> Hit | None:
    return hit if len(set(hit.secret[-32:])) >= 8 else None


def _bearer(hit: Hit) -> Hit | None:
    secret = hit.secret
    if secret.startswith(b"eyJ") and secret.count(b".") >= 2:
        return checks.jwt(hit)
    digits = sum(48 <= c <= 57 for c in secret)
    if digits < 2 or checks.placeholder(secret) or checks.entropy(secret) < 3.0 or checks.wordy(secret):
        return None
    return hit


PATTERNS = (
    Pattern(
        name="github_token",
        title="GitHub token",
        severity=Severity.CRITICAL,
        regex=LEFT + r"(gh[pousr]_[0-9A-Za-z]{36,255}|github_pat_[0-9A-Za-z_]{50,255})\b",
        check=token(3.0),
        shown=("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        begins=("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        hits=lambda: (
            "ghp_" + made.chars(made.ALNUM, 36, "gh"),
            "github_pat_" + made.chars(made.ALNUM, 22) + "_" + made.chars(made.ALNUM, 59),
        ),
        misses=lambda: ("ghp_" + "x" * 36, "ghp_" + made.chars(made.ALNUM, 20), "ghp_" + "your_token_here_0123456789"),
    ),
    Pattern(
        name="slack_token",
        title="Slack token",
        severity=Severity.CRITICAL,
        regex=LEFT + r"(xox[abeoprs](?:\.xox[bp])?-[0-9A-Za-z-]{12,}|xapp-\d-[0-9A-Z]{6,}-\d{6,}-[0-9a-f]{20,})",
        check=_slack,
        shown=("xoxb-", "xoxp-", "xoxa-", "xoxs-", "xapp-"),
        begins=(*(f"xox{letter}{end}" for letter in "abeoprs" for end in ("-", ".xox")), "xapp-"),
        hits=lambda: (
            f"xoxb-{made.chars(made.DIGITS, 12)}-{made.chars(made.DIGITS, 13)}-{made.chars(made.ALNUM, 24)}",
            f"xapp-1-A{made.chars(made.UPPER, 10)}-{made.chars(made.DIGITS, 13)}-{made.chars(made.HEX, 64)}",
        ),
        misses=lambda: ("xoxb-" + "your-token-goes-here", "xoxb-" + "not-a-real-token-at-all"),
    ),
    Pattern(
        name="openai_key",
        title="OpenAI API key",
        severity=Severity.CRITICAL,
        regex=LEFT + r"(sk-(?:(?:proj|svcacct|admin|None)-[0-9A-Za-z_-]{20,}|[0-9A-Za-z]{20,}))",
        check=_openai,
        shown=("sk-proj-", "sk-svcacct-", "sk-admin-", "sk-"),
        begins=("sk-",),
        hits=lambda: (
            "sk-" + made.chars(made.ALNUM, 20) + "T3" + "BlbkFJ" + made.chars(made.ALNUM, 20, "b"),
            "sk-proj-" + made.chars(made.URLSAFE, 120),
        ),
        misses=lambda: ("sk-proj-" + "your-key-goes-right-here", "sk-learn-compatible-estimators", "sk-" + "x" * 48),
    ),
    Pattern(
        name="anthropic_key",
        title="Anthropic API key",
        severity=Severity.CRITICAL,
        regex=LEFT + r"(sk-ant-[0-9A-Za-z_-]{24,})",
        check=token(3.0),
        shown=("sk-ant-",),
        begins=("sk-ant-",),
        hits=lambda: ("sk-ant-" + "api03-" + made.chars(made.URLSAFE, 93) + "AA",),
        misses=lambda: ("sk-ant-" + "api03-" + "x" * 40, "sk-ant-" + "your-api-key-goes-here-please"),
    ),
    Pattern(
        name="stripe_key",
        title="Stripe secret key",
        severity=Severity.CRITICAL,
        # Test keys too: they read a test account's data, and live ones are often pasted as "test". Publishable keys
        # (pk_) are public by design.
        regex=LEFT + r"((?:sk|rk)_(?:live|test|prod)_[0-9A-Za-z]{16,255}|whsec_[0-9A-Za-z+/]{32,})",
        check=token(2.8),
        shown=("sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"),
        begins=(*(f"{kind}_{where}_" for kind in ("sk", "rk") for where in ("live", "test", "prod")), "whsec_"),
        hits=lambda: ("sk_" + "live_" + made.chars(made.ALNUM, 24), "rk_" + "test_" + made.chars(made.ALNUM, 99)),
        misses=lambda: ("pk_" + "live_" + made.chars(made.ALNUM, 24), "sk_" + "live_" + "X" * 24),
    ),
    Pattern(
        name="sendgrid_key",
        title="SendGrid API key",
        severity=Severity.CRITICAL,
        regex=LEFT + r"(SG\.[0-9A-Za-z_-]{16,32}\.[0-9A-Za-z_-]{32,64})" + RIGHT,
        check=token(3.5),
        shown=("SG.",),
        begins=("SG.",),
        hits=lambda: ("SG." + made.chars(made.URLSAFE, 22) + "." + made.chars(made.URLSAFE, 43, "s"),),
        misses=lambda: ("SG." + "x" * 22 + "." + "x" * 43, "MSG.payload.body"),
    ),
    Pattern(
        name="jwt",
        title="JWT or bearer token",
        severity=Severity.CRITICAL,
        regex=LEFT
        + r"(eyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]{8,}(?:\.[0-9A-Za-z_-]*){1,3})"
        + r"|(?i:\bbearer(?:\s{1,3}|%20|\+)(?:token\s{0,2}[:=]?\s{0,2})?)([0-9A-Za-z._~+/-]{20,}={0,2})",
        check=_bearer,
        rank=9,
        shown=("eyJ",),
        # Base64 of {"alg, {"typ, {"kid, {"cty, {"enc, {"jwk, {"jku, {"x5, {"b64: much else begins with eyJ.
        begins=(
            "eyJhbGci",
            "eyJ0eXAi",
            "eyJraWQi",
            "eyJjdHki",
            "eyJlbmMi",
            "eyJqd2si",
            "eyJqa3Ui",
            "eyJ4NX",
            "eyJiNjQi",
        ),
        hits=lambda: (made.jwt(), "Authorization: Bearer " + made.chars(made.ALNUM, 40)),
        misses=lambda: (
            "eyJ" + "not.a.token",
            "Authorization: Bearer " + "<your-access-token-goes-here>",
            "Bearer " + "authentication_is_required_here",
        ),
    ),
    Pattern(
        name="gitlab_token",
        title="GitLab token",
        severity=Severity.HIGH,
        regex=LEFT
        + r"((?:glpat|gldt|glrt|glcbt|glptt|glft|glsoat|glimt|glagent|gloas|glffct)-[0-9A-Za-z_.-]{19,}[0-9A-Za-z_-]"
        + r"|GR1348941[0-9A-Za-z_-]{20})",
        check=token(2.8),
        shown=("glpat-", "gldt-", "glrt-", "glptt-"),
        begins=(
            *(f"gl{kind}-" for kind in ("pat", "dt", "rt", "cbt", "ptt", "ft", "soat", "imt", "agent", "oas", "ffct")),
            "GR1348941",
        ),
        hits=lambda: ("glpat-" + made.chars(made.URLSAFE, 20, "gl"), "glrt-" + made.chars(made.URLSAFE, 20, "rt")),
        misses=lambda: ("glpat-" + "x" * 20, "glpat-" + "short"),
    ),
    Pattern(
        name="twilio_key",
        title="Twilio API key or auth token",
        severity=Severity.HIGH,
        # Account ids (AC…) are names, not secrets; an auth token has no prefix and needs its name before it.
        regex=LEFT
        + r"(SK[0-9a-f]{32})\b"
        + r"|(?i:twilio[0-9A-Za-z_ .-]{0,30}"
        + r"(?:\s|"
        + BETWEEN
        + "|"
        + COMMA
        + r"))([0-9a-f]{32})\b"
        + r"|\bAC[0-9a-f]{32}[^0-9A-Za-z]{1,6}(?:[A-Za-z_]{1,20}[^0-9A-Za-z]{1,6})?([0-9a-f]{32})\b",
        check=_twilio,
        shown=("SK",),
        begins=("SK",),
        hits=lambda: ("SK" + made.chars(made.HEX, 32, "tw"), "TWILIO_AUTH_TOKEN=" + made.chars(made.HEX, 32, "ta")),
        misses=lambda: ("SK" + "0" * 32, "AC" + made.chars(made.HEX, 32), "SK" + made.chars(made.HEX, 20)),
    ),
)
