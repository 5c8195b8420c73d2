"""The rows of this room, one noun per file. Changing one is the business of the services."""

from apps.exceptions.models.escalation import Escalation, EscalationSetting, EscalationStatus, Resolution
from apps.exceptions.models.grant import ExceptionGrant, ExceptionState, Urgency
from apps.exceptions.models.hook import Delivery, NotificationHook
from apps.exceptions.models.kill_switch import BreakGlass, KillSwitch
from apps.exceptions.models.withheld import WithheldResult

__all__ = [
    "BreakGlass",
    "Delivery",
    "Escalation",
    "EscalationSetting",
    "EscalationStatus",
    "ExceptionGrant",
    "ExceptionState",
    "KillSwitch",
    "NotificationHook",
    "Resolution",
    "Urgency",
    "WithheldResult",
]
