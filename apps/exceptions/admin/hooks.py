"""Notification hooks and what was sent to them, in the admin. A secret is shown once, when made."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.exceptions.admin.asking import actor, for_each
from apps.exceptions.models import Delivery, NotificationHook
from apps.exceptions.services import hooks
from apps.tenants.roles import Role
from apps.tenants.sites import ReadOnlyAdmin, RefusalsInForm, RoleAdmin


class HookForm(forms.ModelForm[NotificationHook]):
    url = forms.CharField(label="URL", max_length=1000, widget=forms.URLInput(attrs={"size": 80}))
    kinds = forms.MultipleChoiceField(
        choices=[(kind, kind) for kind in hooks.KINDS],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text="What it is told of. None chosen: every kind.",
    )

    class Meta:
        model = NotificationHook
        fields = ("name", "url", "kinds", "enabled")


class HookAdmin(RefusalsInForm, RoleAdmin):
    """For admins alone, since an address often carries a secret."""

    view_role = Role.ADMIN
    form = HookForm
    list_display = ("name", "address", "told_of", "enabled", "created_at", "updated_at")
    list_filter = ("enabled",)
    search_fields = ("name", "url")
    list_select_related = False
    actions = ("send_test", "rotate_secret", "enable", "disable")

    @admin.display(description="URL", ordering="url")
    def address(self, row: NotificationHook) -> str:
        return row.url

    @admin.display(description="kinds")
    def told_of(self, row: NotificationHook) -> SafeString | str:
        lines = ((kind,) for kind in row.kinds)
        return format_html_join("", '<div class="notbroken">{}</div>', lines) if row.kinds else "every kind"

    def has_act_permission(self, request: HttpRequest) -> bool:
        return self._holds(request, Role.ADMIN)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Without the stock deletion of many, which knows no service."""
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, dict[str, int], set[str], list[str]]:
        """Deliveries go with their hook, though nobody may delete one by itself."""
        shown, counts, _, protected = super().get_deleted_objects(objs, request)
        return shown, counts, set(), protected

    def save_model(
        self, request: HttpRequest, obj: NotificationHook, form: ModelForm[NotificationHook], change: bool
    ) -> None:
        fields = dict(form.cleaned_data)
        if change:
            hooks.update_hook(obj.pk, actor=actor(request), changes=fields)
            return
        made = hooks.create_hook(actor=actor(request), **fields)
        obj.pk = made.hook.pk
        obj.secret = made.hook.secret
        self.message_user(request, f"The secret of {obj} is {made.secret} (shown once, here)", messages.SUCCESS)

    def delete_model(self, request: HttpRequest, obj: NotificationHook) -> None:
        hooks.remove_hook(obj.pk, actor=actor(request))

    @admin.action(description="Send a test message", permissions=["act"])
    def send_test(self, request: HttpRequest, rows: QuerySet[NotificationHook]) -> None:
        def send(row: NotificationHook, who: str) -> str:
            return f"to be sent as delivery {hooks.send_test(row.pk, actor=who).pk}"

        for_each(self, request, rows, send)

    @admin.action(description="Replace the secret (shown once, here)", permissions=["act"])
    def rotate_secret(self, request: HttpRequest, rows: QuerySet[NotificationHook]) -> None:
        def rotate(row: NotificationHook, who: str) -> str:
            return f"the new secret is {hooks.rotate_hook_secret(row.pk, actor=who).secret}"

        for_each(self, request, rows, rotate)

    @admin.action(description="Enable", permissions=["act"])
    def enable(self, request: HttpRequest, rows: QuerySet[NotificationHook]) -> None:
        self._switch(request, rows, enabled=True)

    @admin.action(description="Disable", permissions=["act"])
    def disable(self, request: HttpRequest, rows: QuerySet[NotificationHook]) -> None:
        self._switch(request, rows, enabled=False)

    def _switch(self, request: HttpRequest, rows: QuerySet[NotificationHook], *, enabled: bool) -> None:
        def switch(row: NotificationHook, who: str) -> str:
            hooks.update_hook(row.pk, actor=who, changes={"enabled": enabled})
            return "enabled" if enabled else "disabled"

        for_each(self, request, rows, switch)


class DeliveryAdmin(ReadOnlyAdmin):
    view_role = Role.ADMIN
    list_display = (
        "message", "hook", "status", "attempts", "response_code", "error", "created_at", "sent_at",
    )  # fmt: skip
    list_filter = ("status", "kind", "hook")
    list_select_related: ClassVar[tuple[str, ...]] = ("hook",)
    search_fields = ("id", "kind")

    @admin.display(description="kind", ordering="kind")
    def message(self, row: Delivery) -> SafeString:
        return format_html('<span class="notbroken">{}</span>', row.kind)
