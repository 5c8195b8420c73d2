"""This room in the tenant's admin. Forms and buttons call the services, and show what they refuse."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.decision.errors import AppError
from apps.decision.facts import BlastRadius
from apps.decision.rates import MINUTE_US, allowance
from apps.decision.scan.patterns import BUILTIN_PATTERNS
from apps.policies import services
from apps.policies.admin_canaries import CanaryAdmin
from apps.policies.admin_changes import ChangeAdmin, ChangeSettingsAdmin, ComparisonAdmin, ask_for_note
from apps.policies.admin_inbound import (
    InboundRuleAdmin,
    InboundRuleSettingAdmin,
    InboundSettingAdmin,
    SourceRuleAdmin,
)
from apps.policies.models import (
    BlastRadiusSetting,
    CanaryToken,
    Comparison,
    DlpPattern,
    DlpSetting,
    InboundRule,
    InboundRuleSetting,
    InboundSetting,
    Policy,
    PolicyChangeRequest,
    PolicyVersion,
    RateLimitSetting,
    SourceRule,
)
from apps.policies.permissions import person_of
from apps.policies.services import blast_radius, changes, limits, shadows
from apps.tenants.context import current_schema
from apps.tenants.models import TenantConfig
from apps.tenants.roles import Role
from apps.tenants.services import config_of
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


_FACTOR_HELP = (
    "Both rates times this for agents of the risk tier {}: 0.01 to 1, not more than a lower tier's. Default {}."
)
RATE_HELP: Final[Mapping[str, str]] = {
    "per_minute": "Calls per minute of one agent in the long run: 1 to 1000000. Default 60.",
    "burst": "The most calls of one agent at once: 1 to 1000000, at most 60 times the calls per minute. Default 100.",
    "concurrent": "Calls of one agent in flight at the same time: 1 to 10000. Default 32.",
    "low_factor": _FACTOR_HELP.format("low", 1),
    "medium_factor": _FACTOR_HELP.format("medium", 0.75),
    "high_factor": _FACTOR_HELP.format("high", 0.5),
    "critical_factor": _FACTOR_HELP.format("critical", 0.25),
}


class RateLimitAdmin(RefusalsInForm, RoleAdmin):
    """One row at most; without one the defaults hold."""

    list_display = ("__str__", "per_minute", "burst", "concurrent", *_FACTORS, "updated_at")
    fields = ("per_minute", "burst", "concurrent", *_FACTORS, "plan_cap", "effective")
    readonly_fields = ("plan_cap", "effective")
    search_fields = ()
    list_select_related = False
    actions = None

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change=change, **{**kwargs, "help_texts": RATE_HELP})

    @admin.display(description="The plan's cap")
    def plan_cap(self, row: RateLimitSetting) -> str:
        cap = config_of(current_schema()).max_rpm_per_agent
        return f"{cap} calls per minute and agent; a higher rate is lowered to it, and the burst in proportion."

    @admin.display(description="In effect now")
    def effective(self, row: RateLimitSetting) -> SafeString:
        """What comes of the saved row, the plan's cap and the factors."""
        limit = limits.rate_limit(config_of(current_schema()))
        allowed = ((tier, allowance(limit, tier)) for tier in limit.factors)
        lines = (
            (tier, f"{one.calls * MINUTE_US / one.window_us:g}", one.calls, f"{one.window_us / 1e6:g}", one.concurrent)
            for tier, one in allowed
        )
        rows = format_html_join("", "<tr><th>{}</th><td>{}</td><td>{}</td><td>{} s</td><td>{}</td></tr>", lines)
        return format_html(
            '<div class="wide"><table><thead><tr><th>risk tier</th><th>per minute</th><th>at once</th><th>window</th>'
            "<th>in flight</th></tr></thead><tbody>{}</tbody></table></div>", rows,
        )  # fmt: skip

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


_BLAST = BlastRadius()
BLAST_HELP: Final[Mapping[str, str]] = {
    "min_delete_depth": "Parts that a path needs to be deleted: 1 to 20. Default "
    f"{_BLAST.min_delete_depth}. With 3, /srv/data/report.csv goes on to policy and /srv/data is denied, which no "
    "exception or approval loosens.",
    "email_recipient_limit": "Recipients of one call; more, and a person is asked: 1 to 100000. Default "
    f"{_BLAST.email_recipient_limit}.",
    "bulk_action_threshold": "Things that one call acts on; more, and a person is asked: 1 to 1000000. Default "
    f"{_BLAST.bulk_action_threshold}.",
    "config_paths": "One directory a line, at most 100: absolute, or beginning with ~/ for everybody's home. Anything "
    f"but reading below one asks a person. Default: {', '.join(_BLAST.config_paths)}.",
    "protected_names": "One file name a line, at most 100, with or without an extension. Anything with such a file "
    f"asks a person. Default: {', '.join(_BLAST.protected_names)}.",
}


class BlastRadiusForm(forms.ModelForm[BlastRadiusSetting]):
    """Lists are written one a line: a path may hold a comma."""

    config_paths = forms.CharField(widget=forms.Textarea, required=False, help_text=BLAST_HELP["config_paths"])
    protected_names = forms.CharField(widget=forms.Textarea, required=False, help_text=BLAST_HELP["protected_names"])

    class Meta:
        model = BlastRadiusSetting
        fields = blast_radius.FIELDS
        help_texts = BLAST_HELP

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
tenant_site.register(CanaryToken, CanaryAdmin)
tenant_site.register(InboundSetting, InboundSettingAdmin)
tenant_site.register(InboundRule, InboundRuleAdmin)
tenant_site.register(InboundRuleSetting, InboundRuleSettingAdmin)
tenant_site.register(SourceRule, SourceRuleAdmin)
