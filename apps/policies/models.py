"""What a tenant adds to the base rules: its policies in versions, its DLP patterns and settings, and compiled plans."""

import uuid
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from apps.decision.types import DlpAction, Severity

SEVERITIES = [(one.value, one.value.title()) for one in Severity]
ACTIONS = [(one.value, one.value.title()) for one in DlpAction]


class Policy(models.Model):
    """A named policy. Only the version that is active takes part in decisions. Changed through the services alone."""

    class Status(models.TextChoices):
        DRAFT = "draft"
        ACTIVE = "active"
        ARCHIVED = "archived"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)
    slug = models.CharField(max_length=63, unique=True, editable=False)
    description = models.TextField(max_length=2000, blank=True)
    status = models.CharField(max_length=16, choices=Status, default=Status.DRAFT, editable=False)
    active_version = models.ForeignKey(
        "PolicyVersion", null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["name", "slug"]
        verbose_name_plural = "policies"

    def __str__(self) -> str:
        return self.name


class PolicyVersion(models.Model):
    """What a policy said at one time. Versions are added, never changed."""

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    content = models.TextField()
    digest = models.CharField(max_length=64)  # SHA-256 of the content
    author = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["policy", "-number"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["policy", "number"], name="policy_version_number")]

    def __str__(self) -> str:
        return f"version {self.number}"


class CompiledPlan(models.Model):
    """A plan by the digest of the modules it was compiled from, so that whoever loads a rulebook need not compile."""

    digest = models.CharField(max_length=64, primary_key=True)
    plan = models.BinaryField()  # zlib
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.digest[:12]


class DlpPattern(models.Model):
    """A pattern of the tenant's own."""

    name = models.CharField(max_length=63, unique=True)
    description = models.TextField(max_length=2000, blank=True)
    regex = models.CharField(max_length=1000)
    severity = models.CharField(max_length=16, choices=SEVERITIES, default=Severity.HIGH.value)
    action = models.CharField(max_length=16, choices=ACTIONS, default=DlpAction.DENY.value)
    enabled = models.BooleanField(default=True)
    examples_hit = ArrayField(models.TextField(), default=list, blank=True)
    examples_miss = ArrayField(models.TextField(), default=list, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["name"]
        verbose_name = "custom DLP pattern"

    def __str__(self) -> str:
        return self.name


class DlpSetting(models.Model):
    """What the tenant changed about a built-in pattern. Empty leaves what the pattern says itself."""

    pattern = models.CharField(max_length=63, unique=True)
    action = models.CharField(max_length=16, choices=ACTIONS, blank=True)
    enabled = models.BooleanField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["pattern"]
        verbose_name = "built-in DLP pattern setting"

    def __str__(self) -> str:
        return self.pattern
