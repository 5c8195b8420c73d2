"""All settings, in one flat file. Everything comes from the environment; every name is explained in docs/settings.md.

Misconfiguration is reported by system checks (`manage.py check --deploy`), not by tracebacks. There is no fallback
for a secret outside development: an unset `BEHAVRY_SECRET_KEY` stops the process.
"""

import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import django_stubs_ext
from celery.schedules import crontab
from django.core.exceptions import ImproperlyConfigured

django_stubs_ext.monkeypatch()  # lets annotations such as ModelAdmin[Tenant] stand at run time

BASE_DIR = Path(__file__).resolve().parent.parent


def envstr(name: str, default: str = "") -> str:
    return os.environ.get(name, default)


def envbool(name: str, default: bool) -> bool:
    value = os.environ.get(name, "").strip().lower()
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    if value == "":
        return default
    raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}")


def envint(name: str, default: int) -> int:
    value = os.environ.get(name, "").strip()
    try:
        return int(value) if value else default
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}") from None


def envsecret(name: str) -> str:
    """The variable itself, or the content of the file that `<name>_FILE` points to."""
    path = os.environ.get(f"{name}_FILE")
    return Path(path).read_text().strip() if path else os.environ.get(name, "")


def envlist(name: str, default: str = "") -> list[str]:
    return [item.strip() for item in os.environ.get(name, default).split(",") if item.strip()]


def database(url: str) -> dict[str, object]:
    """Django's form of a postgresql:// URL; `?host=/path` names a Unix socket."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django_tenants.postgresql_backend",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", parts.hostname or ""),
        "PORT": str(parts.port or query.pop("port", "")),
        "OPTIONS": {"connect_timeout": 5, **query},
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


# --- what this process is -------------------------------------------------------------------------------------------
BEHAVRY_ENV = envstr("BEHAVRY_ENV", "production")
BUILD_SHA = envstr("BUILD_SHA", "unknown")
DEBUG = envbool("BEHAVRY_DEBUG", False)
DEVELOPMENT = BEHAVRY_ENV == "development"
SECRET_KEY = envsecret("BEHAVRY_SECRET_KEY")
if not SECRET_KEY:
    raise ImproperlyConfigured(
        "BEHAVRY_SECRET_KEY (or BEHAVRY_SECRET_KEY_FILE) is not set. On the data of `make run`, which makes one, use "
        '`make manage ARGS="…"`; to measure, `make bench`; elsewhere docs/settings.md says what to set.'
    )
BEHAVRY_PUBLIC_URL_SCHEME = envstr("BEHAVRY_PUBLIC_URL_SCHEME", "http" if DEVELOPMENT else "https")

# --- data -----------------------------------------------------------------------------------------------------------
DATABASE_URL = envsecret("DATABASE_URL")
REDIS_URL = envsecret("REDIS_URL")
DATABASES = {"default": database(DATABASE_URL)}
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
BEHAVRY_APP_ROLE = "behavry_app"  # the role every serving process logs in as; migrations create it and grant to it
BEHAVRY_APP_DATABASE_PASSWORD = envsecret("BEHAVRY_APP_DATABASE_PASSWORD")  # read by migrate_all only
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_FUNCTION": "apps.tenants.context.cache_key",
    }
}

# --- tenants --------------------------------------------------------------------------------------------------------
TENANT_MODEL = "tenants.Tenant"
TENANT_DOMAIN_MODEL = "tenants.Domain"
TENANT_BASE_SCHEMA = "t__template"
TENANT_CREATION_FAKES_MIGRATIONS = True
BEHAVRY_OPERATOR_HOSTS = envlist("BEHAVRY_OPERATOR_HOSTS", "operator.localhost" if DEVELOPMENT else "")
PUBLIC_SCHEMA_URLCONF = "behavry.urls_public"
ROOT_URLCONF = "behavry.urls"

_DJANGO_PER_SCHEMA = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.admin",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
]
SHARED_APPS = ["django_tenants", "apps.tenants", *_DJANGO_PER_SCHEMA]
TENANT_APPS = [*_DJANGO_PER_SCHEMA, "apps.audit", "apps.agents", "apps.policies", "apps.exceptions"]
INSTALLED_APPS = [
    "django.contrib.admin",  # before django_tenants, whose template of the index hides what is not in `public`
    "apps.tenants",  # before django_tenants, whose create_tenant would hide ours
    "django_tenants",
    *(app for app in _DJANGO_PER_SCHEMA if app != "django.contrib.admin"),
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "apps.audit",
    "apps.agents",
    "apps.policies",
    "apps.exceptions",
    "apps.gateway",
]

# --- web ------------------------------------------------------------------------------------------------------------
ALLOWED_HOSTS = envlist("BEHAVRY_ALLOWED_HOSTS", "*" if DEVELOPMENT else "")
CSRF_TRUSTED_ORIGINS = envlist("BEHAVRY_CSRF_TRUSTED_ORIGINS")
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "apps.tenants.middleware.TenantMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
ASGI_APPLICATION = "behavry.asgi.application"
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
SERVESTATIC_USE_FINDERS = True  # no collecting step: files are read from where they are installed
SERVESTATIC_AUTOREFRESH = False
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = ["behavry.formats"]  # times in the console say that they are UTC
USE_TZ = True
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEVELOPMENT
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_HSTS_SECONDS = 0 if DEVELOPMENT else 31_536_000
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if envbool("BEHAVRY_BEHIND_TLS_PROXY", False) else None
X_FRAME_OPTIONS = "DENY"
AUTHENTICATION_BACKENDS = ["apps.agents.backends.ThrottledBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# --- REST -----------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.agents.authentication.PersonalAccessTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["apps.tenants.roles.AtLeastAdmin"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["apps.tenants.parsers.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "behavry.errors.problem",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Behavry API",
    "DESCRIPTION": "Management API of one tenant. Errors are RFC 9457 problem documents.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "ActionEnum": "apps.policies.models.ACTIONS",
        "AgentStatus": "apps.agents.models.AgentStatus",
        "EscalationStatus": "apps.exceptions.models.escalation.EscalationStatus",
        "InboundAction": "apps.policies.models.INBOUND_ACTIONS",
        "InjectionClass": "apps.policies.models.CLASSES",
        "PinSeverity": "apps.agents.models.pin.SEVERITIES",
        "PinStatus": "apps.agents.models.pin.STATUSES",
        "ResultAction": "apps.policies.models.RESULT_ACTIONS",
        "SeverityEnum": "apps.policies.models.SEVERITIES",
        "SourceKind": "apps.policies.models.inbound.SourceRule.Kind",
        "SwitchAction": "apps.exceptions.models.kill_switch.SwitchAction",
        "Tier": "apps.policies.models.TIERS",
    },
}

# --- background work ------------------------------------------------------------------------------------------------
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 600
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"
_EACH_TENANT = "tenants.for_each_tenant"
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "count sessions": {"task": _EACH_TENANT, "args": ("agents.count_sessions",), "schedule": 5.0},
    "announce rulebooks": {"task": _EACH_TENANT, "args": ("audit.announce_rulebook",), "schedule": 5.0},
    "expire escalations": {"task": _EACH_TENANT, "args": ("exceptions.expire_escalations",), "schedule": 15.0},
    "send notifications": {"task": _EACH_TENANT, "args": ("exceptions.send_notifications",), "schedule": 5.0},
    "tell of the fleet's stop": {"task": _EACH_TENANT, "args": ("exceptions.tell_fleet",), "schedule": 15.0},
    "run replays": {"task": _EACH_TENANT, "args": ("policies.run_replays",), "schedule": 2.0},
    "run shadows": {"task": _EACH_TENANT, "args": ("policies.run_shadows",), "schedule": 3.0},
    "forget inputs": {"task": _EACH_TENANT, "args": ("policies.tidy",), "schedule": crontab(minute="50")},
    "tidy agents": {"task": _EACH_TENANT, "args": ("agents.tidy",), "schedule": crontab(minute="20")},
    "prepare partitions": {"task": _EACH_TENANT, "args": ("audit.prepare_partitions",), "schedule": crontab("10", "0")},
    "verify chains": {"task": _EACH_TENANT, "args": ("audit.verify_chain",), "schedule": crontab("0", "2")},
    "count uses of exceptions": {"task": _EACH_TENANT, "args": ("exceptions.count_uses",), "schedule": 5.0},
    "tidy exceptions": {"task": _EACH_TENANT, "args": ("exceptions.tidy",), "schedule": crontab("40", "3")},
    "apply retention": {"task": _EACH_TENANT, "args": ("audit.apply_retention",), "schedule": crontab("0", "3")},
}
CHANNEL_LAYERS = {"default": {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}}}

# --- identity -------------------------------------------------------------------------------------------------------
BEHAVRY_JWT_ISSUER = envstr("BEHAVRY_JWT_ISSUER", "behavry")
BEHAVRY_TOKEN_SECONDS = envint("BEHAVRY_TOKEN_SECONDS", 3600)

# --- policy ---------------------------------------------------------------------------------------------------------
BEHAVRY_POLICY_ENGINE = envstr("BEHAVRY_POLICY_ENGINE", "embedded")
BEHAVRY_OPA_URL = envstr("BEHAVRY_OPA_URL", "http://localhost:8181")
BEHAVRY_OPA_TIMEOUT_SECONDS = envint("BEHAVRY_OPA_TIMEOUT_SECONDS", 2)

# --- gateway --------------------------------------------------------------------------------------------------------
BEHAVRY_GATEWAY_MAX_BODY_BYTES = envint("BEHAVRY_GATEWAY_MAX_BODY_BYTES", 4 * 1024 * 1024)
BEHAVRY_GATEWAY_MAX_IN_FLIGHT = envint("BEHAVRY_GATEWAY_MAX_IN_FLIGHT", 256)
BEHAVRY_GATEWAY_UPSTREAM_TIMEOUT_SECONDS = envint("BEHAVRY_GATEWAY_UPSTREAM_TIMEOUT_SECONDS", 60)
BEHAVRY_GATEWAY_MAX_CHILDREN = envint("BEHAVRY_GATEWAY_MAX_CHILDREN", 64)
BEHAVRY_GATEWAY_MAX_CHILDREN_PER_AGENT = envint("BEHAVRY_GATEWAY_MAX_CHILDREN_PER_AGENT", 8)
BEHAVRY_GATEWAY_CHILD_MEMORY_MB = envint("BEHAVRY_GATEWAY_CHILD_MEMORY_MB", 1024)
BEHAVRY_GATEWAY_ALLOWED_ORIGINS = envlist("BEHAVRY_GATEWAY_ALLOWED_ORIGINS")
# A stdio server runs a command of a tenant's admin on the gateway's machine, so production must ask for it.
BEHAVRY_STDIO_SERVERS = envbool("BEHAVRY_STDIO_SERVERS", DEVELOPMENT)
BEHAVRY_GATEWAY_WAIT_FOR_OUTCOME = envbool("BEHAVRY_GATEWAY_WAIT_FOR_OUTCOME", False)

# --- log ------------------------------------------------------------------------------------------------------------
BEHAVRY_SSE_KEEPALIVE_SECONDS = envint("BEHAVRY_SSE_KEEPALIVE_SECONDS", 15)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "behavry.telemetry.JsonFormatter"}},
    "handlers": {"stdout": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "json"}},
    "root": {"handlers": ["stdout"], "level": envstr("BEHAVRY_LOG_LEVEL", "INFO")},
    "loggers": {
        "httpx": {
            "level": "WARNING"
        },  # a line per request is of no use, and an OPA sidecar is asked for every decision
        "django.server": {"handlers": ["stdout"], "level": "WARNING", "propagate": False},
    },
}
