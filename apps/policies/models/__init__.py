"""The rows of this room, one noun per file. Changing one is the business of the services."""

from apps.policies.models.change import PolicyChangeRequest
from apps.policies.models.comparison import Comparison, Flip, FlipGroup
from apps.policies.models.dlp import ACTIONS, SEVERITIES, DlpPattern, DlpSetting
from apps.policies.models.inbound import (
    CLASSES,
    INBOUND_ACTIONS,
    RESULT_ACTIONS,
    TIERS,
    CanaryToken,
    InboundRule,
    InboundRuleSetting,
    InboundSetting,
    SourceRule,
)
from apps.policies.models.limits import BlastRadiusSetting, RateLimitSetting
from apps.policies.models.policy import CompiledPlan, Policy, PolicyVersion

__all__ = [
    "ACTIONS",
    "CLASSES",
    "INBOUND_ACTIONS",
    "RESULT_ACTIONS",
    "SEVERITIES",
    "TIERS",
    "BlastRadiusSetting",
    "CanaryToken",
    "Comparison",
    "CompiledPlan",
    "DlpPattern",
    "DlpSetting",
    "Flip",
    "FlipGroup",
    "InboundRule",
    "InboundRuleSetting",
    "InboundSetting",
    "Policy",
    "PolicyChangeRequest",
    "PolicyVersion",
    "RateLimitSetting",
    "SourceRule",
]
