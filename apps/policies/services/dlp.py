"""The tenant's own DLP patterns, and what it changed about the built-in ones. Both hold from the next call on.

A critical pattern either denies or redacts: its secrets never leave, so it can be neither switched off nor made to log.
"""

from collections.abc import Mapping
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction

from apps.audit import services as audit
from apps.decision.errors import BadInput, Conflict, NotFound
from apps.decision.events import EventKind
from apps.decision.scan.custom import CustomPattern, check_custom
from apps.decision.scan.pattern import Pattern
from apps.decision.scan.patterns import BUILTIN_PATTERNS
from apps.decision.types import JSON, DlpAction, Severity
from apps.policies.models import DlpPattern, DlpSetting

MAX_PATTERNS: Final = 100
CHANGEABLE: Final = frozenset(
    {"description", "regex", "severity", "action", "enabled", "examples_hit", "examples_miss"}
)
_KEEPING: Final = frozenset({DlpAction.DENY, DlpAction.REDACT})


@transaction.atomic
def create_pattern(*, actor: str, **fields: Any) -> DlpPattern:
    pattern = DlpPattern(**fields)
    if DlpPattern.objects.filter(name=pattern.name).exists():
        raise Conflict("A pattern of this name exists.", fields={"name": "Choose another name."})
    if DlpPattern.objects.count() >= MAX_PATTERNS:
        raise Conflict(f"A tenant may have {MAX_PATTERNS} patterns.", code="too_many_patterns")
    _check(pattern)
    pattern.save(force_insert=True)
    audit.record(EventKind.DLP_PATTERN_CREATED, actor=actor, extra=_facts(pattern))
    return pattern


@transaction.atomic
def update_pattern(pattern_id: int, *, actor: str, changes: Mapping[str, Any]) -> DlpPattern:
    """The name stays: the log and the tenant's policies know the pattern by it."""
    pattern = _locked(pattern_id)
    if unknown := set(changes) - CHANGEABLE:
        raise BadInput("Some fields cannot be changed.", fields=dict.fromkeys(sorted(unknown), "Cannot be changed."))
    for name, value in changes.items():
        setattr(pattern, name, value)
    _check(pattern)
    pattern.save()
    audit.record(EventKind.DLP_PATTERN_UPDATED, actor=actor, extra=_facts(pattern))
    return pattern


@transaction.atomic
def remove_pattern(pattern_id: int, *, actor: str) -> None:
    pattern = _locked(pattern_id)
    pattern.delete()
    audit.record(EventKind.DLP_PATTERN_REMOVED, actor=actor, extra=_facts(pattern))


@transaction.atomic
def set_builtin(name: str, *, actor: str, changes: Mapping[str, Any]) -> DlpSetting:
    """Change a built-in pattern's `action` or whether it is `enabled`; None returns to what the pattern says itself."""
    pattern = builtin(name)
    setting = DlpSetting.objects.select_for_update().filter(pattern=name).first() or DlpSetting(pattern=name)
    before = (setting.action, setting.enabled)
    if "action" in changes:
        setting.action = changes["action"] or ""
    if "enabled" in changes:
        setting.enabled = changes["enabled"]
    if (setting.action, setting.enabled) == before:
        return setting
    _keep_critical(pattern.severity, setting.action, setting.enabled)
    _clean(setting)
    setting.save()
    extra = {"name": name, "builtin": True, "action": setting.action, "enabled": setting.enabled}
    audit.record(EventKind.DLP_PATTERN_UPDATED, actor=actor, extra=extra)
    return setting


def builtin(name: str) -> Pattern:
    for pattern in BUILTIN_PATTERNS:
        if pattern.name == name:
            return pattern
    raise NotFound("There is no such built-in pattern.")


def as_custom(pattern: DlpPattern) -> CustomPattern:
    return CustomPattern(
        name=pattern.name,
        regex=pattern.regex,
        severity=Severity(pattern.severity),
        action=DlpAction(pattern.action),
        examples_hit=tuple(pattern.examples_hit),
        examples_miss=tuple(pattern.examples_miss),
    )


def _locked(pattern_id: int) -> DlpPattern:
    pattern = DlpPattern.objects.select_for_update().filter(pk=pattern_id).first()
    if pattern is None:
        raise NotFound("There is no such pattern.")
    return pattern


def _check(pattern: DlpPattern) -> None:
    _clean(pattern)
    _keep_critical(pattern.severity, pattern.action, None)
    check_custom(as_custom(pattern))


def _keep_critical(severity: str, action: str, enabled: bool | None) -> None:
    if severity != Severity.CRITICAL:
        return
    if action and action not in _KEEPING:
        raise BadInput("A critical pattern denies or redacts.", fields={"action": "Use deny or redact."})
    if enabled is False:
        raise BadInput("A critical pattern cannot be switched off.", fields={"enabled": "Leave it on."})


def _clean(row: DlpPattern | DlpSetting) -> None:
    try:
        row.full_clean(validate_unique=False)
    except ValidationError as error:
        fields = {field: " ".join(messages) for field, messages in error.message_dict.items()}
        raise BadInput("The pattern is not valid.", fields=fields) from None


def _facts(pattern: DlpPattern) -> dict[str, JSON]:
    """Neither expression nor examples: people paste what they want to find."""
    return {
        "name": pattern.name,
        "severity": pattern.severity,
        "action": pattern.action,
        "enabled": pattern.enabled,
    }
