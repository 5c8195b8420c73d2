"""The operator's view of tenants. Making one clones a schema, so it goes through the service; nothing deletes one."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.db.models import Model
from django.forms import ModelForm
from django.http import HttpRequest

from apps.tenants import services
from apps.tenants.context import in_operator
from apps.tenants.models import Domain, Tenant, TenantConfig
from apps.tenants.sites import RefusalsInForm, operator_site


class TenantForm(forms.ModelForm[Tenant]):
    hosts = forms.CharField(help_text="Host names that lead to this tenant, separated by spaces, without port.")

    class Meta:
        model = Tenant
        fields = ("name", "slug")


class DomainInline(admin.TabularInline[Domain, Tenant]):
    model = Domain
    extra = 0


@admin.register(Tenant, site=operator_site)
class TenantAdmin(RefusalsInForm, admin.ModelAdmin[Tenant]):
    list_display = ("name", "slug", "schema_name", "status", "plan", "created_at")
    list_filter = ("status", "config__plan_tier")
    list_select_related = ("config",)
    search_fields = ("name", "slug", "domains__domain")
    actions = ("suspend", "resume")

    @admin.display(ordering="config__plan_tier")
    def plan(self, tenant: Tenant) -> str:
        return str(tenant.config.plan_tier)

    def get_form(self, request: HttpRequest, obj: Tenant | None = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = TenantForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Tenant | None = None) -> tuple[str, ...]:
        return ("slug", "schema_name", "status", "created_at") if obj else ()

    def get_inlines(self, request: HttpRequest, obj: Tenant | None) -> Any:
        return (DomainInline,) if obj else ()

    def save_model(self, request: HttpRequest, obj: Tenant, form: ModelForm[Tenant], change: bool) -> None:
        if change:
            obj.save(update_fields=["name"])
            return
        made = services.create_tenant(name=obj.name, slug=obj.slug, hosts=form.cleaned_data["hosts"].split())
        obj.pk, obj.schema_name = made.pk, made.schema_name

    @admin.action(description="Suspend the selected tenants: their hosts stop answering at once")
    def suspend(self, request: HttpRequest, queryset: Any) -> None:
        self._set(request, queryset, Tenant.Status.SUSPENDED)

    @admin.action(description="Resume the selected tenants")
    def resume(self, request: HttpRequest, queryset: Any) -> None:
        self._set(request, queryset, Tenant.Status.ACTIVE)

    def _set(self, request: HttpRequest, queryset: Any, status: str) -> None:
        with in_operator():
            changed = queryset.exclude(status=Tenant.Status.PREPARING).update(status=status)
        self.message_user(request, f"{changed} tenants are now {status}.", messages.SUCCESS)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(TenantConfig, site=operator_site)
class TenantConfigAdmin(admin.ModelAdmin[TenantConfig]):
    list_display = ("tenant", "plan_tier", "max_agents", "max_rpm_per_agent", "audit_retention_days", "payload_mode")
    list_select_related = ("tenant",)
    search_fields = ("tenant__name", "tenant__slug")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False  # limits are changed where the tenant's log records it: manage.py configure_tenant

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


operator_site.register(User, UserAdmin)
