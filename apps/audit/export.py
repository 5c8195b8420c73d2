"""Streams entries, oldest first, without a cap. All that an export says of itself is true of one moment: entries are
immutable and their order is commit order, so everything up to the head at the start is a stable set.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

from asgiref.sync import sync_to_async
from django.db.models import Q

from apps.audit import documents, services
from apps.audit.models import AuditEntry
from apps.decision.errors import BadInput
from apps.tenants.context import current_schema, in_tenant

CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Form:
    """How an export is written."""

    content_type: str
    extension: str
    header: Callable[[], bytes]
    line: Callable[[AuditEntry], bytes]


FORMS = {
    "jsonl": Form("application/x-ndjson", "jsonl", lambda: b"", documents.json_line),
    "csv": Form("text/csv; charset=utf-8", "csv", documents.csv_header, documents.csv_line),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What an export will hold: entries after `after`, up to and including `last`, that meet `wanted`."""

    schema: str
    form: Form
    wanted: Q
    after: int
    last: int
    total: int


def plan(form: str, wanted: Q, *, after: int, limit: int | None) -> Plan:
    """Fix the extent of an export of the current tenant. With a limit it ends at that many entries."""
    if form not in FORMS:
        raise BadInput("format must be jsonl or csv", fields={"format": "jsonl or csv"})
    schema = current_schema()
    last = services.head(schema).seq
    found = AuditEntry.objects.filter(wanted, seq__gt=after, seq__lte=last)
    total = found.count()
    if limit is not None and limit < total:
        last = found.order_by("seq").values_list("seq", flat=True)[limit - 1]
    return Plan(schema, FORMS[form], wanted, after, max(last, after), total)


def stream(extent: Plan) -> Iterator[bytes]:
    """The export, chunk by chunk, for a synchronous server."""
    after = extent.after
    yield extent.form.header()
    while after < extent.last:
        data, after = _chunk(extent, after)
        yield data


async def astream(extent: Plan) -> AsyncIterator[bytes]:
    """The same for an asynchronous server; every chunk enters the tenant by name, on the request's own thread."""
    after = extent.after
    yield extent.form.header()
    while after < extent.last:
        data, after = await sync_to_async(_chunk)(extent, after)
        yield data


def _chunk(extent: Plan, after: int) -> tuple[bytes, int]:
    with in_tenant(extent.schema):
        found = AuditEntry.objects.filter(extent.wanted, seq__gt=after, seq__lte=extent.last).order_by("seq")
        entries = list(found[:CHUNK])
    data = b"".join([extent.form.line(entry) for entry in entries])
    return data, entries[-1].seq if len(entries) == CHUNK else extent.last
