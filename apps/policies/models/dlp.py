"""A tenant's own DLP patterns, and what it changed about the built-in ones."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from apps.decision.types import DlpAction, Severity

SEVERITIES = [(one.value, one.value.title()) for one in Severity]
ACTIONS = [(one.value, one.value.title()) for one in DlpAction]


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
