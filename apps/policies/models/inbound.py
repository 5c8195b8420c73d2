"""What the tenant decided about what comes back: rules, actions, sources, and the values it planted."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from apps.audit.ids import new_id
from apps.decision.scan.injection.kinds import InjectionClass
from apps.decision.types import DlpAction, InboundAction, Severity, Tier
from apps.policies.models.dlp import SEVERITIES

CLASSES = [(one.value, one.value.replace("_", " ")) for one in InjectionClass]
INBOUND_ACTIONS = [(one.value, one.value) for one in InboundAction]
RESULT_ACTIONS = [(one.value, one.value.title()) for one in (DlpAction.LOG, DlpAction.REDACT, DlpAction.DENY)]
TIERS = [(one.value, one.value.title()) for one in Tier]


class InboundSetting(models.Model):
    """One row. What it does not say is decided by a finding's severity."""

    class NewItems(models.TextChoices):
        ALLOW = "allow", "may be used at once"
        REVIEW = "review", "wait for approval"

    class_actions = models.JSONField(default=dict, blank=True)  # class of injection → allow | flag | withhold
    result_secrets = models.CharField(max_length=16, choices=RESULT_ACTIONS, default=DlpAction.REDACT.value)
    new_items = models.CharField(max_length=16, choices=NewItems.choices, default=NewItems.ALLOW)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = verbose_name_plural = "inbound settings"

    def __str__(self) -> str:
        return "inbound settings"


class InboundRule(models.Model):
    """A rule of the tenant's own."""

    name = models.CharField(max_length=63, unique=True)
    description = models.TextField(max_length=2000, blank=True)
    kind = models.CharField("class", max_length=32, choices=CLASSES)
    severity = models.CharField(max_length=16, choices=SEVERITIES, default=Severity.HIGH.value)
    regex = models.CharField(max_length=1000)
    enabled = models.BooleanField(default=True)
    hits = ArrayField(models.TextField(), default=list, blank=True)
    misses = ArrayField(models.TextField(), default=list, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["name"]
        verbose_name = "custom inbound rule"

    def __str__(self) -> str:
        return self.name


class InboundRuleSetting(models.Model):
    """What the tenant changed about a built-in rule. Empty leaves what the rule says itself."""

    rule = models.CharField(max_length=63, unique=True)
    severity = models.CharField(max_length=16, choices=SEVERITIES, blank=True)
    enabled = models.BooleanField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["rule"]
        verbose_name = "built-in inbound rule setting"

    def __str__(self) -> str:
        return self.rule


class SourceRule(models.Model):
    """How far a domain, or an MCP server, is trusted. The lowest priority counts; see `apps.decision.inbound.trust`."""

    class Kind(models.TextChoices):
        DOMAIN = "domain", "domain"
        SERVER = "server", "MCP server"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.DOMAIN)
    pattern = models.CharField(max_length=253)
    tier = models.CharField(max_length=16, choices=TIERS)
    priority = models.PositiveIntegerField(default=100, validators=[MinValueValidator(1), MaxValueValidator(10_000)])
    note = models.TextField(max_length=2000, blank=True)
    enabled = models.BooleanField(default=True)
    created_by = models.CharField(max_length=200, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["priority", "kind", "pattern"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["kind", "pattern"], name="source_rule_once")]

    def __str__(self) -> str:
        return f"{self.pattern}: {self.tier}"


class CanaryToken(models.Model):
    """A planted value: nobody has a reason to send it anywhere. Stored sealed; it leaves this column for gateways."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=63, unique=True)
    note = models.TextField(max_length=2000, blank=True, help_text="Where it is planted.")
    value_sealed = models.BinaryField(editable=False)
    created_by = models.CharField(max_length=200, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["name"]
        verbose_name = "canary token"

    def __str__(self) -> str:
        return self.name
