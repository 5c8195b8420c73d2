"""Tenants, the hosts they answer on, and their limits. These tables live in `public` under row-level security.

A row is visible only while the connection stands in that tenant's schema, or in the operator's (see context.py).
"""

import uuid
from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models

SLUG = RegexValidator(
    r"^[a-z][a-z0-9]*(-[a-z0-9]+)*\Z",
    "Use lower-case letters, digits and single hyphens, starting with a letter.",
)


class Tenant(models.Model):
    """One customer. `schema_name` is derived from the slug once and never changes.

    Not django-tenants' mixin: its save() and delete() run DDL, which is `services.create_tenant`'s job alone.
    """

    class Status(models.TextChoices):
        PREPARING = "preparing"
        ACTIVE = "active"
        SUSPENDED = "suspended"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)
    schema_name = models.CharField(max_length=63, unique=True, editable=False)
    slug = models.CharField(max_length=48, unique=True, validators=[SLUG])
    status = models.CharField(max_length=16, choices=Status, default=Status.PREPARING)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class Domain(models.Model):
    """A host name that leads to a tenant, without port."""

    domain = models.CharField(max_length=253, unique=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="domains")
    is_primary = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.domain


class TenantConfig(models.Model):
    """A tenant's plan and limits. Changed only through `apps.policies.services`, which also writes the log entry."""

    class Plan(models.TextChoices):
        TRIAL = "trial"
        PROFESSIONAL = "professional"
        ENTERPRISE = "enterprise"

    class DeploymentMode(models.TextChoices):
        STANDALONE = "standalone"
        CONTROL_PLANE = "control-plane"
        DATA_PLANE = "data-plane"

    class PayloadMode(models.TextChoices):
        METADATA_ONLY = "metadata_only"
        REDACTED = "redacted"
        FULL = "full"
        ENCRYPTED = "encrypted"

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, primary_key=True, related_name="config")
    plan_tier = models.CharField(max_length=16, choices=Plan, default=Plan.TRIAL)
    max_agents = models.PositiveIntegerField(default=100, validators=[MinValueValidator(1)])
    max_rpm_per_agent = models.PositiveIntegerField(default=60, validators=[MinValueValidator(1)])
    audit_retention_days = models.PositiveIntegerField(
        default=365, validators=[MinValueValidator(30), MaxValueValidator(3650)]
    )
    deployment_mode = models.CharField(max_length=16, choices=DeploymentMode, default=DeploymentMode.STANDALONE)
    payload_mode = models.CharField(max_length=16, choices=PayloadMode, default=PayloadMode.METADATA_ONLY)
    policy_approval = models.BooleanField(
        "policy changes need approval", default=False, help_text="Policies take effect through change requests alone."
    )
    replay_days = models.PositiveIntegerField(
        default=7,
        validators=[MaxValueValidator(90)],
        help_text="How long masked inputs of decisions are kept for replay; 0 keeps none.",
    )

    class Meta:
        verbose_name = "tenant configuration"

    def __str__(self) -> str:
        return f"configuration of {self.tenant_id}"


class FleetStop(models.Model):
    """The kill switch of the whole installation, one row per engagement; the one without `released_at` holds.

    Every tenant may see it, since it stops them all; only the operator writes it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    reason = models.TextField(max_length=2000)
    engaged_by = models.CharField(max_length=200, editable=False)
    engaged_at = models.DateTimeField(auto_now_add=True)
    release_reason = models.TextField(max_length=2000, blank=True)
    released_by = models.CharField(max_length=200, blank=True, editable=False)
    released_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["-engaged_at", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                models.Value(1), condition=models.Q(released_at__isnull=True), name="fleet_stop_engaged_once"
            )
        ]

    def __str__(self) -> str:
        return self.reason
