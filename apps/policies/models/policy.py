"""A tenant's policies in versions, and compiled plans."""

import uuid
from typing import ClassVar

from django.db import models


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
