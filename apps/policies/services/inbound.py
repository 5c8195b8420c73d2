"""What the tenant wants done with what comes back, and what the rulebook takes of it. Changes hold from the next call.

What is not set is decided by a finding's severity: critical is withheld, high flagged, the rest delivered.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction

from apps.audit import services as audit
from apps.decision.errors import BadInput
from apps.decision.events import EventKind
from apps.decision.inbound.screen import build_screen
from apps.decision.inbound.trust import Sources
from apps.decision.scan.injection.custom import CustomRule, check_custom_rule
from apps.decision.scan.injection.kinds import InjectionClass
from apps.decision.scan.injection.scanner import RuleSetting, build_injection_scanner
from apps.decision.types import JSON, DlpAction, Finding, InboundAction, Screened
from apps.policies.models import InboundSetting
from apps.policies.services import canaries, inbound_rules, source_rules, tenant

FIELDS: Final = ("class_actions", "result_secrets", "new_items")


@dataclass(frozen=True, slots=True)
class InboundSnapshot:
    """`canaries` are planted values by name: never log this object."""

    rules: tuple[CustomRule, ...]
    changed: Mapping[str, RuleSetting]
    actions: Mapping[InjectionClass, InboundAction]
    result_secrets: DlpAction
    source_rules: Sources
    canaries: Mapping[str, str] = field(repr=False)
    review_new: bool


def snapshot() -> InboundSnapshot:
    """As of now, in the tenant the caller stands in."""
    row = _row()
    return InboundSnapshot(
        rules=inbound_rules.in_effect(),
        changed=inbound_rules.changed(),
        actions=actions(),
        result_secrets=DlpAction(row.result_secrets),
        source_rules=source_rules.in_effect(),
        canaries=canaries.live(),
        review_new=row.new_items == InboundSetting.NewItems.REVIEW,
    )


def actions() -> Mapping[InjectionClass, InboundAction]:
    """What the tenant set for classes of injections."""
    given = _row().class_actions
    return MappingProxyType({InjectionClass(kind): InboundAction(action) for kind, action in given.items()})


def settings() -> dict[str, JSON]:
    """What holds now, every class named; None: by severity."""
    row = _row()
    return {
        "class_actions": {kind.value: row.class_actions.get(kind.value) for kind in InjectionClass},
        "result_secrets": row.result_secrets,
        "new_items": row.new_items,
    }


def try_out(text: str, unsaved: CustomRule | None = None) -> Screened:
    """What a text would come to as things stand, with one more rule; raises BadInput for a rule that cannot be used.

    No source rule is asked: nobody said where the text is from."""
    rules = inbound_rules.in_effect()
    if unsaved is not None:
        check_custom_rule(unsaved)
        rules = (*(rule for rule in rules if rule.name != unsaved.name), unsaved)
    screen = build_screen(build_injection_scanner(rules, inbound_rules.changed()), _no_secrets, actions=actions())
    return screen(text, "", b"")


def _no_secrets(value: JSON) -> tuple[Finding, ...]:
    return ()


@transaction.atomic
def configure(*, actor: str, changes: Mapping[str, Any]) -> InboundSetting:
    """Change any of FIELDS, None returns to the default; of `class_actions` only the classes that are named."""
    if unknown := set(changes) - set(FIELDS):
        raise BadInput("Some fields cannot be changed.", fields=dict.fromkeys(sorted(unknown), "Cannot be changed."))
    tenant.alone()
    row, default = _row(), InboundSetting()
    before = {name: getattr(row, name) for name in FIELDS}
    for name in ("result_secrets", "new_items"):
        if name in changes:
            setattr(row, name, getattr(default, name) if changes[name] is None else changes[name])
    if "class_actions" in changes:
        row.class_actions = _merged(before["class_actions"], changes["class_actions"])
    try:
        row.full_clean()
    except ValidationError as error:
        fields = {field: " ".join(messages) for field, messages in error.message_dict.items()}
        raise BadInput("The inbound settings are not valid.", fields=fields) from None
    changed = {
        name: {"from": before[name], "to": getattr(row, name)} for name in FIELDS if before[name] != getattr(row, name)
    }
    if changed:
        row.save()
        audit.record(EventKind.INBOUND_CONFIGURED, actor=actor, extra={"changed": changed})
    return row


def _merged(before: Mapping[str, str], given: Mapping[str, str | None] | None) -> dict[str, str]:
    if given is None:
        return {}
    known, possible = set(InjectionClass), set(InboundAction)
    wrong = {f"class_actions.{kind}": "There is no such class." for kind in given if kind not in known}
    wrong |= {
        f"class_actions.{kind}": "Use allow, flag, withhold or null."
        for kind, action in given.items()
        if kind in known and action is not None and action not in possible
    }
    if wrong:
        raise BadInput("The inbound settings are not valid.", fields=wrong)
    merged = {**before, **given}
    return {kind.value: str(merged[kind]) for kind in InjectionClass if merged.get(kind)}


def _row() -> InboundSetting:
    return InboundSetting.objects.first() or InboundSetting()
