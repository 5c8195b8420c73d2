"""This room in the tenant's admin: one file per noun, registered here."""

from apps.exceptions.admin.escalations import EscalationAdmin, EscalationSettingAdmin
from apps.exceptions.admin.grants import GrantAdmin
from apps.exceptions.admin.hooks import DeliveryAdmin, HookAdmin
from apps.exceptions.admin.kill_switch import BreakGlassAdmin, FleetStopAdmin, KillSwitchAdmin
from apps.exceptions.models import (
    BreakGlass,
    Delivery,
    Escalation,
    EscalationSetting,
    ExceptionGrant,
    KillSwitch,
    NotificationHook,
)
from apps.tenants.models import FleetStop
from apps.tenants.sites import operator_site, tenant_site

tenant_site.register(Escalation, EscalationAdmin)
tenant_site.register(EscalationSetting, EscalationSettingAdmin)
tenant_site.register(NotificationHook, HookAdmin)
tenant_site.register(Delivery, DeliveryAdmin)
tenant_site.register(ExceptionGrant, GrantAdmin)
tenant_site.register(KillSwitch, KillSwitchAdmin)
tenant_site.register(BreakGlass, BreakGlassAdmin)
operator_site.register(FleetStop, FleetStopAdmin)
