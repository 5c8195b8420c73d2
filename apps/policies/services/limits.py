"""The tenant's hard limits: the blast radius and the rates. A change holds from the next call on."""

from types import MappingProxyType

from apps.decision.types import BlastRadius, RateLimit
from apps.policies.models import BlastRadiusSetting, RateLimitSetting
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
