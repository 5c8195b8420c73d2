"""The tenant's hard limits: the blast radius and the rates. A change holds from the next call on."""

from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction

from apps.audit import services as audit
from apps.decision.errors import BadInput
from apps.decision.events import EventKind
from apps.decision.facts import BlastRadius, RateLimit
from apps.policies.models import BlastRadiusSetting, RateLimitSetting
from apps.policies.services import tenant
from apps.tenants.models import TenantConfig


def blast_radius() -> BlastRadius:
    """What holds now, in the tenant the caller stands in."""
    row = BlastRadiusSetting.objects.first() or BlastRadiusSetting()
    return BlastRadius(
        min_delete_depth=row.min_delete_depth,
        email_recipient_limit=row.email_recipient_limit,
        bulk_action_threshold=row.bulk_action_threshold,
        config_paths=tuple(row.config_paths),
        protected_names=tuple(row.protected_names),
    )


RATE_FIELDS: Final = (
    "per_minute", "burst", "concurrent", "low_factor", "medium_factor", "high_factor", "critical_factor",
)  # fmt: skip
MAX_WINDOW_MINUTES: Final = 60


def rate_limits() -> dict[str, Any]:
    """What the tenant chose, before its plan's cap and the tiers' factors."""
    row = RateLimitSetting.objects.first() or RateLimitSetting()
    return {name: getattr(row, name) for name in RATE_FIELDS}


def rate_defaults() -> dict[str, Any]:
    row = RateLimitSetting()
    return {name: getattr(row, name) for name in RATE_FIELDS}


@transaction.atomic
def configure_rate_limits(*, actor: str, changes: Mapping[str, Any]) -> RateLimitSetting:
    """Change any of RATE_FIELDS, None returns to the default; every gateway counts by it from the next call on."""
    if unknown := set(changes) - set(RATE_FIELDS):
        raise BadInput("Some fields cannot be changed.", fields=dict.fromkeys(sorted(unknown), "Cannot be changed."))
    tenant.alone()
    row = RateLimitSetting.objects.first() or RateLimitSetting()
    before = {name: getattr(row, name) for name in RATE_FIELDS}
    defaults = rate_defaults()
    for name, value in changes.items():
        setattr(row, name, defaults[name] if value is None else value)
    _check_rates(row)
    changed = {
        name: {"from": f"{before[name]:g}", "to": f"{getattr(row, name):g}"}
        for name in RATE_FIELDS
        if before[name] != getattr(row, name)
    }
    if changed:
        row.save()
        audit.record(EventKind.RATE_LIMIT_CONFIGURED, actor=actor, extra={"changed": changed})
    return row


def _check_rates(row: RateLimitSetting) -> None:
    try:
        row.full_clean()
    except ValidationError as error:
        fields = {field: " ".join(messages) for field, messages in error.message_dict.items()}
        raise BadInput("The rate limits are not valid.", fields=fields) from None
    wrong = {}
    if row.burst > row.per_minute * MAX_WINDOW_MINUTES:
        wrong["burst"] = (
            f"At most {MAX_WINDOW_MINUTES} times per_minute: the window is burst / per_minute minutes long."
        )
    for stricter, milder in pairwise(("critical_factor", "high_factor", "medium_factor", "low_factor")):
        if not getattr(row, stricter) <= getattr(row, milder):
            wrong[stricter] = f"At most {milder}: a higher risk never allows more."
    if wrong:
        raise BadInput("The rate limits are not valid.", fields=wrong)


def rate_limit(config: TenantConfig) -> RateLimit:
    """What holds now; the plan's cap lowers both the rate and, in proportion, the burst."""
    row = RateLimitSetting.objects.first() or RateLimitSetting()
    per_minute = min(row.per_minute, config.max_rpm_per_agent)
    return RateLimit(
        per_minute=per_minute,
        burst=max(1, row.burst * per_minute // row.per_minute),
        concurrent=row.concurrent,
        factors=MappingProxyType(
            {
                "low": row.low_factor,
                "medium": row.medium_factor,
                "high": row.high_factor,
                "critical": row.critical_factor,
            }
        ),
    )
