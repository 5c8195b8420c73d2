"""A personal access token: lets a script act as a person, with at most that person's role."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils import timezone

from apps.audit.ids import new_id


class PersonalAccessToken(models.Model):
    """`purpose` tells tokens a person made from those that a scripted sign-in handed out."""

    class Purpose(models.TextChoices):
        PERSONAL = "personal", "personal"
        LOGIN = "login", "login"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="access_tokens")
    name = models.CharField(max_length=100)
    purpose = models.CharField(max_length=16, choices=Purpose.choices, default=Purpose.PERSONAL, editable=False)
    prefix = models.CharField(max_length=24, editable=False)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    role = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (models.Index(fields=("user", "-created_at"), name="access_tokens_by_user"),)

    def __str__(self) -> str:
        return self.name

    def is_usable(self, now: datetime) -> bool:
        return self.revoked_at is None and self.expires_at > now
