"""The tenant's hard limits, one row each. What no row says is the default of `apps.decision.types`."""

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from apps.decision.facts import BlastRadius, RateLimit

_BLAST, _RATE = BlastRadius(), RateLimit()
_FACTOR = (MinValueValidator(0.01), MaxValueValidator(1))


def _config_paths() -> list[str]:
    return list(_BLAST.config_paths)


def _protected_names() -> list[str]:
    return list(_BLAST.protected_names)


class BlastRadiusSetting(models.Model):
    """Limits on what one call may reach."""

    min_delete_depth = models.PositiveSmallIntegerField(
        default=_BLAST.min_delete_depth, validators=[MinValueValidator(1), MaxValueValidator(20)]
    )
    email_recipient_limit = models.PositiveIntegerField(
        default=_BLAST.email_recipient_limit, validators=[MinValueValidator(1), MaxValueValidator(100_000)]
    )
    bulk_action_threshold = models.PositiveIntegerField(
        default=_BLAST.bulk_action_threshold, validators=[MinValueValidator(1), MaxValueValidator(1_000_000)]
    )
    config_paths: ArrayField[list[str], list[str]] = ArrayField(
        models.CharField(max_length=500), default=_config_paths, blank=True, size=100
    )
    protected_names: ArrayField[list[str], list[str]] = ArrayField(
        models.CharField(max_length=200), default=_protected_names, blank=True, size=100
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = verbose_name_plural = "blast radius"

    def __str__(self) -> str:
        return "blast radius"


class RateLimitSetting(models.Model):
    """How often and how much at once one agent may call. The plan's `max_rpm_per_agent` caps `per_minute`."""

    per_minute = models.PositiveIntegerField(
        default=_RATE.per_minute, validators=[MinValueValidator(1), MaxValueValidator(1_000_000)]
    )
    burst = models.PositiveIntegerField(
        default=_RATE.burst, validators=[MinValueValidator(1), MaxValueValidator(1_000_000)]
    )
    concurrent = models.PositiveIntegerField(
        default=_RATE.concurrent, validators=[MinValueValidator(1), MaxValueValidator(10_000)]
    )
    low_factor = models.FloatField(default=_RATE.factors["low"], validators=_FACTOR)
    medium_factor = models.FloatField(default=_RATE.factors["medium"], validators=_FACTOR)
    high_factor = models.FloatField(default=_RATE.factors["high"], validators=_FACTOR)
    critical_factor = models.FloatField(default=_RATE.factors["critical"], validators=_FACTOR)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = verbose_name_plural = "rate limits"

    def __str__(self) -> str:
        return "rate limits"
