"""The two admin sites: a tenant's own, and the operator's above all tenants."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import DataError, models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from apps.decision.errors import AppError
from apps.tenants.context import is_operator
from apps.tenants.roles import Role, role_of_user


class TenantSite(admin.AdminSite):
    """Where a tenant's people work. Any role may enter; each page asks for what it needs."""

    site_header = site_title = "Behavry"
    index_title = "Governance"

    def has_permission(self, request: HttpRequest) -> bool:
        return not is_operator() and role_of_user(request.user) is not None

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """A page may have another name in the menu than its rows have."""
        apps = super().get_app_list(request, app_label)
        for model in (one for app in apps for one in app["models"]):
            model["name"] = getattr(self._registry[model["model"]], "menu_name", "") or model["name"]
        return apps


class OperatorSite(admin.AdminSite):
    """Where the installation's operators work; answers only on a host of no tenant."""

    site_header = site_title = "Behavry operator"
    index_title = "Tenants"

    def has_permission(self, request: HttpRequest) -> bool:
        return is_operator() and request.user.is_active and request.user.is_superuser


tenant_site = TenantSite(name="tenant")
operator_site = OperatorSite(name="operator")


class RefusalsInForm(admin.ModelAdmin[Any]):
    """What a service refuses comes back in the form, beside the field, with everything that was typed."""

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except AppError as error:
            request.refused = error  # type: ignore[attr-defined]  # read by get_form, when the page is made again
            return super().changeform_view(request, *args, **kwargs)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        refused: AppError | None = getattr(request, "refused", None)
        return form if refused is None else _refusing(form, refused)


def _refusing(form: Any, refused: AppError) -> Any:
    class RefusingForm(form):  # type: ignore[misc]  # a form class that is known at run time only
        def clean(self) -> Any:
            cleaned = super().clean()
            for name, why in (refused.fields or {"": refused.detail}).items():
                known = name in self.fields
                self.add_error(name if known else None, why if known or not name else f"{name}: {why}")
            return cleaned

    return RefusingForm


class RoleAdmin(admin.ModelAdmin[Any]):
    """Permissions by role instead of Django's per-model rows. Subclasses say who may write."""

    view_role = Role.VIEWER
    write_role = Role.ADMIN
    menu_name = ""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """A filter or a selection that is no value at all shows the whole list and says so."""
        try:
            return super().changelist_view(request, extra_context)
        except (ValidationError, DataError, OverflowError):
            messages.error(request, "The filter or the selection cannot be read; this is the whole list.")
            return HttpResponseRedirect(request.path)

    def _holds(self, request: HttpRequest, role: Role) -> bool:
        held = role_of_user(request.user)
        return held is not None and held >= role

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._holds(request, self.view_role)

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return self._holds(request, self.view_role)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._holds(request, self.write_role)

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return self._holds(request, self.write_role)

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return self._holds(request, self.write_role)


class ReadOnlyAdmin(RoleAdmin):
    """For what is only looked at: the log, sessions, deliveries."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False
