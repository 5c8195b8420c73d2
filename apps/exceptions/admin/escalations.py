"""Escalations in the admin: what waits, for how long, what it would do; and the buttons that answer."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Final

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.decision.types import JSON
from apps.exceptions.admin.asking import actor, ask
from apps.exceptions.admin.filters import ServerFilter, SubjectFilter
from apps.exceptions.admin.results import (
    chosen_source,
    findings_table,
    result_table,
    rule_link,
    source_choices,
    source_facts,
    strongest,
)
from apps.exceptions.models import Escalation, EscalationSetting, Resolution
from apps.exceptions.services import escalation_settings, resolutions
from apps.tenants.roles import Role
from apps.tenants.sites import ReadOnlyAdmin, RefusalsInForm, RoleAdmin

BUTTONS: Final[Mapping[str, str]] = {
    Resolution.APPROVE: "Approve…",
    Resolution.DENY: "Deny…",
    Resolution.ALLOW_SANITIZED: "Allow sanitized…",
    Resolution.ALLOW_ORIGINAL: "Allow original…",
    Resolution.BLOCK: "Block…",
    Resolution.BLOCK_SOURCE: "Block and add a source rule…",
}
TOLD: Final[Mapping[str, str]] = {
    Resolution.APPROVE: "approved",
    Resolution.DENY: "denied",
    Resolution.ALLOW_SANITIZED: "allowed sanitized",
    Resolution.ALLOW_ORIGINAL: "allowed as it came",
    Resolution.BLOCK: "blocked",
    Resolution.BLOCK_SOURCE: "blocked, and its source, too:",
}

_PERSON: Final = "Seconds that a person has to decide, where the agent's risk tier is {}: 30 to 604800 (7 days). {}"
HELP: Final[Mapping[str, str]] = {
    "low_seconds": _PERSON.format("low", "Default 86400 (24 hours)."),
    "medium_seconds": _PERSON.format("medium", "Default 14400 (4 hours)."),
    "high_seconds": _PERSON.format("high", "Default 1800 (30 minutes)."),
    "critical_seconds": _PERSON.format("critical, or unknown", "Default 300 (5 minutes)."),
    "hold_seconds": "Seconds that a caller is kept waiting before it is told to come again: 0 to 3600. Default 45.",
    "use_seconds": "Seconds until an approval that nobody used lapses: 30 to 604800 (7 days). Default 3600 (1 hour).",
}


class EscalationAdmin(ReadOnlyAdmin):
    list_display = ("call", "about", "what", "rule", "left", "now", "agent_name", "server", "risk_tier", "created_at")
    list_filter = ("status", ("subject", SubjectFilter), "risk_tier", ("mcp_server", ServerFilter))
    search_fields = ("id", "agent_id", "agent_name", "tool_name", "requester_id", "policy_id")
    list_select_related = False
    actions = ("approve", "deny", "allow_sanitized", "allow_original", "block", "block_source")
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("now", "left", "about", "reason", "policy_id", "risk_tier", "created_at", "expires_at")}),
        ("Who", {"fields": ("agent_name", "agent_id", "session_id", "requester_id", "requester_channel")}),
        ("What", {"fields": ("server", "method", "tool_name", "action", "resource", "its_arguments")}),
        ("Why", {"fields": ("its_findings", "its_verdicts")}),
        ("Result", {"fields": ("its_result", "its_source")}),
        ("Answer", {"fields": ("resolution", "resolved_by", "resolved_at", "note", "usable_until", "used_at")}),
        ("Evidence", {"fields": ("event_id", "used_event_id", "input_hash", "tool_digest", "rulebook_version")}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        head, *others = super().get_fieldsets(request, obj)
        result = [one for one in others if one[0] == "Result"]
        others = [one for one in others if one[0] != "Result"]
        return [head, *(result if obj is not None and obj.subject == Escalation.Subject.INBOUND else ()), *others]

    def has_answer_permission(self, request: HttpRequest) -> bool:
        return self._holds(request, Role.ANALYST)

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        row = self.get_object(request, object_id)
        waits = row is not None and row.seconds_left(timezone.now()) is not None and self.has_answer_permission(request)
        fitting = resolutions.answers_to(row) if row is not None and waits else frozenset()
        answers = [(name, label) for name, label in BUTTONS.items() if name in fitting]
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "answers": answers})

    @admin.display(description="status", ordering="status")
    def now(self, row: Escalation) -> str:
        return str(row.status_at(timezone.now()).label)

    @admin.display(description="time left", ordering="expires_at")
    def left(self, row: Escalation) -> str:
        seconds = row.seconds_left(timezone.now())
        return "" if seconds is None else str(timedelta(seconds=seconds))

    @admin.display(description="call", ordering="tool_name")
    def call(self, row: Escalation) -> str:
        return row.tool_name or row.method

    @admin.display(description="subject", ordering="subject")
    def about(self, row: Escalation) -> str:
        return f"result: {strongest(row)}" if row.subject == Escalation.Subject.INBOUND else "call"

    @admin.display(description="resource")
    def what(self, row: Escalation) -> str:
        return row.resource if len(row.resource) <= 60 else f"{row.resource[:24]}…{row.resource[-35:]}"

    @admin.display(description="MCP server", ordering="mcp_server")
    def server(self, row: Escalation) -> str:
        return row.mcp_server

    @admin.display(description="asked by the rule", ordering="policy_id")
    def rule(self, row: Escalation) -> str:
        return row.policy_id

    @admin.display(description="arguments, masked")
    def its_arguments(self, row: Escalation) -> SafeString:
        return _pretty(row.arguments)

    @admin.display(description="findings, masked")
    def its_findings(self, row: Escalation) -> SafeString:
        return findings_table(row) if row.subject == Escalation.Subject.INBOUND else _pretty(row.findings)

    @admin.display(description="what came back")
    def its_result(self, row: Escalation) -> SafeString | str:
        return result_table(row)

    @admin.display(description="source")
    def its_source(self, row: Escalation) -> SafeString:
        return source_facts(row)

    @admin.display(description="rules that want a person")
    def its_verdicts(self, row: Escalation) -> SafeString:
        return _pretty(row.verdicts)

    @admin.action(description=BUTTONS[Resolution.APPROVE], permissions=["answer"])
    def approve(self, request: HttpRequest, rows: QuerySet[Escalation]) -> HttpResponse | None:
        return self._answer(request, rows, Resolution.APPROVE, "These exact calls may pass, once each.")

    @admin.action(description=BUTTONS[Resolution.DENY], permissions=["answer"])
    def deny(self, request: HttpRequest, rows: QuerySet[Escalation]) -> HttpResponse | None:
        return self._answer(request, rows, Resolution.DENY, "These calls are refused.")

    @admin.action(description=BUTTONS[Resolution.ALLOW_SANITIZED], permissions=["answer"])
    def allow_sanitized(self, request: HttpRequest, rows: QuerySet[Escalation]) -> HttpResponse | None:
        return self._answer(
            request,
            rows,
            Resolution.ALLOW_SANITIZED,
            "The agent gets these results without the orders in them, once each.",
        )

    @admin.action(description=BUTTONS[Resolution.ALLOW_ORIGINAL], permissions=["answer"])
    def allow_original(self, request: HttpRequest, rows: QuerySet[Escalation]) -> HttpResponse | None:
        question = "The agent gets these results as they came, with the orders in them. Say why: a note is needed."
        return self._answer(request, rows, Resolution.ALLOW_ORIGINAL, question)

    @admin.action(description=BUTTONS[Resolution.BLOCK], permissions=["answer"])
    def block(self, request: HttpRequest, rows: QuerySet[Escalation]) -> HttpResponse | None:
        return self._answer(request, rows, Resolution.BLOCK, "The agent never sees these results.")

    @admin.action(description=BUTTONS[Resolution.BLOCK_SOURCE], permissions=["answer"])
    def block_source(self, request: HttpRequest, rows: QuerySet[Escalation]) -> HttpResponse | None:
        question = "The agent never sees these results, and from now on nobody gets anything of the source you choose."
        return self._answer(request, rows, Resolution.BLOCK_SOURCE, question, source_choices(list(rows)))

    def _answer(
        self,
        request: HttpRequest,
        rows: QuerySet[Escalation],
        resolution: Resolution,
        question: str,
        choices: Sequence[tuple[str, str]] = (),
    ) -> HttpResponse | None:
        source = chosen_source(request.POST.get("choice", "")) if choices else None

        def resolve(row: Escalation, who: str, note: str) -> Model:
            return resolutions.resolve(row.pk, resolution=resolution, actor=who, note=note, source=source)

        def told(row: Escalation) -> str:
            return format_html("{} {}", TOLD[resolution], rule_link(row, source)) if source else TOLD[resolution]

        return ask(
            self,
            request,
            rows,
            resolve,
            title=BUTTONS[resolution].rstrip("…"),
            question=question,
            facts=self._facts,
            choices=choices,
            told=told,
        )

    def _facts(self, row: Escalation) -> Sequence[tuple[str, object]]:
        requester = f"{row.requester_id} over {row.requester_channel}" if row.requester_id else "not named"
        more: list[tuple[str, object]] = []
        if row.subject == Escalation.Subject.INBOUND:
            more = [("Result", self.its_result(row)), ("Findings", self.its_findings(row))]
            more.append(("Source", self.its_source(row)))
        return (
            ("Status", self.now(row)),
            ("Time left", self.left(row) or "none"),
            ("Agent", f"{row.agent_name}, risk tier {row.risk_tier}"),
            ("Requester", requester),
            ("MCP server", row.mcp_server),
            ("Call", f"{row.method} {row.tool_name}".strip()),
            ("Resource", row.resource or "–"),
            ("Arguments, masked", self.its_arguments(row)),
            ("Rules that want a person", _rules(row)),
            *more,
        )


class EscalationSettingAdmin(RefusalsInForm, RoleAdmin):
    """One row at most; without one the defaults hold."""

    list_display = ("__str__", *escalation_settings.NAMES)
    fields = escalation_settings.NAMES
    search_fields = ()
    list_select_related = False
    actions = None

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change=change, **{**kwargs, "help_texts": HELP})

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not EscalationSetting.objects.exists()

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(
        self, request: HttpRequest, obj: EscalationSetting, form: ModelForm[EscalationSetting], change: bool
    ) -> None:
        changes = {name: form.cleaned_data[name] for name in escalation_settings.NAMES}
        row = escalation_settings.configure_escalations(actor=actor(request), changes=changes)
        if row.pk is None:  # added with nothing but defaults, which need no row
            row.save()
        obj.pk = row.pk


def _rules(row: Escalation) -> SafeString:
    lines = ((one.get("policy", ""), one.get("reason", "")) for one in row.verdicts)
    return format_html_join("", "<div><code>{}</code> {}</div>", lines)


def _pretty(value: JSON) -> SafeString:
    return format_html("<pre>{}</pre>", json.dumps(value, indent=2, ensure_ascii=False))
