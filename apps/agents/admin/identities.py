"""Agents, sessions, tokens and servers in the admin. Every change is a button; a secret is shown once, when made."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from apps.agents import services
from apps.agents.models import Agent, EnrolmentToken, McpServer, PersonalAccessToken, Session, SigningKey
from apps.decision.errors import AppError
from apps.tenants.roles import Role
from apps.tenants.sites import ReadOnlyAdmin


def _for_each(
    site: admin.ModelAdmin[Any], request: HttpRequest, rows: QuerySet[Any], act: Callable[[Model, str], str]
) -> None:
    """Call a service per row; each outcome is shown, and one failure does not hide the others."""
    actor = f"user:{request.user.get_username()}"
    for row in rows:
        try:
            site.message_user(request, f"{row}: {act(row, actor)}", messages.SUCCESS)
        except AppError as error:
            site.message_user(request, f"{row}: {' '.join([error.detail, *error.fields.values()])}", messages.ERROR)


class ButtonsAdmin(ReadOnlyAdmin):
    """Looked at by all, acted on by admins."""

    def has_act_permission(self, request: HttpRequest) -> bool:
        return self._holds(request, Role.ADMIN)


class AgentAdmin(ButtonsAdmin):
    list_display = ("name", "status", "risk_tier", "agent_type", "owner", "client_id", "created_at")
    list_filter = ("status", "risk_tier", "agent_type")
    search_fields = ("name", "owner", "client_id")
    exclude = ("secret_hash", "previous_secret_hash")
    actions = ("suspend", "resume", "revoke", "deprovision", "rotate_secret", "register_prompt")

    @admin.action(description="Suspend", permissions=["act"])
    def suspend(self, request: HttpRequest, rows: QuerySet[Agent]) -> None:
        _for_each(self, request, rows, lambda row, actor: services.suspend(row.pk, actor=actor).status)

    @admin.action(description="Resume", permissions=["act"])
    def resume(self, request: HttpRequest, rows: QuerySet[Agent]) -> None:
        _for_each(self, request, rows, lambda row, actor: services.resume(row.pk, actor=actor).status)

    @admin.action(description="Revoke for good", permissions=["act"])
    def revoke(self, request: HttpRequest, rows: QuerySet[Agent]) -> None:
        _for_each(self, request, rows, lambda row, actor: services.revoke(row.pk, actor=actor).status)

    @admin.action(description="Deprovision", permissions=["act"])
    def deprovision(self, request: HttpRequest, rows: QuerySet[Agent]) -> None:
        _for_each(self, request, rows, lambda row, actor: services.deprovision(row.pk, actor=actor).status)

    @admin.action(description="Rotate the client secret (shown once, here)", permissions=["act"])
    def rotate_secret(self, request: HttpRequest, rows: QuerySet[Agent]) -> None:
        def rotate(row: Model, actor: str) -> str:
            return f"new client secret {services.rotate_secret(row.pk, actor=actor).client_secret}"

        _for_each(self, request, rows, rotate)

    @admin.action(description="Register the system prompt…", permissions=["act"])
    def register_prompt(self, request: HttpRequest, rows: QuerySet[Agent]) -> HttpResponse | None:
        """Asks for the digest first; an empty one is no longer compared."""
        digest = request.POST.get("system_prompt_hash", "").strip().lower()
        if request.POST.get("confirmed"):

            def register(row: Model, actor: str) -> str:
                services.update(row.pk, actor=actor, changes={"system_prompt_hash": digest})
                return "its system prompt is registered" if digest else "its system prompt is not compared any more"

            _for_each(self, request, rows, register)
            return None
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Register the system prompt",
            "rows": rows,
            "back": request.path,
        }
        return TemplateResponse(request, "admin/agents/agent/prompt.html", context)


class SessionAdmin(ButtonsAdmin):
    list_display = (
        "id", "agent", "opened_at", "expires_at", "revoked_at", "last_seen_at", "tool_call_count", "denied_count",
        "dlp_hit_count", "flags",
    )  # fmt: skip
    list_filter = ("opened_at", "revoked_at", "flagged_at")
    list_select_related = ("agent",)
    search_fields = ("id", "agent__name")
    actions = ("revoke",)

    @admin.action(description="Revoke", permissions=["act"])
    def revoke(self, request: HttpRequest, rows: QuerySet[Session]) -> None:
        def end(row: Model, actor: str) -> str:
            services.revoke_session(row.pk, actor=actor, reason="admin site")
            return "revoked"

        _for_each(self, request, rows, end)


class SigningKeyAdmin(ButtonsAdmin):
    list_display = ("kid", "state", "created_at", "activated_at", "retires_at")
    list_filter = ("state",)
    exclude = ("private_sealed",)
    actions = ("rotate", "replace_at_once")

    @admin.action(description="Rotate (tokens of the old key live out their hour)", permissions=["act"])
    def rotate(self, request: HttpRequest, rows: QuerySet[SigningKey]) -> None:
        key = services.rotate_signing_key(actor=f"user:{request.user.get_username()}")
        self.message_user(request, f"{key} signs from now on", messages.SUCCESS)

    @admin.action(description="Replace at once: a key has leaked (all tokens become worthless)", permissions=["act"])
    def replace_at_once(self, request: HttpRequest, rows: QuerySet[SigningKey]) -> None:
        key = services.rotate_signing_key(actor=f"user:{request.user.get_username()}", immediately=True)
        self.message_user(request, f"{key} signs from now on, and every other key is worthless", messages.SUCCESS)


class EnrolmentTokenAdmin(ButtonsAdmin):
    view_role = Role.ADMIN
    list_display = ("label", "prefix", "created_by", "created_at", "expires_at", "used_at", "used_by", "revoked_at")
    list_select_related = ("used_by",)
    search_fields = ("label", "prefix", "created_by")
    exclude = ("token_hash",)
    actions = ("revoke",)

    @admin.action(description="Revoke", permissions=["act"])
    def revoke(self, request: HttpRequest, rows: QuerySet[EnrolmentToken]) -> None:
        def withdraw(row: Model, actor: str) -> str:
            services.revoke_enrolment_token(row.pk, actor=actor)
            return "revoked"

        _for_each(self, request, rows, withdraw)


class AccessTokenAdmin(ButtonsAdmin):
    view_role = Role.ADMIN
    list_display = (
        "name",
        "user",
        "purpose",
        "prefix",
        "role",
        "created_at",
        "expires_at",
        "revoked_at",
        "last_used_at",
    )
    list_filter = ("purpose", "role")
    list_select_related = ("user",)
    search_fields = ("name", "prefix", "user__username")
    exclude = ("token_hash",)
    actions = ("revoke",)

    @admin.action(description="Revoke", permissions=["act"])
    def revoke(self, request: HttpRequest, rows: QuerySet[PersonalAccessToken]) -> None:
        def withdraw(row: Model, actor: str) -> str:
            services.revoke_access_token(row.pk, actor=actor)
            return "revoked"

        _for_each(self, request, rows, withdraw)


class McpServerAdmin(ButtonsAdmin):
    list_display = ("name", "kind", "transport", "url", "enabled", "updated_at")
    list_filter = ("kind", "transport", "enabled")
    search_fields = ("name", "url", "description")
    exclude = ("environment_sealed", "headers_sealed")
    readonly_fields: ClassVar[tuple[str, ...]] = ("environment_names", "header_names")
    actions = ("enable", "disable")

    @admin.action(description="Enable", permissions=["act"])
    def enable(self, request: HttpRequest, rows: QuerySet[McpServer]) -> None:
        self._switch(request, rows, enabled=True)

    @admin.action(description="Disable", permissions=["act"])
    def disable(self, request: HttpRequest, rows: QuerySet[McpServer]) -> None:
        self._switch(request, rows, enabled=False)

    def _switch(self, request: HttpRequest, rows: QuerySet[McpServer], *, enabled: bool) -> None:
        def switch(row: Model, actor: str) -> str:
            services.update_server(row.pk, actor=actor, changes={"enabled": enabled})
            return "enabled" if enabled else "disabled"

        _for_each(self, request, rows, switch)
