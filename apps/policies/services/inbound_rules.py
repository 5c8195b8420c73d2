"""The tenant's own rules about what comes back, what it changed about the built-in ones, and a dry run of both.

A built-in rule that is critical may be lowered to high and not further, and cannot be switched off: what it finds is
always told of, and what is done about it is a matter of the settings and of source rules.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction

from apps.audit import services as audit
from apps.decision.errors import BadInput, Conflict, NotFound
from apps.decision.events import EventKind
from apps.decision.scan.injection.custom import CustomRule, check_custom_rule
from apps.decision.scan.injection.kinds import RANK, InjectionClass
from apps.decision.scan.injection.rule import Rule
from apps.decision.scan.injection.rules.table import BUILTIN_RULES
from apps.decision.scan.injection.scanner import STATISTICAL, RuleSetting
from apps.decision.types import JSON, Severity
from apps.policies.models import InboundRule, InboundRuleSetting
from apps.policies.services import tenant

MAX_RULES: Final = 100
CHANGEABLE: Final = frozenset({"description", "kind", "severity", "regex", "enabled", "hits", "misses"})
# The scorer stands among the rules, so that it can be lowered or switched off like one of them.
SCORER: Final = Rule(STATISTICAL, InjectionClass.IMPERATIVE_COMMAND, Severity.HIGH, "", (), ())


@transaction.atomic
def create_rule(*, actor: str, **fields: Any) -> InboundRule:
    """Raises BadInput unless its expression can be searched in linear time, hits its hits and misses its misses."""
    tenant.alone()
    rule = InboundRule(**fields)
    if InboundRule.objects.filter(name=rule.name).exists():
        raise Conflict("A rule of this name exists.", fields={"name": "Choose another name."})
    if InboundRule.objects.count() >= MAX_RULES:
        raise Conflict(f"A tenant may have {MAX_RULES} rules.", code="too_many_rules")
    _check(rule)
    rule.save(force_insert=True)
    audit.record(EventKind.INBOUND_RULE_CREATED, actor=actor, extra=_facts(rule))
    return rule


@transaction.atomic
def update_rule(rule_id: int, *, actor: str, changes: Mapping[str, Any]) -> InboundRule:
    """The name stays: the log knows the rule by it."""
    rule = _locked(rule_id)
    if unknown := set(changes) - CHANGEABLE:
        raise BadInput("Some fields cannot be changed.", fields=dict.fromkeys(sorted(unknown), "Cannot be changed."))
    if all(getattr(rule, name) == value for name, value in changes.items()):
        return rule
    for name, value in changes.items():
        setattr(rule, name, value)
    _check(rule)
    rule.save()
    audit.record(EventKind.INBOUND_RULE_UPDATED, actor=actor, extra=_facts(rule))
    return rule


@transaction.atomic
def remove_rule(rule_id: int, *, actor: str) -> None:
    rule = _locked(rule_id)
    rule.delete()
    audit.record(EventKind.INBOUND_RULE_REMOVED, actor=actor, extra=_facts(rule))


@transaction.atomic
def set_builtin(name: str, *, actor: str, changes: Mapping[str, Any]) -> InboundRuleSetting:
    """Change a built-in rule's `severity` or whether it is `enabled`; None returns to what the rule says itself."""
    rule = builtin(name)
    if unknown := set(changes) - {"severity", "enabled"}:
        raise BadInput("Some fields cannot be changed.", fields=dict.fromkeys(sorted(unknown), "Cannot be changed."))
    tenant.alone()
    setting = InboundRuleSetting.objects.filter(rule=name).first() or InboundRuleSetting(rule=name)
    before = (setting.severity, setting.enabled)
    if "severity" in changes:
        setting.severity = changes["severity"] or ""
    if "enabled" in changes:
        setting.enabled = changes["enabled"]
    if (setting.severity, setting.enabled) == before:
        return setting
    _clean(setting)
    _keep(rule, setting)
    setting.save()
    extra = {"name": name, "builtin": True, "severity": setting.severity, "enabled": setting.enabled}
    audit.record(EventKind.INBOUND_RULE_UPDATED, actor=actor, extra=extra)
    return setting


def builtin(name: str) -> Rule:
    for rule in (SCORER, *BUILTIN_RULES):
        if rule.name == name:
            return rule
    raise NotFound("There is no such built-in rule.")


def in_effect() -> tuple[CustomRule, ...]:
    """The tenant's own rules that hold now."""
    return tuple(as_custom(row) for row in InboundRule.objects.filter(enabled=True).order_by("name"))


def changed() -> Mapping[str, RuleSetting]:
    """What the tenant changed about the built-in rules."""
    rows = InboundRuleSetting.objects.values_list("rule", "severity", "enabled")
    return MappingProxyType(
        {
            rule: RuleSetting(Severity(severity) if severity else None, enabled)
            for rule, severity, enabled in rows
            if severity or enabled is not None
        }
    )


def as_custom(rule: InboundRule) -> CustomRule:
    return CustomRule(
        name=rule.name,
        kind=InjectionClass(rule.kind),
        severity=Severity(rule.severity),
        regex=rule.regex,
        hits=tuple(rule.hits),
        misses=tuple(rule.misses),
    )


def _locked(rule_id: int) -> InboundRule:
    rule = InboundRule.objects.select_for_update().filter(pk=rule_id).first()
    if rule is None:
        raise NotFound("There is no such rule.")
    return rule


def _check(rule: InboundRule) -> None:
    _clean(rule)
    check_custom_rule(as_custom(rule))


def _keep(rule: Rule, setting: InboundRuleSetting) -> None:
    if rule.severity is not Severity.CRITICAL:
        return
    if setting.enabled is False:
        raise BadInput("A critical rule cannot be switched off.", fields={"enabled": "Leave it on."})
    if setting.severity and RANK[Severity(setting.severity)] < RANK[Severity.HIGH]:
        raise BadInput("A critical rule stays critical or high.", fields={"severity": "Use critical or high."})


def _clean(row: InboundRule | InboundRuleSetting) -> None:
    try:
        row.full_clean(validate_unique=False)
    except ValidationError as error:
        fields = {field: " ".join(messages) for field, messages in error.message_dict.items()}
        raise BadInput("The rule is not valid.", fields=fields) from None


def _facts(rule: InboundRule) -> dict[str, JSON]:
    """Neither expression nor examples: people paste what they want to find."""
    return {"name": rule.name, "class": rule.kind, "severity": rule.severity, "enabled": rule.enabled}
