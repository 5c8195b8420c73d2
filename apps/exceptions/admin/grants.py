"""Exceptions in the admin: what is granted to whom, and how often used; granting, extending, revoking."""

from typing import Any, ClassVar, Final

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from apps.agents.models import Agent, AgentStatus, McpServer
from apps.decision.errors import BadInput
from apps.exceptions.admin.asking import actor, ask
from apps.exceptions.admin.filters import ServerFilter
from apps.exceptions.models import ExceptionGrant, ExceptionState, Urgency
from apps.exceptions.models.grant import in_state
from apps.exceptions.services import grants, uses
from apps.tenants.sites import RefusalsInForm, RoleAdmin

COLOURS: Final = {Urgency.YELLOW: "#f5c518", Urgency.ORANGE: "#f28c28", Urgency.RED: "#d62828"}
BUTTONS: Final = (("extend", "Extend…"), ("revoke", "Revoke…"))
SHOWN_USES: Final = 20
SHOWN: Final = (
    "state", "urgency_colour", "agent_name", "agent_id", "server_name", "tool", "resource", "justification",
    "created_by", "created_at", "expires_at", "extension_count", "max_extensions", "revoked_at", "revoked_by",
    "revoked_because", "use_count", "last_used_at", "its_uses",
)  # fmt: skip


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [(state.value, state.label) for state in ExceptionState]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ExceptionGrant]) -> QuerySet[ExceptionGrant]:
        wanted = self.value()
        return (
            in_state(queryset, ExceptionState(wanted), timezone.now()) if wanted in ExceptionState.values else queryset
        )


class GrantForm(forms.ModelForm[ExceptionGrant]):
    agent = forms.ModelChoiceField(
        Agent.objects.filter(status__in=(AgentStatus.ACTIVE, AgentStatus.SUSPENDED)).order_by("name")
    )
    server = forms.ModelChoiceField(McpServer.objects.order_by("name"), required=False, empty_label="every server")
    tool = forms.CharField(max_length=200, help_text="Exact, or with *, ** and ?. A backslash takes them as they are.")
    resource = forms.CharField(
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 4, "cols": 80, "spellcheck": "false"}),
        help_text="One pattern per line. A call is covered when one of the lines covers each thing that it reaches.",
    )
    justification = forms.CharField(
        min_length=grants.MIN_JUSTIFICATION,
        max_length=grants.MAX_JUSTIFICATION,
        widget=forms.Textarea(attrs={"rows": 4, "cols": 80}),
        help_text="Why; goes into the log.",
    )
    expires_in_hours = forms.IntegerField(min_value=1, max_value=grants.MAX_HOURS, initial=24, label="Hours")
    max_extensions = forms.IntegerField(
        min_value=0, max_value=grants.MAX_EXTENSIONS, initial=grants.DEFAULT_EXTENSIONS, label="Extensions, at most"
    )

    class Meta:
        model = ExceptionGrant
        fields = ("tool", "resource", "justification", "max_extensions")


class GrantAdmin(RefusalsInForm, RoleAdmin):
    write_role = grants.WRITE_ROLE
    list_display = (
        "__str__", "state", "urgency_colour", "server_name", "expires_at", "extended", "use_count", "last_used_at",
        "created_by",
    )  # fmt: skip
    list_filter = (StateFilter, "extension_count", ("mcp_server", ServerFilter), "created_at")
    search_fields = ("id", "agent_id", "agent_name", "tool", "resource", "justification", "created_by")
    list_select_related = False
    actions = ("extend", "revoke")
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("agent", "server", "tool", "resource", "justification")}),
        ("For how long", {"fields": ("expires_in_hours", "max_extensions")}),
    )

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_grant_permission(self, request: HttpRequest) -> bool:
        return self._holds(request, grants.WRITE_ROLE)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = GrantForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return self.fieldsets if obj is None else ((None, {"fields": SHOWN}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return () if obj is None else SHOWN

    def save_model(
        self, request: HttpRequest, obj: ExceptionGrant, form: ModelForm[ExceptionGrant], change: bool
    ) -> None:
        fields = dict(form.cleaned_data)
        agent, server = fields.pop("agent"), fields.pop("server")
        made = grants.create(
            actor=actor(request), agent_id=agent.pk, mcp_server=server.name if server else "", **fields
        )
        obj.pk = made.pk
        obj.refresh_from_db()

    @admin.display(description="state", ordering="expires_at")
    def state(self, grant: ExceptionGrant) -> str:
        return str(grant.state(timezone.now()).label)

    @admin.display(description="urgency", ordering="extension_count")
    def urgency_colour(self, grant: ExceptionGrant) -> SafeString | str:
        colour = COLOURS.get(grant.urgency)
        if colour is None:
            return "–"
        style = f"border-left: 0.4em solid {colour}; padding-left: 0.4em"
        return format_html('<span style="{}">{}</span>', style, grant.urgency.label)

    @admin.display(description="extended", ordering="extension_count")
    def extended(self, grant: ExceptionGrant) -> str:
        return f"{grant.extension_count} of {grant.max_extensions}"

    @admin.display(description="MCP server", ordering="mcp_server")
    def server_name(self, grant: ExceptionGrant) -> str:
        return grant.mcp_server or "every server"

    @admin.display(description="revoked because")
    def revoked_because(self, grant: ExceptionGrant) -> str:
        if grant.revoked_at is None:
            return "–"
        entry = uses.end_of(grant)
        return str(entry.extra.get("reason", "–")) if entry is not None else "The log has no entry of it any more."

    @admin.display(description=f"its newest calls, at most {SHOWN_USES}")
    def its_uses(self, grant: ExceptionGrant) -> SafeString | str:
        entries = uses.of(grant).order_by("-seq")[:SHOWN_USES]
        lines = [
            (
                reverse("admin:audit_auditentry_change", args=[one.pk]),
                one.timestamp.strftime("%Y-%m-%d %H:%M:%S UTC"),
                one.mcp_server,
                one.tool_name or one.method,
                one.target,
                one.requester_id or "–",
            )
            for one in entries
        ]
        if not lines:
            return "None yet."
        pattern = '<tr><td><a href="{}">{}</a></td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>'
        head = "<th>time</th><th>MCP server</th><th>call</th><th>resource</th><th>requester</th>"
        table = '<div class="wide"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>'
        return format_html(table, mark_safe(head), format_html_join("", pattern, lines))  # noqa: S308 - a literal

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        row = self.get_object(request, object_id)
        live = row is not None and row.state(timezone.now()) is ExceptionState.LIVE
        buttons = BUTTONS if live and self.has_grant_permission(request) else ()
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "buttons": buttons})

    @admin.action(description="Extend…", permissions=["grant"])
    def extend(self, request: HttpRequest, rows: QuerySet[ExceptionGrant]) -> HttpResponse | None:
        def prolong(grant: ExceptionGrant, who: str, note: str) -> Model:
            return grants.extend(grant.pk, actor=who, hours=_hours(note))

        question = f"For how many hours more? {grants.DEFAULT_EXTENSION} where the field is empty."
        return ask(self, request, rows, prolong, title="Extend", question=question, label="Hours", facts=_facts)

    @admin.action(description="Revoke…", permissions=["grant"])
    def revoke(self, request: HttpRequest, rows: QuerySet[ExceptionGrant]) -> HttpResponse | None:
        def withdraw(grant: ExceptionGrant, who: str, note: str) -> Model:
            return grants.revoke(grant.pk, actor=who, reason=note)

        question = "From the next call on, nothing is covered by these."
        return ask(self, request, rows, withdraw, title="Revoke", question=question, label="Reason", facts=_facts)


def _facts(grant: ExceptionGrant) -> tuple[tuple[str, object], ...]:
    return (
        ("Agent", grant.agent_name),
        ("MCP server", grant.mcp_server or "every server"),
        ("Resource", grant.resource),
        ("Justification", grant.justification),
        ("Expires", f"{grant.expires_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("Extended", f"{grant.extension_count} of {grant.max_extensions} times"),
        ("Used", f"{grant.use_count} times"),
    )


def _hours(text: str) -> int:
    text = text.strip() or str(grants.DEFAULT_EXTENSION)
    if not text.isascii() or not text.isdigit() or len(text) > 4:
        raise BadInput("Hours are a whole number.", fields={"hours": f"From 1 to {grants.MAX_HOURS}."})
    return int(text)
