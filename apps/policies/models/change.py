"""A change of what is in effect, put up by one person and decided by another. What it proposes is never edited."""

from typing import ClassVar

from django.db import models

from apps.audit.ids import new_id
from apps.policies.models.policy import Policy, PolicyVersion


class PolicyChangeRequest(models.Model):
    """`base_version` is what was in effect when it was written, null for nothing: it is approved over that alone."""

    class Action(models.TextChoices):
        ACTIVATE = "activate", "write and activate"
        ARCHIVE = "archive", "archive"

    class Status(models.TextChoices):
        OPEN = "open"
        APPROVED = "approved"
        REJECTED = "rejected"
        WITHDRAWN = "withdrawn"
        SUPERSEDED = "superseded"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    action = models.CharField(max_length=16, choices=Action, editable=False)
    policy = models.ForeignKey(
        Policy, null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="changes"
    )
    slug = models.CharField(max_length=63, editable=False)
    name = models.CharField(max_length=200, blank=True)  # empty leaves the policy's
    description = models.TextField(max_length=2000, blank=True)
    content = models.TextField(blank=True)
    tests = models.TextField(blank=True)
    test_results = models.JSONField(default=list, editable=False)  # [{rule, passed, problem}]
    checked_against = models.CharField(max_length=64, editable=False)  # digest of all modules it was compiled with
    base_version = models.ForeignKey(
        PolicyVersion, null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )
    replaces = models.ForeignKey(
        "self", null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="replaced_by"
    )
    author = models.CharField(max_length=200, editable=False)
    author_user = models.BigIntegerField(null=True, editable=False)
    note = models.TextField(max_length=2000, blank=True)
    status = models.CharField(max_length=16, choices=Status, default=Status.OPEN, editable=False)
    reviewer = models.CharField(max_length=200, blank=True, editable=False)
    review_note = models.TextField(max_length=2000, blank=True, editable=False)
    applied_version = models.ForeignKey(
        PolicyVersion, null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name = "change request"
        indexes: ClassVar = [models.Index(fields=["status", "-id"], name="policy_change_status")]

    def __str__(self) -> str:
        return f"{self.action} {self.slug}"
