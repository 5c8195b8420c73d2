"""Rows become one frozen rulebook. A version never labels older rows, nor newer ones.

Whoever changes a rule moves the version in the same commit. So if the version is the same before and after the rows
were read, nothing was committed in between that this rulebook could have missed or half seen.
"""

from types import MappingProxyType
from typing import Final

from django.conf import settings
from django.db import transaction

from apps.agents import services as agents
from apps.audit import services as audit
from apps.decision.errors import Unavailable
from apps.decision.scan import scanner
from apps.decision.types import AsyncAuthorizer, Authorizer, DlpAction, PayloadMode, Rulebook, Scanner
from apps.policies import opa, plans
from apps.policies.authorizer import ProgramAuthorizer
from apps.policies.models import DlpPattern, DlpSetting
from apps.policies.services.dlp import as_custom
from apps.policies.services.policies import active_sources
from apps.tenants import services as tenants
from apps.tenants.context import in_tenant

_ATTEMPTS: Final = 5


def load(schema: str) -> Rulebook:
    """The tenant's rulebook as of now. Raises Unavailable when it keeps changing or cannot be had."""
    with in_tenant(schema):
        for _ in range(_ATTEMPTS):
            version = audit.head(schema).rulebook_version
            rulebook = _read(schema, version)
            if audit.head(schema).rulebook_version == version:
                return rulebook
    raise Unavailable("The rulebook keeps changing", code="rulebook_unsettled", retry_after=1)


def _read(schema: str, version: int) -> Rulebook:
    config = tenants.config_of(schema)
    people = agents.snapshot()
    authorize, authorize_async = _authorizers(schema)
    return Rulebook(
        schema=schema,
        version=version,
        issuer=people.issuer,
        audiences=people.audiences,
        keys=people.keys,
        agents=people.agents,
        servers=people.servers,
        revoked_sessions=people.revoked_sessions,
        authorize=authorize,
        scan_dlp=_scanner(),
        payload_mode=PayloadMode(config.payload_mode),
        max_rpm_per_agent=config.max_rpm_per_agent,
        authorize_async=authorize_async,
    )


def _authorizers(schema: str) -> tuple[Authorizer, AsyncAuthorizer | None]:
    sources = active_sources()
    if settings.BEHAVRY_POLICY_ENGINE == "opa":
        remote = opa.authorizer(schema, sources)
        return remote, remote.ask
    with transaction.atomic():
        return ProgramAuthorizer(plans.program_of(sources)), None


def _scanner() -> Scanner:
    changed = {
        pattern: scanner.PatternSetting(DlpAction(action) if action else None, enabled)
        for pattern, action, enabled in DlpSetting.objects.values_list("pattern", "action", "enabled")
    }
    own = [as_custom(row) for row in DlpPattern.objects.filter(enabled=True).order_by("name")]
    return scanner.build_scanner(MappingProxyType(changed), own)
