"""This room in the tenant's admin: one file per noun, registered here."""

from apps.exceptions.admin.escalations import EscalationAdmin, EscalationSettingAdmin
from apps.exceptions.admin.hooks import DeliveryAdmin, HookAdmin
from apps.exceptions.models import Delivery, Escalation, EscalationSetting, NotificationHook
from apps.tenants.sites import tenant_site

tenant_site.register(Escalation, EscalationAdmin)
tenant_site.register(EscalationSetting, EscalationSettingAdmin)
tenant_site.register(NotificationHook, HookAdmin)
tenant_site.register(Delivery, DeliveryAdmin)
