"""What comes back, in the tenant's admin: settings, rules, and how far sources are trusted."""

from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import linebreaksbr
from django.utils.safestring import SafeString

from apps.decision.errors import AppError
from apps.decision.scan.injection.kinds import CLASS_SEVERITY, InjectionClass, action_for
from apps.decision.scan.injection.rules.table import BUILTIN_RULES
from apps.decision.types import InboundAction, Tier
from apps.policies.admin_changes import ask_for_note
from apps.policies.models import InboundRule, InboundRuleSetting, InboundSetting, SourceRule
from apps.policies.permissions import Person
from apps.policies.services import inbound, inbound_rules, source_rules
from apps.tenants.roles import Role, actor_of
from apps.tenants.sites import RefusalsInForm, RoleAdmin

_KNOWN: Final = (inbound_rules.SCORER, *BUILTIN_RULES)
_BY_NAME: Final = {rule.name: rule for rule in _KNOWN}


class AuthorAdmin(RefusalsInForm, RoleAdmin):
    """Viewers look, policy authors write."""

    write_role = Role.POLICY_AUTHOR
    list_select_related = False
    actions: Any = None


class InboundSettingForm(forms.ModelForm[InboundSetting]):
    """One choice for each class of injections."""

    class Meta:
        model = InboundSetting
        fields = ("result_secrets", "new_items")
        labels: Final = {"result_secrets": "Secrets in results", "new_items": "What a server lists for the first time"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for kind in InjectionClass:
            usual = action_for(CLASS_SEVERITY[kind]).value
            choices = [("", f"by severity (mostly {usual})"), *((one.value, one.value) for one in InboundAction)]
            label = kind.value.replace("_", " ").capitalize()
            self.fields[kind.value] = forms.ChoiceField(choices=choices, required=False, label=label)
            self.initial[kind.value] = self.instance.class_actions.get(kind.value, "")


class InboundSettingAdmin(RefusalsInForm, RoleAdmin):
    """One row at most; without one the defaults hold."""

    form = InboundSettingForm
    list_display = ("__str__", "classes", "result_secrets", "new_items", "updated_at")
    search_fields = ()
    list_select_related = False
    actions = None

    @admin.display(description="Actions by class")
    def classes(self, row: InboundSetting) -> str:
        said = [f"{kind.replace('_', ' ')}: {action}" for kind, action in row.class_actions.items()]
        return ", ".join(said) or "by severity"

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change=change, **{**kwargs, "fields": ("result_secrets", "new_items")})

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        what = (
            "What is done with a finding of each class. Withheld waits for a person; flagged is delivered and the "
            "session marked; allowed is delivered and logged."
        )
        return (
            ("Injections", {"fields": [kind.value for kind in InjectionClass], "description": what}),
            ("Secrets and listings", {"fields": ["result_secrets", "new_items"]}),
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not InboundSetting.objects.exists()

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(
        self, request: HttpRequest, obj: InboundSetting, form: ModelForm[InboundSetting], change: bool
    ) -> None:
        given = form.cleaned_data
        changes = {
            "class_actions": {kind.value: given[kind.value] or None for kind in InjectionClass},
            "result_secrets": given["result_secrets"],
            "new_items": given["new_items"],
        }
        row = inbound.configure(actor=actor_of(request), changes=changes)
        if row.pk is None:  # added with nothing but defaults, which need no row
            row.save()
        obj.pk = row.pk


class InboundRuleForm(forms.ModelForm[InboundRule]):
    """Examples are written one a line."""

    hits = forms.CharField(widget=forms.Textarea, required=False, help_text="One a line: texts that it must find.")
    misses = forms.CharField(widget=forms.Textarea, required=False, help_text="One a line: texts it must not find.")

    class Meta:
        model = InboundRule
        fields = ("name", "description", "kind", "severity", "regex", "enabled", "hits", "misses")
        help_texts: Final = {
            "name": "Lower-case letters, digits and underscores. It stays: the log knows the rule by it.",
            "regex": "An RE2 expression in lower case: so is the text, its Latin letters without accents.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("hits", "misses"):
            self.initial[name] = "\n".join(getattr(self.instance, name))

    def clean_hits(self) -> list[str]:
        return _lines(self.cleaned_data["hits"])

    def clean_misses(self) -> list[str]:
        return _lines(self.cleaned_data["misses"])


class InboundRuleAdmin(AuthorAdmin):
    form = InboundRuleForm
    list_display = ("name", "kind", "severity", "enabled", "updated_at")
    list_filter = ("kind", "severity", "enabled")
    search_fields = ("name", "description")

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("name",) if obj else ()

    def save_model(self, request: HttpRequest, obj: InboundRule, form: ModelForm[InboundRule], change: bool) -> None:
        fields = dict(form.cleaned_data)
        if change:
            inbound_rules.update_rule(obj.pk, actor=actor_of(request), changes=fields)
            return
        obj.pk = inbound_rules.create_rule(actor=actor_of(request), **fields).pk

    def delete_model(self, request: HttpRequest, obj: InboundRule) -> None:
        inbound_rules.remove_rule(obj.pk, actor=actor_of(request))


class NewRuleSettingForm(forms.ModelForm[InboundRuleSetting]):
    rule = forms.ChoiceField(
        choices=[(one.name, f"{one.name} ({one.kind.value.replace('_', ' ')}, {one.severity})") for one in _KNOWN],
        help_text="A critical rule can be lowered to high; it cannot be switched off.",
    )

    class Meta:
        model = InboundRuleSetting
        fields = ("severity", "enabled")


class InboundRuleSettingAdmin(AuthorAdmin):
    list_display = ("rule", "severity", "enabled", "updated_at")
    list_filter = ("severity", "enabled")
    search_fields = ("rule",)

    def get_form(
        self, request: HttpRequest, obj: InboundRuleSetting | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        if obj is None:
            kwargs["form"] = NewRuleSettingForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("rule", "says", "finds", "leaves") if obj else ()

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("rule", "severity", "enabled", *(("says", "finds", "leaves") if obj else ()))

    @admin.display(description="The rule itself")
    def says(self, row: InboundRuleSetting) -> str:
        rule = _BY_NAME.get(row.rule)
        return f"{rule.kind.value.replace('_', ' ')}, {rule.severity}" if rule else "There is no such rule any more."

    @admin.display(description="Finds")
    def finds(self, row: InboundRuleSetting) -> SafeString:
        return _shown(row, "hits")

    @admin.display(description="Leaves alone")
    def leaves(self, row: InboundRuleSetting) -> SafeString:
        return _shown(row, "misses")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(
        self, request: HttpRequest, obj: InboundRuleSetting, form: ModelForm[InboundRuleSetting], change: bool
    ) -> None:
        changes = dict(form.cleaned_data)
        name = changes.pop("rule", obj.rule)
        setting = inbound_rules.set_builtin(name, actor=actor_of(request), changes=changes)
        obj.pk, obj.rule = setting.pk, setting.rule


class SourceRuleAdmin(AuthorAdmin):
    """Kind and pattern stay; another one is another rule."""

    list_display = ("pattern", "kind", "tier", "priority", "enabled", "created_by", "updated_at")
    list_filter = ("tier", "kind", "enabled")
    search_fields = ("pattern", "note")
    fields = ("kind", "pattern", "tier", "priority", "note", "enabled")
    actions = ("switch_on", "switch_off", "block")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        helps = {
            "pattern": "docs.example.com, *.example.com (with example.com), an IP address; or a server: files, web-*.",
            "tier": "Trusted is not scanned for injections, untrusted weighs one step more, blocked is replaced and "
            "what names it is not sent.",
            "priority": "The lowest that matches counts; then the more specific pattern, then the stricter tier.",
        }
        return super().get_form(request, obj, change=change, **{**kwargs, "help_texts": helps})

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("kind", "pattern") if obj else ()

    def has_author_permission(self, request: HttpRequest) -> bool:
        return self._holds(request, Role.POLICY_AUTHOR)

    def save_model(self, request: HttpRequest, obj: SourceRule, form: ModelForm[SourceRule], change: bool) -> None:
        fields = dict(form.cleaned_data)
        if change:
            source_rules.update(obj.pk, actor=actor_of(request), changes=fields)
            return
        obj.pk = source_rules.create(actor=actor_of(request), **fields).pk

    def delete_model(self, request: HttpRequest, obj: SourceRule) -> None:
        source_rules.remove(obj.pk, actor=actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[SourceRule]) -> None:
        for row in queryset:
            source_rules.remove(row.pk, actor=actor_of(request))

    @admin.action(description="Switch on", permissions=["author"])
    def switch_on(self, request: HttpRequest, rows: QuerySet[SourceRule]) -> None:
        self._change(request, rows, {"enabled": True})

    @admin.action(description="Switch off", permissions=["author"])
    def switch_off(self, request: HttpRequest, rows: QuerySet[SourceRule]) -> None:
        self._change(request, rows, {"enabled": False})

    @admin.action(description="Block…", permissions=["author"])
    def block(self, request: HttpRequest, rows: QuerySet[SourceRule]) -> HttpResponse | None:
        def blocked(row: SourceRule, by: Person, note: str) -> None:
            changes = {"tier": Tier.BLOCK.value, "enabled": True, "note": note or row.note}
            source_rules.update(row.pk, actor=by.actor, changes=changes)

        return ask_for_note(
            self, request, rows, blocked, title="Block",
            question="What comes from these is replaced from now on; a call that names a blocked domain is denied.",
            facts=lambda row: (("Kind", row.get_kind_display()), ("Tier now", row.tier), ("Note", row.note)),
        )  # fmt: skip

    def _change(self, request: HttpRequest, rows: QuerySet[SourceRule], changes: dict[str, Any]) -> None:
        for row in rows:
            try:
                source_rules.update(row.pk, actor=actor_of(request), changes=changes)
                self.message_user(request, f"{row}: done", messages.SUCCESS)
            except AppError as error:
                self.message_user(request, f"{row}: {error.detail}", messages.ERROR)


def _shown(row: InboundRuleSetting, examples: str) -> SafeString:
    lines = getattr(_BY_NAME.get(row.rule), examples, ())
    return linebreaksbr("\n".join(lines) or "–", autoescape=True)


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
