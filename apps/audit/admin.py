"""The log in the tenant's admin: to look at, filter and search, and nothing else."""

from datetime import UTC
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.audit import verification
from apps.audit.models import AuditEntry, ChainAnchor, ChainBreakEntry, Verification
from apps.tenants.sites import ReadOnlyAdmin, tenant_site


class EntryAdmin(ReadOnlyAdmin):
    list_display = ("seq", "at", "kind", "result", "tool_name", "mcp_server", "policy_reason", "who")
    list_filter = ("kind", "policy_result", "mcp_server")
    search_fields = ("actor", "agent_id", "session_id", "tool_name", "target", "policy_reason")
    search_help_text = "Actor, agent, session, tool, target or reason"
    ordering = ("-seq",)
    list_per_page = 50
    list_select_related = False
    show_full_result_count = False

    @admin.display(description="time (UTC)", ordering="timestamp")
    def at(self, entry: AuditEntry) -> str:
        return entry.timestamp.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]

    @admin.display(description="result", ordering="policy_result")
    def result(self, entry: AuditEntry) -> str:
        return entry.policy_result or "–"

    @admin.display(description="actor", ordering="actor")
    def who(self, entry: AuditEntry) -> str:
        """Enough of an agent's id to tell it from others; the entry itself has all of it."""
        return entry.actor if len(entry.actor) <= 24 else f"{entry.actor[:14]}…{entry.actor[-6:]}"

    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("seq", "id", "kind", "timestamp", "recorded_at", "actor")}),
        ("Who", {"fields": ("agent_id", "session_id", "requester_id", "requester_channel", "requester_verified",
                            "delegation_chain", "workflow_session_id", "causal_depth", "parent_event_id")}),
        ("What", {"fields": ("mcp_server", "method", "tool_name", "action", "target", "input_hash", "instruction_hash",
                             "payload")}),
        ("Decision", {"fields": ("policy_result", "policy_id", "policy_reason", "stage", "rulebook_version",
                                 "behavioral_score", "dlp_action", "dlp_findings")}),
        ("Outcome", {"fields": ("response_code", "latency_ms", "error", "extra")}),
        ("Integrity", {"fields": ("hash_version", "previous_hash", "event_hash", "integrity")}),
    )  # fmt: skip
    readonly_fields = ("integrity",)

    @admin.display(description="This entry's own hash and link")
    def integrity(self, entry: AuditEntry) -> str:
        report = verification.walk(from_seq=entry.seq, to_seq=entry.seq)
        return "intact" if not report.count else f"{report.breaks[0].kind.value}: {report.breaks[0].detail}"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).order_by("-seq")


class BreakAdmin(ReadOnlyAdmin):
    list_display = ("seq", "last_seq", "kind", "found_at", "acknowledged_at", "acknowledged_by")
    list_filter = ("kind", "acknowledged_at")
    search_fields = ("detail", "note", "acknowledged_by")


class VerificationAdmin(ReadOnlyAdmin):
    list_display = ("finished_at", "whole", "from_seq", "to_seq", "entries", "breaks")
    list_filter = ("whole",)


class AnchorAdmin(ReadOnlyAdmin):
    list_display = ("month", "first_seq", "last_seq", "created_at")


tenant_site.register(AuditEntry, EntryAdmin)
tenant_site.register(ChainBreakEntry, BreakAdmin)
tenant_site.register(Verification, VerificationAdmin)
tenant_site.register(ChainAnchor, AnchorAdmin)
