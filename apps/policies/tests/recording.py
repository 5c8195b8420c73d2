"""Recorded inputs to compare rules over, and people to do so."""

from typing import Any

import orjson
from django.db import connection

from apps.audit import services as audit
from apps.audit.tests.builders import make_entry
from apps.policies.permissions import Person
from apps.policies.tests.examples import document
from apps.tenants.roles import Role

# Ids that no account made by a test has: the sequence of those goes on from test to test.
ADA = Person("user:ada", 1_000_101, Role.POLICY_AUTHOR)
GRACE = Person("user:grace", 1_000_102, Role.POLICY_AUTHOR)
ROOT = Person("user:root", 1_000_103, Role.ADMIN)
READER = Person("user:reader", 1_000_104, Role.VIEWER)
ANALYST = Person("user:analyst", 1_000_105, Role.ANALYST)


def record(number: int = 1, *, result: str = "", text: bytes = b"", **request: Any) -> None:
    """So many decisions with their inputs; reads are permitted, writes are not."""
    made = document(**{"action": "read", "resource_kind": "filesystem", "parameters": {"path": "a"}} | request)
    made["request"].setdefault("resource", "a")
    said = result or ("allow" if made["request"]["action"] == "read" else "deny")
    for _ in range(number):
        entry = make_entry(policy_result=said, policy_id="permission_match.granted", stage="policy")
        audit.append(entry, text or orjson.dumps(made))


def age(days: int) -> None:
    """Everything that is recorded becomes so much older."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE aged ON COMMIT DROP AS SELECT * FROM audit_input")
        cursor.execute("DELETE FROM audit_input")
        cursor.execute(
            "INSERT INTO audit_input SELECT seq, event_id, recorded_at - make_interval(days => %s), document FROM aged",
            [days],
        )
        cursor.execute("DROP TABLE aged")
