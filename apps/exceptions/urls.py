"""This room's REST addresses, below `/api/v1/`; the lines of a noun stand together."""

from django.urls import path

from apps.exceptions.api import escalations, grants, hooks, kill_switch

urlpatterns = [
    path("escalations", escalations.EscalationsView.as_view(), name="escalations"),
    path("escalations/<uuid:escalation_id>", escalations.EscalationView.as_view(), name="escalation"),
    path("escalations/<uuid:escalation_id>/resolve", escalations.ResolveView.as_view(), name="escalation-resolve"),
    path("admin/escalations", escalations.EscalationSettingView.as_view(), name="escalation-settings"),
    path("admin/killswitch", kill_switch.KillSwitchView.as_view(), name="killswitch"),
    path("notification-hooks", hooks.HooksView.as_view(), name="notification-hooks"),
    path("notification-hooks/<uuid:hook_id>", hooks.HookView.as_view(), name="notification-hook"),
    path("notification-hooks/<uuid:hook_id>/test", hooks.HookTestView.as_view(), name="notification-hook-test"),
    path(
        "notification-hooks/<uuid:hook_id>/rotate-secret",
        hooks.RotateHookSecretView.as_view(),
        name="notification-hook-rotate-secret",
    ),
    path(
        "notification-hooks/<uuid:hook_id>/deliveries",
        hooks.DeliveriesView.as_view(),
        name="notification-hook-deliveries",
    ),
    path("exceptions", grants.ExceptionsView.as_view(), name="exceptions"),
    path("exceptions/preview", grants.PreviewView.as_view(), name="exceptions-preview"),
    path("exceptions/<uuid:exception_id>", grants.ExceptionView.as_view(), name="exception"),
    path("exceptions/<uuid:exception_id>/extend", grants.ExtendView.as_view(), name="exception-extend"),
    path("exceptions/<uuid:exception_id>/revoke", grants.RevokeView.as_view(), name="exception-revoke"),
    path("exceptions/<uuid:exception_id>/uses", grants.UsesView.as_view(), name="exception-uses"),
]
