"""Making tenants and finding them. Their schemas are cloned from a migrated template by a database function."""

import re
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from apps.decision.errors import BadInput, Conflict, NotFound
from apps.tenants.context import OPERATOR_SCHEMA, in_operator, in_tenant
from apps.tenants.models import Domain, FleetStop, Tenant, TenantConfig

HOST = re.compile(r"^(?=.{1,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\Z")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a host leads: a tenant's schema, or the operator's."""

    schema: str


def place_of_host(host: str) -> Place | None:
    """The schema that answers on this host; None for an unknown host or a tenant that is not active."""
    if host in settings.BEHAVRY_OPERATOR_HOSTS:
        return Place(OPERATOR_SCHEMA)
    with connection.cursor() as cursor:
        cursor.execute("SELECT public.behavry_schema_of_host(%s)", [host])
        (schema,) = cursor.fetchone()
    return Place(schema) if schema else None


def schema_of_host(host: str) -> str | None:
    """The tenant schema that answers on this host (no port), or None."""
    place = place_of_host(host)
    return place.schema if place and place.schema != OPERATOR_SCHEMA else None


def create_tenant(*, name: str, slug: str, hosts: list[str], plan: str = TenantConfig.Plan.TRIAL) -> Tenant:
    """A new, active tenant with its own schema, all or nothing. Raises BadInput or Conflict."""
    hosts = [host.strip().lower() for host in hosts]
    for host in hosts:
        if not HOST.match(host):
            raise BadInput(f"{host!r} is not a host name", fields={"hosts": "Give host names without scheme or port."})
    with in_operator(), transaction.atomic():
        if Tenant.objects.filter(slug=slug).exists():
            raise Conflict(f"A tenant with the slug {slug!r} exists", fields={"slug": "Choose another slug."})
        taken = Domain.objects.filter(domain__in=hosts).values_list("domain", flat=True).first()
        if taken:
            raise Conflict(f"The host {taken!r} belongs to another tenant", fields={"hosts": f"{taken} is taken."})
        tenant = Tenant(name=name, slug=slug, schema_name="t_" + slug.replace("-", "_"))
        try:
            tenant.full_clean(exclude=["schema_name"])
        except ValidationError as error:
            fields = {field: " ".join(messages) for field, messages in error.message_dict.items()}
            raise BadInput("The tenant is not valid", fields=fields) from None
        tenant.save()
        for number, host in enumerate(hosts):
            Domain.objects.create(tenant=tenant, domain=host, is_primary=number == 0)
        TenantConfig.objects.create(tenant=tenant, plan_tier=plan)
        with connection.cursor() as cursor:
            cursor.execute("SELECT public.behavry_create_tenant_schema(%s)", [tenant.schema_name])
        tenant.status = Tenant.Status.ACTIVE
        tenant.save(update_fields=["status"])
    return tenant


def active_schemas() -> list[str]:
    with in_operator():
        rows = Tenant.objects.filter(status=Tenant.Status.ACTIVE).order_by("schema_name")
        return list(rows.values_list("schema_name", flat=True))


def standing_schemas() -> list[str]:
    """Of all tenants that are or can be active again."""
    with in_operator():
        rows = Tenant.objects.exclude(status=Tenant.Status.PREPARING).order_by("schema_name")
        return list(rows.values_list("schema_name", flat=True))


def schema_of_slug(slug: str) -> str:
    with in_operator():
        schema = Tenant.objects.filter(slug=slug).values_list("schema_name", flat=True).first()
    if schema is None:
        raise NotFound(f"There is no tenant {slug!r}.", fields={"tenant": "Give the slug of a tenant."})
    return str(schema)


def stop_fleet(*, reason: str, actor: str) -> FleetStop:
    """The row of the installation's kill switch. `exceptions.services.fleet` then tells every tenant."""
    with in_operator():
        try:
            with transaction.atomic():
                return FleetStop.objects.create(reason=reason, engaged_by=actor)
        except IntegrityError:
            held = FleetStop.objects.filter(released_at__isnull=True).first()
            who = f" since {held.engaged_at.isoformat(timespec='seconds')} by {held.engaged_by}" if held else ""
            raise Conflict(f"The installation has been stopped{who}.", code="already_engaged") from None


def resume_fleet(*, reason: str, actor: str) -> FleetStop:
    with in_operator(), transaction.atomic():
        row = FleetStop.objects.select_for_update().filter(released_at__isnull=True).first()
        if row is None:
            raise Conflict("The installation is not stopped.", code="not_engaged")
        row.release_reason, row.released_by, row.released_at = reason, actor, timezone.now()
        row.save(update_fields=["release_reason", "released_by", "released_at"])
        return row


def config_of(schema: str) -> TenantConfig:
    with in_tenant(schema):
        config = TenantConfig.objects.filter(tenant__schema_name=schema).first()
    if config is None:
        raise NotFound(f"There is no tenant with the schema {schema!r}")
    return config
