"""An enrolment token: lets one program register itself once, with powers that an admin chose beforehand."""

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from apps.agents.models.agent import Agent, RiskTier
from apps.agents.models.words import PERMISSION, WORD, bounded
from apps.audit.ids import new_id


class EnrolmentToken(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    label = models.CharField(max_length=200, blank=True, default="")
    prefix = models.CharField(max_length=24, editable=False)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    agent_type = models.CharField(max_length=50, default="autonomous", validators=[WORD])
    roles: ArrayField[list[str], list[str]] = ArrayField(
        models.CharField(max_length=64, validators=[WORD]), default=list, blank=True, validators=[bounded]
    )
    permissions: ArrayField[list[str], list[str]] = ArrayField(
        models.CharField(max_length=200, validators=[PERMISSION]), default=list, blank=True, validators=[bounded]
    )
    risk_tier = models.CharField(max_length=16, choices=RiskTier.choices, default=RiskTier.LOW)
    created_by = models.CharField(max_length=200, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    used_by = models.OneToOneField(
        Agent, on_delete=models.PROTECT, null=True, blank=True, related_name="enrolment_token"
    )
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "-id")

    def __str__(self) -> str:
        return self.label or self.prefix

    def state(self, now: datetime) -> str:
        if self.used_at is not None:
            return "used"
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at <= now else "usable"
