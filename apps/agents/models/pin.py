"""What a server lists, as it was when it was approved, and what it has become since."""

from typing import ClassVar

from django.db import models

from apps.agents.models.server import McpServer
from apps.audit.ids import new_id
from apps.decision.types import PinStatus, Severity

STATUSES = [(one.value, one.value) for one in PinStatus]
SEVERITIES = [(one.value, one.value) for one in Severity]


class PinKind(models.TextChoices):
    TOOL = "tool", "tool"
    PROMPT = "prompt", "prompt"
    INSTRUCTIONS = "instructions", "instructions"


class ServerPin(models.Model):
    """`definition` and `digest` are what is approved; `candidate` is what the server says now, where that differs, or
    where it did: a server that goes back to what was approved has said something else, and waits for a person.

    `baseline` is what somebody looked at last, where small changes were accepted since (`accepted` of them); changes
    are measured against it, so that many small ones do not add up unseen. `changes` says how the candidate differs, by
    meaning; `findings` are the orders in the text of what the server says now. `refused` is what it said before that
    and nobody approved, or what a person rejected: it is not to come back under another name.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    server = models.ForeignKey(McpServer, on_delete=models.CASCADE, related_name="pins", editable=False)
    kind = models.CharField(max_length=16, choices=PinKind.choices, editable=False)
    name = models.CharField(max_length=1000, blank=True, editable=False)
    status = models.CharField(max_length=16, choices=STATUSES, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    definition = models.JSONField(default=dict, editable=False)
    baseline = models.JSONField(null=True, editable=False)
    accepted = models.PositiveIntegerField(default=0, editable=False)
    candidate_digest = models.CharField(max_length=64, blank=True, editable=False)
    candidate = models.JSONField(null=True, editable=False)
    refused = models.JSONField(null=True, editable=False)
    changes = models.JSONField(default=list, editable=False)
    findings = models.JSONField(default=list, editable=False)
    severity = models.CharField(max_length=16, choices=SEVERITIES, blank=True, editable=False)
    first_seen_at = models.DateTimeField(editable=False)
    last_seen_at = models.DateTimeField(editable=False)
    changed_at = models.DateTimeField(null=True, editable=False)
    missing_since = models.DateTimeField(null=True, editable=False)
    reviewed_by = models.CharField(max_length=200, blank=True, editable=False)
    reviewed_at = models.DateTimeField(null=True, editable=False)
    note = models.TextField(blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["server", "kind", "name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["server", "kind", "name"], name="server_pin_once")]
        verbose_name = "pin"
        indexes: ClassVar = [models.Index(fields=["status", "-changed_at"], name="server_pin_by_status")]

    @property
    def said(self) -> str:
        """The digest of what the server says now."""
        return self.candidate_digest or self.digest

    def __str__(self) -> str:
        return f"{self.kind} {self.name}".strip()
