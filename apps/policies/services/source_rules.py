"""How far domains and MCP servers are trusted. A change holds from the next call on."""

import re
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction

from apps.audit import services as audit
from apps.decision import types
from apps.decision.errors import BadInput, Conflict, NotFound
from apps.decision.events import EventKind
from apps.decision.inbound.domains import pattern_of
from apps.decision.inbound.trust import Sources
from apps.decision.types import JSON, Tier
from apps.policies.models import SourceRule
from apps.policies.services import tenant

MAX_RULES: Final = 1_000
FIRST: Final = 1  # the priority of what a person blocks on the spot
CHANGEABLE: Final = frozenset({"tier", "priority", "note", "enabled"})
_SERVER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\*?|\*")


@transaction.atomic
def create(
    *, kind: str, pattern: str, tier: str, actor: str, priority: int = 100, note: str = "", enabled: bool = True
) -> SourceRule:
    """Raises BadInput for a pattern that can be no rule, Conflict (`source_rule_exists`) for one that has a rule."""
    tenant.alone()
    rule = SourceRule(
        kind=kind, pattern=_pattern(kind, pattern), tier=tier, priority=priority, note=note, enabled=enabled,
        created_by=actor,
    )  # fmt: skip
    _check(rule)
    if SourceRule.objects.filter(kind=kind, pattern=rule.pattern).exists():
        detail = f"There is a rule for {rule.pattern} already."
        raise Conflict(detail, code="source_rule_exists", fields={"pattern": "Change the rule that is there."})
    if SourceRule.objects.count() >= MAX_RULES:
        raise Conflict(f"A tenant may have {MAX_RULES} source rules.", code="too_many_source_rules")
    rule.save(force_insert=True)
    audit.record(EventKind.SOURCE_RULE_CREATED, actor=actor, extra=_facts(rule))
    return rule


@transaction.atomic
def update(rule_id: UUID, *, actor: str, changes: Mapping[str, Any]) -> SourceRule:
    """Kind and pattern stay: the log knows the rule by them."""
    if unknown := set(changes) - CHANGEABLE:
        raise BadInput("Some fields cannot be changed.", fields=dict.fromkeys(sorted(unknown), "Cannot be changed."))
    rule = _locked(rule_id)
    before = {name: getattr(rule, name) for name in CHANGEABLE}
    for name, value in changes.items():
        setattr(rule, name, value)
    if before == {name: getattr(rule, name) for name in CHANGEABLE}:
        return rule
    _check(rule)
    rule.save()
    audit.record(EventKind.SOURCE_RULE_UPDATED, actor=actor, extra=_facts(rule))
    return rule


@transaction.atomic
def remove(rule_id: UUID, *, actor: str) -> None:
    rule = _locked(rule_id)
    facts = _facts(rule)
    rule.delete()
    audit.record(EventKind.SOURCE_RULE_REMOVED, actor=actor, extra=facts)


@transaction.atomic
def block(*, kind: str, pattern: str, actor: str, note: str = "") -> SourceRule | None:
    """Block this very domain or server before whatever else speaks of it; None where that holds already."""
    tenant.alone()
    name = _pattern(kind, pattern)
    known = SourceRule.objects.select_for_update().filter(kind=kind, pattern=name).first()
    if known is None:
        return create(kind=kind, pattern=name, tier=Tier.BLOCK, actor=actor, priority=FIRST, note=note)
    if known.enabled and known.tier == Tier.BLOCK and known.priority == FIRST:
        return None
    changes = {"tier": Tier.BLOCK.value, "priority": FIRST, "enabled": True, "note": note or known.note}
    return update(known.pk, actor=actor, changes=changes)


def in_effect() -> Sources:
    """The rules that hold now, in the tenant the caller stands in."""
    rows = SourceRule.objects.filter(enabled=True).values_list("id", "kind", "pattern", "tier", "priority")
    return Sources(
        types.SourceRule(str(id), kind, name, Tier(tier), priority) for id, kind, name, tier, priority in rows
    )


def _locked(rule_id: UUID) -> SourceRule:
    rule = SourceRule.objects.select_for_update().filter(pk=rule_id).first()
    if rule is None:
        raise NotFound("There is no such source rule.")
    return rule


def _pattern(kind: str, pattern: str) -> str:
    if kind != SourceRule.Kind.SERVER:
        return pattern_of(pattern)
    if not _SERVER.fullmatch(pattern):
        raise BadInput(
            "The pattern cannot be used.",
            code="bad_pattern",
            fields={"pattern": "Give a server's name, or how names begin and an asterisk: web-*."},
        )
    return pattern


def _check(rule: SourceRule) -> None:
    try:
        rule.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        fields = {field: " ".join(messages) for field, messages in error.message_dict.items()}
        raise BadInput("The source rule is not valid.", fields=fields) from None
    if rule.kind == SourceRule.Kind.SERVER and rule.pattern == "*" and rule.tier == Tier.TRUSTED:
        why = "This would switch the scanner off for every server. Name the servers."
        raise BadInput("The source rule is not valid.", fields={"tier": why})


def _facts(rule: SourceRule) -> dict[str, JSON]:
    return {
        "id": str(rule.pk),
        "kind": rule.kind,
        "pattern": rule.pattern,
        "tier": str(rule.tier),
        "priority": rule.priority,
        "enabled": rule.enabled,
    }
