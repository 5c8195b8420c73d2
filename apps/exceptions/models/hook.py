"""Where to send word of an escalation, and every such message with what became of it."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from apps.audit.ids import new_id


class NotificationHook(models.Model):
    """An address that is told. `secret` is sealed; it signs what is sent and never comes out."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=200, unique=True)
    url = models.CharField(max_length=1000)  # `http://pager:8000/` is fine here, and no URLField
    secret = models.BinaryField(editable=False)
    kinds: ArrayField[list[str], list[str]] = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class Delivery(models.Model):
    """One message to one hook: written with what it tells of, sent by a task afterwards."""

    class Status(models.TextChoices):
        PENDING = "pending"
        SENT = "sent"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    hook = models.ForeignKey(NotificationHook, on_delete=models.CASCADE, related_name="deliveries")
    kind = models.CharField(max_length=64)
    body = models.JSONField()
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    response_code = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]
        verbose_name_plural = "deliveries"
        indexes: ClassVar = [
            models.Index(fields=["next_attempt_at"], condition=models.Q(status="pending"), name="delivery_due")
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.hook_id}"
