"""An escalation: one exact call, or what came back for it, that waits for a person; and what the person said."""

from datetime import datetime
from typing import ClassVar, Self

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from apps.audit.ids import new_id


class EscalationStatus(models.TextChoices):
    """`approved` may be used once, until `usable_until`; `used`, `denied` and `expired` are final."""

    PENDING = "pending", "pending"
    APPROVED = "approved", "approved"
    DENIED = "denied", "denied"
    EXPIRED = "expired", "expired"
    USED = "used", "used"


class Resolution(models.TextChoices):
    """What a person may answer: the first two to a call, the others to what a server sent back."""

    APPROVE = "approve", "approve"
    DENY = "deny", "deny"
    ALLOW_SANITIZED = "allow_sanitized", "allow sanitized"
    ALLOW_ORIGINAL = "allow_original", "allow original"
    BLOCK = "block", "block"
    BLOCK_SOURCE = "block_source", "block and add a source rule"


class EscalationQuerySet(models.QuerySet["Escalation"]):
    def of_status(self, status: str, now: datetime) -> Self:
        """Those that have this status at this time, as `Escalation.status_at` says it of one."""
        waiting = models.Q(status=EscalationStatus.PENDING, expires_at__gt=now)
        usable = models.Q(status=EscalationStatus.APPROVED, usable_until__gt=now)
        match status:
            case EscalationStatus.PENDING:
                return self.filter(waiting)
            case EscalationStatus.APPROVED:
                return self.filter(usable)
            case EscalationStatus.EXPIRED:
                over = models.Q(status=EscalationStatus.PENDING, expires_at__lte=now)
                unused = models.Q(status=EscalationStatus.APPROVED, usable_until__lte=now)
                return self.filter(models.Q(status=EscalationStatus.EXPIRED) | over | unused)
            case _:
                return self.filter(status=status)


class Escalation(models.Model):
    """`binding` is the digest of everything an approval is bound to; at most one call that waits has it. Results may
    be several: each belongs to a call that was carried out.

    Arguments and findings are masked. Ids of other rooms are values, so that the row outlives what it names.
    """

    class Subject(models.TextChoices):
        CALL = "call", "call"
        INBOUND = "inbound", "inbound"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    subject = models.CharField(max_length=16, choices=Subject.choices, default=Subject.CALL, editable=False)
    status = models.CharField(
        max_length=16, choices=EscalationStatus.choices, default=EscalationStatus.PENDING, editable=False
    )
    binding = models.CharField(max_length=64, editable=False)
    event_id = models.UUIDField(editable=False)  # the decision that escalated
    agent_id = models.CharField(max_length=64, editable=False)
    agent_name = models.CharField(max_length=200, editable=False)
    session_id = models.CharField(max_length=64, editable=False)
    requester_id = models.CharField(max_length=200, blank=True, editable=False)
    requester_channel = models.CharField(max_length=200, blank=True, editable=False)
    mcp_server = models.CharField(max_length=63, editable=False)
    method = models.CharField(max_length=200, editable=False)
    tool_name = models.CharField(max_length=1000, blank=True, editable=False)
    action = models.CharField(max_length=16, editable=False)
    resource = models.TextField(blank=True, editable=False)
    arguments = models.JSONField(default=dict, editable=False)
    findings = models.JSONField(default=list, editable=False)
    inbound = models.JSONField(default=dict, editable=False)  # of a result: what was made of it and where it is from
    verdicts = models.JSONField(default=list, editable=False)  # [{result, reason, policy}] that asked for a person
    policy_id = models.CharField(max_length=200, editable=False)
    reason = models.TextField(editable=False)
    risk_tier = models.CharField(max_length=16, editable=False)
    input_hash = models.CharField(max_length=64, editable=False)
    tool_digest = models.CharField(max_length=64, blank=True, editable=False)  # of the tool's definition
    rules = models.CharField(max_length=64, blank=True, editable=False)  # digest of the rules that judged
    rulebook_version = models.BigIntegerField(editable=False)
    created_at = models.DateTimeField(editable=False)
    expires_at = models.DateTimeField(editable=False)
    resolution = models.CharField(max_length=16, choices=Resolution.choices, blank=True, editable=False)
    resolved_by = models.CharField(max_length=200, blank=True, editable=False)
    resolved_at = models.DateTimeField(null=True, editable=False)
    note = models.TextField(blank=True, editable=False)
    usable_until = models.DateTimeField(null=True, editable=False)
    used_at = models.DateTimeField(null=True, editable=False)
    used_event_id = models.UUIDField(null=True, editable=False)  # the decision it allowed

    objects = EscalationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["binding"],
                condition=models.Q(status="pending", subject="call"),
                name="escalation_one_pending",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["expires_at"], condition=models.Q(status="pending"), name="escalation_pending"),
            models.Index(fields=["binding", "-created_at"], name="escalation_by_binding"),
            models.Index(fields=["agent_id", "-created_at"], name="escalation_by_agent"),
            models.Index(fields=["status", "-created_at"], name="escalation_by_status"),
        ]

    def __str__(self) -> str:
        what = "Result" if self.subject == self.Subject.INBOUND else "Call"
        return f"{what} of {self.tool_name or self.method}, by {self.agent_name}"

    def status_at(self, now: datetime) -> EscalationStatus:
        """What is over is expired, whether or not a task has been by to write it down."""
        until = {EscalationStatus.PENDING: self.expires_at, EscalationStatus.APPROVED: self.usable_until}
        status = EscalationStatus(self.status)
        if status not in until:
            return status
        end = until[status]
        return status if end is not None and end > now else EscalationStatus.EXPIRED

    def seconds_left(self, now: datetime) -> int | None:
        """How long a person may still decide; None when nobody is asked any more."""
        if self.status_at(now) is not EscalationStatus.PENDING:
            return None
        return int((self.expires_at - now).total_seconds())


_TIMEOUT = (MinValueValidator(30), MaxValueValidator(7 * 86_400))


class EscalationSetting(models.Model):
    """One row: how long a person has, by the agent's risk tier, in seconds; and how long a caller is kept waiting."""

    low_seconds = models.PositiveIntegerField(default=86_400, validators=_TIMEOUT)
    medium_seconds = models.PositiveIntegerField(default=14_400, validators=_TIMEOUT)
    high_seconds = models.PositiveIntegerField(default=1_800, validators=_TIMEOUT)
    critical_seconds = models.PositiveIntegerField(default=300, validators=_TIMEOUT)
    hold_seconds = models.PositiveIntegerField(default=45, validators=[MaxValueValidator(3_600)])
    use_seconds = models.PositiveIntegerField(default=3_600, validators=_TIMEOUT)  # an approval's life, unused

    def __str__(self) -> str:
        return "escalation settings"
