"""This room in the tenant's admin. Forms and buttons call the services, and show what they refuse."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse

from apps.decision.errors import AppError
from apps.decision.scan.patterns import BUILTIN_PATTERNS
from apps.policies import services
from apps.policies.admin_changes import ChangeAdmin, ChangeSettingsAdmin, ComparisonAdmin, ask_for_note
from apps.policies.models import (
    BlastRadiusSetting,
    Comparison,
    DlpPattern,
    DlpSetting,
    Policy,
    PolicyChangeRequest,
    PolicyVersion,
    RateLimitSetting,
)
from apps.policies.permissions import person_of
from apps.policies.services import blast_radius, changes, limits, shadows
from apps.tenants.models import TenantConfig
from apps.tenants.roles import Role
from apps.tenants.sites import RefusalsInForm, RoleAdmin, tenant_site

_FACTORS = ("low_factor", "medium_factor", "high_factor", "critical_factor")


class PolicyForm(forms.ModelForm[Policy]):
    content = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 30, "cols": 110, "spellcheck": "false"}),
        strip=False,
        help_text="Rego, package behavry.tenant.&lt;name&gt;. New content becomes a new version.",
    )

    class Meta:
        model = Policy
        fields = ("name", "description")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        newest = self.instance.versions.order_by("-number").first() if self.instance.created_at else None
        self.fields["content"].initial = newest.content if newest else ""


class NewSettingForm(forms.ModelForm[DlpSetting]):
    pattern = forms.ChoiceField(choices=[(one.name, f"{one.title} ({one.severity})") for one in BUILTIN_PATTERNS])

    class Meta:
        model = DlpSetting
        fields = ("action", "enabled")


class VersionInline(admin.TabularInline[PolicyVersion, Policy]):
    model = PolicyVersion
    fields = readonly_fields = ("number", "digest", "author", "created_at")
    extra = 0
    can_delete = False

    def has_view_permission(self, request: HttpRequest, obj: Policy | None = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest, obj: Policy | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Policy | None = None) -> bool:
        return False


class AuthorAdmin(RefusalsInForm, RoleAdmin):
    """Viewers look, policy authors write; whatever a service refuses is shown, and nothing is saved."""

    write_role = Role.POLICY_AUTHOR

    def has_author_permission(self, request: HttpRequest) -> bool:
        return self._holds(request, Role.POLICY_AUTHOR)

    def for_each(self, request: HttpRequest, rows: QuerySet[Any], act: Callable[[Any, str], Model]) -> None:
        for row in rows:
            try:
                act(row, _actor(request))
                self.message_user(request, f"{row}: done", messages.SUCCESS)
            except AppError as error:
                self.message_user(request, f"{row}: {error.detail}", messages.ERROR)


class PolicyAdmin(AuthorAdmin):
    form = PolicyForm
    list_display = ("name", "slug", "status", "active_version", "updated_at")
    list_filter = ("status",)
    list_select_related = ("active_version",)
    search_fields = ("name", "slug", "description")
    readonly_fields = ("slug", "status", "active_version", "created_at", "updated_at")
    inlines = (VersionInline,)
    actions = ("activate", "archive", "propose", "propose_archive", "shadow", "unshadow")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Policy, form: ModelForm[Policy], change: bool) -> None:
        fields = form.cleaned_data
        words = {"name": fields["name"], "description": fields["description"]}
        if change:
            services.save_version(obj.pk, content=fields["content"], actor=_actor(request))
            services.update(obj.pk, actor=_actor(request), **words)
            return
        made = services.create(content=fields["content"], actor=_actor(request), **words)
        obj.pk = made.pk
        obj.refresh_from_db()

    @admin.action(description="Activate the newest version", permissions=["author"])
    def activate(self, request: HttpRequest, rows: QuerySet[Policy]) -> None:
        self.for_each(request, rows, lambda row, actor: services.activate(row.pk, actor=actor))

    @admin.action(description="Archive", permissions=["author"])
    def archive(self, request: HttpRequest, rows: QuerySet[Policy]) -> None:
        self.for_each(request, rows, lambda row, actor: services.archive(row.pk, actor=actor))

    @admin.action(description="Put the newest version up for approval…", permissions=["author"])
    def propose(self, request: HttpRequest, rows: QuerySet[Policy]) -> HttpResponse | None:
        return ask_for_note(
            self, request, rows, changes.propose_newest, title="Put up for approval",
            question="Somebody else decides whether these take effect. What should they know?",
        )  # fmt: skip

    @admin.action(description="Ask that it be archived…", permissions=["author"])
    def propose_archive(self, request: HttpRequest, rows: QuerySet[Policy]) -> HttpResponse | None:
        return ask_for_note(
            self, request, rows, changes.propose_archive, title="Ask for archiving",
            question="Somebody else decides whether these go. What should they know?",
        )  # fmt: skip

    @admin.action(description="Evaluate the newest version in shadow", permissions=["author"])
    def shadow(self, request: HttpRequest, rows: QuerySet[Policy]) -> None:
        self.for_each(request, rows, lambda row, _: shadows.begin(row.pk, by=person_of(request)))

    @admin.action(description="End the shadow", permissions=["author"])
    def unshadow(self, request: HttpRequest, rows: QuerySet[Policy]) -> None:
        self.for_each(request, rows, lambda row, _: shadows.end(row.pk, by=person_of(request)))


class DlpPatternAdmin(AuthorAdmin):
    list_display = ("name", "severity", "action", "enabled", "updated_at")
    list_filter = ("severity", "action", "enabled")
    search_fields = ("name", "description")
    list_select_related = False
    actions = None

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("name",) if obj else ()

    def save_model(self, request: HttpRequest, obj: DlpPattern, form: ModelForm[DlpPattern], change: bool) -> None:
        fields = dict(form.cleaned_data)
        if change:
            services.update_pattern(obj.pk, actor=_actor(request), changes=fields)
            return
        obj.pk = services.create_pattern(actor=_actor(request), **fields).pk

    def delete_model(self, request: HttpRequest, obj: DlpPattern) -> None:
        services.remove_pattern(obj.pk, actor=_actor(request))


class DlpSettingAdmin(AuthorAdmin):
    list_display = ("pattern", "action", "enabled", "updated_at")
    search_fields = ("pattern",)
    list_select_related = False
    actions = None

    def get_form(self, request: HttpRequest, obj: DlpSetting | None = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = NewSettingForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("pattern",) if obj else ()

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("pattern", "action", "enabled")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: DlpSetting, form: ModelForm[DlpSetting], change: bool) -> None:
        changes = dict(form.cleaned_data)
        setting = services.set_builtin(changes.pop("pattern", obj.pattern), actor=_actor(request), changes=changes)
        obj.pk, obj.pattern = setting.pk, setting.pattern


class RateLimitAdmin(RefusalsInForm, RoleAdmin):
    """One row at most; without one the defaults hold."""

    list_display = ("__str__", "per_minute", "burst", "concurrent", *_FACTORS, "updated_at")
    fields = ("per_minute", "burst", "concurrent", *_FACTORS)
    search_fields = ()
    list_select_related = False
    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not RateLimitSetting.objects.exists()

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(
        self, request: HttpRequest, obj: RateLimitSetting, form: ModelForm[RateLimitSetting], change: bool
    ) -> None:
        changes = {name: form.cleaned_data[name] for name in form.cleaned_data if name in limits.RATE_FIELDS}
        row = limits.configure_rate_limits(actor=_actor(request), changes=changes)
        if row.pk is None:  # added with nothing but defaults, which need no row
            row.save()
        obj.pk = row.pk


class BlastRadiusForm(forms.ModelForm[BlastRadiusSetting]):
    """Lists are written one a line: a path may hold a comma."""

    config_paths = forms.CharField(widget=forms.Textarea, required=False, help_text="One directory a line.")
    protected_names = forms.CharField(widget=forms.Textarea, required=False, help_text="One file name a line.")

    class Meta:
        model = BlastRadiusSetting
        fields = blast_radius.FIELDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("config_paths", "protected_names"):
            self.initial[name] = "\n".join(getattr(self.instance, name))

    def clean_config_paths(self) -> list[str]:
        return _lines(self.cleaned_data["config_paths"])

    def clean_protected_names(self) -> list[str]:
        return _lines(self.cleaned_data["protected_names"])


class BlastRadiusAdmin(RefusalsInForm, RoleAdmin):
    """One row at most; without one the defaults hold."""

    form = BlastRadiusForm
    list_display = ("__str__", *blast_radius.FIELDS, "updated_at")
    search_fields = ()
    list_select_related = False
    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not BlastRadiusSetting.objects.exists()

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(
        self, request: HttpRequest, obj: BlastRadiusSetting, form: ModelForm[BlastRadiusSetting], change: bool
    ) -> None:
        given = {name: form.cleaned_data[name] for name in blast_radius.FIELDS}
        row = blast_radius.configure(actor=_actor(request), changes=given)
        if row.pk is None:  # added with nothing but defaults, which need no row
            row.save()
        obj.pk = row.pk


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _actor(request: HttpRequest) -> str:
    return f"user:{request.user.get_username()}"


tenant_site.register(Policy, PolicyAdmin)
tenant_site.register(PolicyChangeRequest, ChangeAdmin)
tenant_site.register(Comparison, ComparisonAdmin)
tenant_site.register(TenantConfig, ChangeSettingsAdmin)
tenant_site.register(DlpPattern, DlpPatternAdmin)
tenant_site.register(DlpSetting, DlpSettingAdmin)
tenant_site.register(BlastRadiusSetting, BlastRadiusAdmin)
tenant_site.register(RateLimitSetting, RateLimitAdmin)
