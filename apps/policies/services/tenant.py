"""A tenant's limits and modes. They live below in `tenants`, but changing one changes the rulebook and is recorded."""

from collections.abc import Mapping
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction

from apps.audit import services as audit
from apps.decision.errors import BadInput, Conflict, NotFound
from apps.decision.events import EventKind
from apps.tenants.context import current_schema
from apps.tenants.models import TenantConfig

CHANGEABLE: Final = frozenset(
    {
        "plan_tier", "max_agents", "max_rpm_per_agent", "audit_retention_days", "deployment_mode", "payload_mode",
        "policy_approval", "replay_days",
    }
)  # fmt: skip


@transaction.atomic
def configure(*, actor: str, changes: Mapping[str, Any]) -> TenantConfig:
    """Raises BadInput, naming every field that is wrong. Who may change which field is the caller's to know."""
    if unknown := set(changes) - CHANGEABLE:
        raise BadInput("Some fields cannot be changed.", fields=dict.fromkeys(sorted(unknown), "Cannot be changed."))
    config = _locked()
    before = {name: getattr(config, name) for name in changes}
    for name, value in changes.items():
        setattr(config, name, value)
    try:
        config.full_clean(validate_unique=False, exclude=["tenant"])
    except ValidationError as error:
        fields = {field: " ".join(messages) for field, messages in error.message_dict.items()}
        raise BadInput("The configuration is not valid.", fields=fields) from None
    changed = {name: {"from": before[name], "to": getattr(config, name)} for name in sorted(changes)}
    changed = {name: change for name, change in changed.items() if change["from"] != change["to"]}
    if changed:
        config.save(update_fields=sorted(changed))
        audit.record(EventKind.TENANT_CONFIGURED, actor=actor, extra={"changed": changed})
    return config


def alone() -> TenantConfig:
    """Hold the tenant's configuration for the rest of the transaction: what takes effect does so one after the other,
    under the rules of approval that are read here."""
    return _locked()


def refuse_unapproved() -> None:
    """Raises Conflict where what is in effect changes through approved requests alone. Call it in a transaction."""
    if alone().policy_approval:
        detail = "Changes of policies need approval in this tenant: put up a change request."
        raise Conflict(detail, code="approval_required")


def _locked() -> TenantConfig:
    config = TenantConfig.objects.select_for_update().filter(tenant__schema_name=current_schema()).first()
    if config is None:
        raise NotFound("This tenant has no configuration.")
    return config
