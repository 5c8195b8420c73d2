"""Background doors of the log: verify, make the coming months, drop the expired ones, repeat the rulebook version."""

from datetime import UTC, datetime

from apps.audit import retention, services, verification
from apps.tenants.tasks import tenant_task


@tenant_task(name="audit.verify_chain", time_limit=3600)
def verify_chain(schema: str) -> int:
    """Walk the whole chain; returns the number of breaks."""
    row, _ = verification.verify(actor="system")
    return row.breaks


@tenant_task(name="audit.prepare_partitions", time_limit=60)
def prepare_partitions(schema: str) -> str:
    return services.prepare(schema).isoformat()


@tenant_task(name="audit.apply_retention", time_limit=3600)
def apply_retention(schema: str) -> int:
    """Drop expired months; returns how many."""
    return len(retention.apply(actor="system", now=datetime.now(UTC)))


@tenant_task(name="audit.announce_rulebook", time_limit=30)
def announce_rulebook(schema: str) -> int:
    return services.announce_rulebook(schema)
