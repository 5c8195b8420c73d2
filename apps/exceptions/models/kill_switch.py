"""The tenant's kill switch, with its history, and when somebody broke the glass."""

from typing import ClassVar

from django.db import models
from django.utils import timezone

from apps.audit.ids import new_id


class SwitchAction(models.TextChoices):
    ENGAGE = "engage", "engage"
    RELEASE = "release", "release"


class KillSwitch(models.Model):
    """One row per engagement; the one without `released_at` holds."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    reason = models.TextField(max_length=2000)
    engaged_by = models.CharField(max_length=200, editable=False)
    engaged_at = models.DateTimeField(default=timezone.now, editable=False)
    release_reason = models.TextField(max_length=2000, blank=True)
    released_by = models.CharField(max_length=200, blank=True, editable=False)
    released_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["-engaged_at", "-id"]
        verbose_name_plural = "kill switch"
        constraints: ClassVar = [
            models.UniqueConstraint(
                models.Value(1), condition=models.Q(released_at__isnull=True), name="kill_switch_engaged_once"
            )
        ]

    def __str__(self) -> str:
        return self.reason


class BreakGlass(models.Model):
    """A stop lifted by a super-admin for a limited time: for one agent, or for all where `agent_id` is empty."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    agent_id = models.CharField(max_length=64, blank=True, default="")
    reason = models.TextField(max_length=2000)
    broken_by = models.CharField(max_length=200, editable=False)
    broken_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    mended_at = models.DateTimeField(null=True, blank=True, editable=False)
    mended_by = models.CharField(max_length=200, blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["-broken_at", "-id"]
        verbose_name_plural = "break glass"

    def __str__(self) -> str:
        return self.reason
