"""An exception: what one agent may do although policy would not let it, for a limited time and a stated reason."""

from datetime import datetime
from typing import ClassVar

from django.core.validators import MaxValueValidator, MinLengthValidator
from django.db import models
from django.utils import timezone

from apps.audit.ids import new_id


class ExceptionState(models.TextChoices):
    LIVE = "live", "live"
    EXPIRED = "expired", "expired"
    REVOKED = "revoked", "revoked"


class Urgency(models.TextChoices):
    """How near an exception is to having been prolonged too often: red is the last time."""

    NONE = "none", "none"
    YELLOW = "yellow", "yellow"
    ORANGE = "orange", "orange"
    RED = "red", "red"


class ExceptionGrant(models.Model):
    """`tool` is a glob, `resource` one per line (`apps.decision.exceptions`); an empty `mcp_server` is every server."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    agent_id = models.UUIDField()
    agent_name = models.CharField(max_length=200, editable=False)
    mcp_server = models.CharField(max_length=63, blank=True, default="")
    tool = models.CharField(max_length=200)
    resource = models.CharField(max_length=1000)
    justification = models.TextField(max_length=2000, validators=[MinLengthValidator(10)])
    created_by = models.CharField(max_length=200, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    extension_count = models.PositiveSmallIntegerField(default=0, editable=False)
    max_extensions = models.PositiveSmallIntegerField(default=4, validators=[MaxValueValidator(20)])
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_by = models.CharField(max_length=200, blank=True, editable=False)
    use_count = models.PositiveIntegerField(default=0, editable=False)  # a projection of the log
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]
        verbose_name = "exception"
        indexes: ClassVar = [
            models.Index(fields=["expires_at"], condition=models.Q(revoked_at__isnull=True), name="exception_live"),
            models.Index(fields=["agent_id", "-created_at"], name="exception_by_agent"),
        ]

    def __str__(self) -> str:
        return f"{self.tool} on {self.resource} for {self.agent_name}"

    def state(self, now: datetime) -> ExceptionState:
        if self.revoked_at is not None:
            return ExceptionState.REVOKED
        return ExceptionState.LIVE if self.expires_at > now else ExceptionState.EXPIRED

    @property
    def urgency(self) -> Urgency:
        if not self.extension_count:
            return Urgency.NONE
        if self.extension_count >= self.max_extensions:
            return Urgency.RED
        return Urgency.ORANGE if 2 * self.extension_count > self.max_extensions else Urgency.YELLOW


def in_state(
    rows: models.QuerySet[ExceptionGrant], state: ExceptionState, now: datetime
) -> models.QuerySet[ExceptionGrant]:
    """The same question as `ExceptionGrant.state`, asked of the database."""
    if state is ExceptionState.REVOKED:
        return rows.filter(revoked_at__isnull=False)
    rows = rows.filter(revoked_at__isnull=True)
    return rows.filter(expires_at__gt=now) if state is ExceptionState.LIVE else rows.filter(expires_at__lte=now)
