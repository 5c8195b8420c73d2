"""What the rulebook takes from the inbound rules, settings, sources and canaries of a tenant."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from apps.decision.scan.injection.custom import CustomRule
from apps.decision.scan.injection.kinds import InjectionClass
from apps.decision.scan.injection.scanner import RuleSetting
from apps.decision.types import DlpAction, InboundAction, SourceRule


@dataclass(frozen=True, slots=True)
class InboundSnapshot:
    """`canaries` are planted values by name: never log this object."""

    rules: tuple[CustomRule, ...]
    changed: Mapping[str, RuleSetting]
    actions: Mapping[InjectionClass, InboundAction]
    result_secrets: DlpAction
    source_rules: tuple[SourceRule, ...]
    canaries: Mapping[str, str]
    review_new: bool


def snapshot() -> InboundSnapshot:
    """As of now, in the tenant the caller stands in."""
    return InboundSnapshot(
        (), MappingProxyType({}), MappingProxyType({}), DlpAction.REDACT, (), MappingProxyType({}), False
    )
