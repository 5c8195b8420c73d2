"""Tables of the log. Entries name what they are about by value and hold no foreign key, so they outlive it.

The database refuses to change or delete an entry; the only way out is a whole expired month, after a signed anchor.
"""

import uuid
from typing import Any, ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import models


class CanonicalJSON(models.JSONField):
    """A `json` column, which keeps the stored text to the letter; `jsonb` would rewrite what was hashed."""

    def db_type(self, connection: Any) -> str:
        return "json"

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return value  # psycopg has parsed it


class AuditEntry(models.Model):
    """One entry. `recorded_at` is when the log took it, never goes back and decides the partition; `timestamp` is when
    it happened. The primary key in the database is (seq, recorded_at), as partitioning demands; the chain's lock makes
    seq alone unique within a tenant."""

    seq = models.BigIntegerField(primary_key=True)
    recorded_at = models.DateTimeField()
    previous_hash = models.TextField()
    event_hash = models.TextField()
    hash_version = models.IntegerField()
    id = models.UUIDField()
    tenant = models.TextField()
    kind = models.TextField()
    timestamp = models.DateTimeField()
    actor = models.TextField()
    agent_id = models.TextField()
    session_id = models.TextField()
    requester_id = models.TextField()
    requester_channel = models.TextField()
    requester_verified = models.BooleanField()
    instruction_hash = models.TextField()
    action = models.TextField()
    target = models.TextField()
    tool_name = models.TextField()
    mcp_server = models.TextField()
    method = models.TextField()
    policy_result = models.TextField()
    policy_id = models.TextField()
    policy_reason = models.TextField()
    stage = models.TextField()
    rulebook_version = models.BigIntegerField()
    behavioral_score = models.DecimalField(null=True, max_digits=40, decimal_places=20)
    dlp_findings = CanonicalJSON()
    dlp_action = models.TextField()
    input_hash = models.TextField()
    response_code = models.BigIntegerField(null=True)
    latency_ms = models.DecimalField(null=True, max_digits=40, decimal_places=20)
    error = models.TextField()
    workflow_session_id = models.TextField()
    causal_depth = models.BigIntegerField()
    parent_event_id = models.UUIDField(null=True)
    delegation_chain = CanonicalJSON()
    payload = models.TextField(null=True)
    extra = CanonicalJSON()

    class Meta:
        db_table = "audit_entry"
        verbose_name = "entry"
        verbose_name_plural = "entries"
        ordering: ClassVar = ["-seq"]

    def __str__(self) -> str:
        return f"{self.seq} {self.kind}"


class DecisionInput(models.Model):
    """The masked input document of one decision, written with its entry and kept for a while so that a candidate policy
    can be tried on it. No part of the chain: it may be deleted, never changed."""

    seq = models.BigIntegerField(primary_key=True, help_text="Of the decision's entry.")
    event_id = models.UUIDField()
    recorded_at = models.DateTimeField()
    document = models.TextField()

    class Meta:
        db_table = "audit_input"
        ordering: ClassVar = ["-seq"]
        # Rows come in order of time, so that a few bytes per range find them, and a call pays nothing for it.
        indexes: ClassVar = [BrinIndex(fields=["recorded_at"], name="audit_input_recorded_at")]

    def __str__(self) -> str:
        return f"input of {self.seq}"


class ChainHead(models.Model):
    """The end of the chain: one row per tenant, locked by every append. Only ever moves forward."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    seq = models.BigIntegerField()
    event_hash = models.TextField()
    rulebook_version = models.BigIntegerField()
    recorded_at = models.DateTimeField()
    partitions_until = models.DateTimeField(help_text="Months before this have their partition.")

    class Meta:
        db_table = "audit_head"

    def __str__(self) -> str:
        return f"head at {self.seq}"


class ReaderCursor(models.Model):
    """How far a named reader has come, and which process reads for it now."""

    name = models.TextField(primary_key=True)
    seq = models.BigIntegerField(default=0)
    lease_owner = models.TextField(default="")
    lease_until = models.DateTimeField(null=True)
    failing_seq = models.BigIntegerField(default=0)
    failures = models.IntegerField(default=0)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "audit_reader_cursor"

    def __str__(self) -> str:
        return f"{self.name} at {self.seq}"


class SetAsideEntry(models.Model):
    """An entry that a reader failed on too often and went past. Kept for a person to look at."""

    reader = models.TextField()
    seq = models.BigIntegerField()
    error = models.TextField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "audit_set_aside"
        constraints: ClassVar = [models.UniqueConstraint(fields=["reader", "seq"], name="audit_set_aside_once")]

    def __str__(self) -> str:
        return f"{self.reader} set aside {self.seq}"


class Verification(models.Model):
    """The result of one walk over the chain. Whole-chain results are what the API answers from."""

    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    whole = models.BooleanField()
    from_seq = models.BigIntegerField()
    to_seq = models.BigIntegerField()
    entries = models.BigIntegerField()
    breaks = models.IntegerField()
    event_hash = models.TextField(help_text="Hash of the last entry walked.")

    class Meta:
        db_table = "audit_verification"
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"{self.from_seq} to {self.to_seq}: {self.breaks} breaks"


class ChainBreakEntry(models.Model):
    """A break that a verification found. Found again it stays one row; a person acknowledges it with a note."""

    number = models.BigAutoField(primary_key=True)
    id = models.UUIDField(unique=True, default=uuid.uuid4)
    kind = models.TextField()
    seq = models.BigIntegerField()
    last_seq = models.BigIntegerField()
    detail = models.TextField()
    found_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.TextField(default="")
    note = models.TextField(default="")

    class Meta:
        db_table = "audit_chain_break"
        verbose_name = "chain break"
        ordering: ClassVar = ["-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["kind", "seq", "last_seq"], name="audit_chain_break_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind} at {self.seq}"


class ChainAnchor(models.Model):
    """Signed memory of a dropped month: where the rest of the chain begins. Cannot be changed or deleted."""

    last_seq = models.BigIntegerField(primary_key=True)
    first_seq = models.BigIntegerField()
    event_hash = models.TextField()
    month = models.DateField()
    created_at = models.DateTimeField()
    public_key = models.TextField()
    signature = models.TextField()

    class Meta:
        db_table = "audit_chain_anchor"
        ordering: ClassVar = ["last_seq"]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} up to {self.last_seq}"
