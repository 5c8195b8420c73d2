"""One thing at a time within a tenant, where a row lock has no row to hold: counting before adding, a first key."""

from django.db import connection

from apps.tenants.context import current_schema


def one_at_a_time(what: str) -> None:
    """Wait for and hold the tenant's lock of this name until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"{current_schema()}:{what}"])
