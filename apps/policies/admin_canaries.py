"""Canary tokens in the admin: planted with a form, retired with a button; a value is shown once, when made."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse

from apps.policies.admin_changes import ask_for_note
from apps.policies.models import CanaryToken
from apps.policies.services import canaries
from apps.tenants.roles import Role
from apps.tenants.sites import RefusalsInForm, RoleAdmin

KINDS = [(kind, kind.replace("_", " ")) for kind in (*canaries.SHAPES, canaries.OWN)]


class CanaryForm(forms.ModelForm[CanaryToken]):
    kind = forms.ChoiceField(choices=KINDS, help_text="What the made value looks like; own: the value below.")
    value = forms.CharField(
        required=False, strip=False, max_length=canaries.LONGEST,
        widget=forms.TextInput(attrs={"size": 60, "autocomplete": "off"}),
        help_text="Of your own only: at least 12 letters and digits that nobody writes by chance.",
    )  # fmt: skip

    class Meta:
        model = CanaryToken
        fields = ("name", "note")


class CanaryAdmin(RefusalsInForm, RoleAdmin):
    view_role = Role.ANALYST
    form = CanaryForm
    list_display = ("name", "note", "live", "created_by", "created_at", "retired_at")
    list_filter = (("retired_at", admin.EmptyFieldListFilter),)
    search_fields = ("name", "note")
    list_select_related = False
    actions = ("retire",)

    @admin.display(boolean=True, description="looked for")
    def live(self, row: CanaryToken) -> bool:
        return row.retired_at is None

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        if obj is None:
            return ("name", "kind", "value", "note")
        return ("name", "note", "created_by", "created_at", "retired_at")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_act_permission(self, request: HttpRequest) -> bool:
        return self._holds(request, Role.ADMIN)

    def save_model(self, request: HttpRequest, obj: CanaryToken, form: ModelForm[CanaryToken], change: bool) -> None:
        planted = canaries.plant(actor=_actor(request), **form.cleaned_data)
        obj.pk = planted.canary.pk
        self.message_user(request, f"The value of {obj} is {planted.value} (shown once, here)", messages.SUCCESS)

    @admin.action(description="Retire…", permissions=["act"])
    def retire(self, request: HttpRequest, rows: QuerySet[CanaryToken]) -> HttpResponse | None:
        def act(row: CanaryToken, *_: Any) -> object:
            return canaries.retire(row.pk, actor=_actor(request))

        return ask_for_note(
            self, request, rows, act, title="Retire canary tokens",
            question="They are looked for no more, and their values are forgotten. Where are they still planted?",
            facts=lambda row: [("Planted", row.note or "nobody said where")],
        )  # fmt: skip


def _actor(request: HttpRequest) -> str:
    return f"user:{request.user.get_username()}"
