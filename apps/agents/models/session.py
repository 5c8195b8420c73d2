"""A session: the life of one access token. Its counters are a projection of the log, never written by a request."""

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from apps.agents.models.agent import Agent
from apps.audit.ids import new_id


class Session(models.Model):
    """The primary key is the token's `jti`."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="sessions")
    opened_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_reason = models.CharField(max_length=200, blank=True, default="")
    last_seen_at = models.DateTimeField(null=True, blank=True)
    tool_call_count = models.PositiveIntegerField(default=0)
    denied_count = models.PositiveIntegerField(default=0)
    dlp_hit_count = models.PositiveIntegerField(default=0)
    flagged_at = models.DateTimeField(null=True, blank=True)
    flags: ArrayField[list[str], list[str]] = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    risk_score_at_close = models.DecimalField(max_digits=5, decimal_places=2, null=True, blank=True)

    class Meta:
        ordering = ("-opened_at", "-id")
        indexes = (
            models.Index(fields=("agent", "-opened_at"), name="sessions_by_agent"),
            models.Index(fields=("-opened_at", "-id"), name="sessions_by_age"),
            models.Index(
                fields=("expires_at",), condition=models.Q(closed_at__isnull=True), name="sessions_still_open"
            ),
            models.Index(fields=("expires_at",), condition=models.Q(revoked_at__isnull=False), name="sessions_revoked"),
        )

    def __str__(self) -> str:
        return str(self.id)

    def state(self, now: datetime) -> str:
        """revoked beats expired beats open."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at <= now else "open"
