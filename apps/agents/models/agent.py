"""An agent: a program with an identity, a set of permissions and a client secret that only its digest remembers."""

from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from apps.agents.models.words import PERMISSION, SHA256, WORD, bounded
from apps.audit.ids import new_id


class AgentStatus(models.TextChoices):
    ACTIVE = "active", "active"
    SUSPENDED = "suspended", "suspended"
    REVOKED = "revoked", "revoked"
    DEPROVISIONED = "deprovisioned", "deprovisioned"


class RiskTier(models.TextChoices):
    LOW = "low", "low"
    MEDIUM = "medium", "medium"
    HIGH = "high", "high"
    CRITICAL = "critical", "critical"


class Agent(models.Model):
    """`previous_secret_hash` is the replaced secret, still good until `previous_secret_expires_at`."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=200)
    agent_type = models.CharField(max_length=50, default="autonomous", validators=[WORD])
    owner = models.CharField(max_length=200, blank=True, default="")
    description = models.TextField(blank=True, default="")
    tags: ArrayField[list[str], list[str]] = ArrayField(
        models.CharField(max_length=64, validators=[WORD]), default=list, blank=True, validators=[bounded]
    )
    status = models.CharField(max_length=16, choices=AgentStatus.choices, default=AgentStatus.ACTIVE)
    roles: ArrayField[list[str], list[str]] = ArrayField(
        models.CharField(max_length=64, validators=[WORD]), default=list, blank=True, validators=[bounded]
    )
    permissions: ArrayField[list[str], list[str]] = ArrayField(
        models.CharField(max_length=200, validators=[PERMISSION]), default=list, blank=True, validators=[bounded]
    )
    risk_tier = models.CharField(max_length=16, choices=RiskTier.choices, default=RiskTier.LOW)
    risk_score = models.DecimalField(max_digits=5, decimal_places=2, default=Decimal(0))
    client_id = models.CharField(max_length=64, unique=True, editable=False)
    secret_hash = models.CharField(max_length=64, editable=False)
    secret_rotated_at = models.DateTimeField(default=timezone.now, editable=False)
    previous_secret_hash = models.CharField(max_length=64, blank=True, default="", editable=False)
    previous_secret_expires_at = models.DateTimeField(null=True, blank=True, editable=False)
    # SHA-256 hex of the prompt that it runs under; "" is not compared.
    system_prompt_hash = models.CharField(max_length=64, blank=True, default="", validators=[SHA256])
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (models.Index(fields=("status", "-created_at"), name="agents_by_status"),)

    def __str__(self) -> str:
        return self.name
