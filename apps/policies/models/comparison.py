"""A candidate beside the rules in effect, judged over recorded inputs: once over the past (a replay), or as they
come (a shadow). Neither has any part in a decision."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from apps.audit.ids import new_id
from apps.policies.models.change import PolicyChangeRequest
from apps.policies.models.policy import Policy, PolicyVersion


class Comparison(models.Model):
    """`cursor` is the last input that is in the counts; whoever holds the lease goes on from there."""

    class Kind(models.TextChoices):
        REPLAY = "replay"
        SHADOW = "shadow"

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        CANCELLED = "cancelled"
        STOPPED = "stopped"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=16, choices=Kind, editable=False)
    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED, editable=False)
    change = models.ForeignKey(
        PolicyChangeRequest, null=True, editable=False, on_delete=models.CASCADE, related_name="comparisons"
    )
    policy = models.ForeignKey(Policy, null=True, editable=False, on_delete=models.CASCADE, related_name="comparisons")
    version = models.ForeignKey(PolicyVersion, null=True, editable=False, on_delete=models.PROTECT, related_name="+")
    slug = models.CharField(max_length=63, editable=False)
    archives = models.BooleanField(default=False, editable=False)  # the candidate is that the policy goes
    content = models.TextField(blank=True, editable=False)
    present: ArrayField[list[int], list[int]] = ArrayField(
        models.BigIntegerField(), default=list, editable=False
    )  # the versions in effect when a replay was asked for
    before_digest = models.CharField(max_length=64, blank=True, editable=False)
    after_digest = models.CharField(max_length=64, blank=True, editable=False)
    days = models.PositiveSmallIntegerField(null=True, editable=False)
    started_by = models.CharField(max_length=200, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)
    cursor = models.BigIntegerField(default=0, editable=False)
    last_seq = models.BigIntegerField(null=True, editable=False)
    total = models.BigIntegerField(null=True, editable=False)
    done = models.BigIntegerField(default=0, editable=False)
    flips = models.BigIntegerField(default=0, editable=False)
    masked = models.BigIntegerField(default=0, editable=False)
    unreadable = models.BigIntegerField(default=0, editable=False)
    drifted = models.BigIntegerField(default=0, editable=False)
    errors_before = models.BigIntegerField(default=0, editable=False)
    errors_after = models.BigIntegerField(default=0, editable=False)
    totals = models.JSONField(default=dict, editable=False)  # {"allow": {"allow": n, "deny": n, …}, …}: before, after
    busy_seconds = models.FloatField(default=0.0, editable=False)
    problem = models.TextField(blank=True, editable=False)
    lease_owner = models.CharField(max_length=200, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["policy"],
                condition=models.Q(kind="shadow", status="running"),
                name="policy_comparison_one_shadow",
            )
        ]
        indexes: ClassVar = [models.Index(fields=["kind", "status"], name="policy_comparison_status")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.slug}"


class FlipGroup(models.Model):
    """How often one agent's calls of one tool would end otherwise, and how."""

    comparison = models.ForeignKey(Comparison, on_delete=models.CASCADE, related_name="groups")
    agent_id = models.CharField(max_length=100)
    agent_name = models.CharField(max_length=200)
    mcp_server = models.CharField(max_length=63)
    tool = models.CharField(max_length=200)
    before = models.CharField(max_length=16)
    after = models.CharField(max_length=16)
    count = models.BigIntegerField(default=0)
    kept = models.IntegerField(default=0)  # samples

    class Meta:
        ordering: ClassVar = ["-count", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["comparison", "agent_id", "mcp_server", "tool", "before", "after"], name="policy_flip_group"
            )
        ]

    def __str__(self) -> str:
        return f"{self.tool}: {self.before} to {self.after}"


class Flip(models.Model):
    """A sample: one recorded call that would end otherwise. `recorded_*` is what the log says became of it."""

    comparison = models.ForeignKey(Comparison, on_delete=models.CASCADE, related_name="samples")
    seq = models.BigIntegerField()
    event_id = models.UUIDField()
    at = models.DateTimeField()
    agent_id = models.CharField(max_length=100)
    agent_name = models.CharField(max_length=200)
    mcp_server = models.CharField(max_length=63)
    tool = models.CharField(max_length=200)
    resource = models.CharField(max_length=500)
    before = models.CharField(max_length=16)
    before_policy = models.CharField(max_length=200)
    before_reason = models.CharField(max_length=500)
    after = models.CharField(max_length=16)
    after_policy = models.CharField(max_length=200)
    after_reason = models.CharField(max_length=500)
    recorded = models.CharField(max_length=16)
    recorded_policy = models.CharField(max_length=200)
    recorded_stage = models.CharField(max_length=32)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["comparison", "seq"], name="policy_flip_once")]

    def __str__(self) -> str:
        return f"{self.event_id}: {self.before} to {self.after}"
