"""A session's counters are what the log says: no more after a repetition, no less after a crash, nobody else's."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from apps.agents import reader, services, tasks
from apps.agents.models import PersonalAccessToken, Session
from apps.agents.services.access_tokens import add_access_token
from apps.agents.tests.builders import make_agent
from apps.audit import readers
from apps.audit import services as audit
from apps.decision.events import EventKind
from apps.tenants.context import in_tenant
from apps.tenants.roles import Role
from apps.tenants.services import config_of

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FINDING = {"scanner": "dlp", "rule": "aws_access_key", "severity": "critical"}


def open_session(schema: str) -> str:
    made = make_agent(schema)
    with in_tenant(schema):
        return services.issue_token(client_id=made.agent.client_id, client_secret=made.client_secret).session_id


def record(schema: str, session: str, kind: EventKind = EventKind.CALL_DECISION, **fields: Any) -> None:
    with in_tenant(schema):
        audit.record(kind, actor="agent:x", session_id=session, **{"method": "tools/call", "at": AT, **fields})


def counters(schema: str, session: str) -> tuple[int, int, int, datetime | None]:
    readers.drain(reader.SESSIONS, schema, owner="test")
    with in_tenant(schema):
        row = Session.objects.get(pk=UUID(session))
    return row.tool_call_count, row.denied_count, row.dlp_hit_count, row.last_seen_at


def test_it_counts_calls_denials_and_hits(acme: str) -> None:
    session = open_session(acme)
    assert counters(acme, session) == (0, 0, 0, None)
    record(acme, session, policy_result="allow")
    record(acme, session, policy_result="deny", dlp_findings=(FINDING, {**FINDING, "scanner": "injection"}))
    record(acme, session, policy_result="escalate", method="resources/read")
    record(acme, session, EventKind.CALL_OUTCOME, dlp_findings=(FINDING,), at=AT + timedelta(seconds=9))
    record(acme, session, EventKind.MESSAGE_RECORDED, method="ping", at=AT + timedelta(seconds=3))
    assert counters(acme, session) == (2, 1, 2, AT + timedelta(seconds=9))


def test_it_flags_a_session_once_when_its_agent_serves_several_requesters(acme: str) -> None:
    session, other = open_session(acme), open_session(acme)
    for seconds in (0, 5):
        at = AT + timedelta(seconds=seconds)
        record(acme, session, EventKind.REQUESTER_IDENTITY_MISMATCH, method="", at=at)
    assert counters(acme, session)[0] == 0
    with in_tenant(acme):
        row, spared = Session.objects.get(pk=UUID(session)), Session.objects.get(pk=UUID(other))
    assert (row.flags, row.flagged_at) == (["several_requesters"], AT)
    assert (spared.flags, spared.flagged_at) == ([], None)


def test_it_counts_nothing_twice(acme: str) -> None:
    session = open_session(acme)
    record(acme, session, policy_result="allow")
    assert counters(acme, session) == counters(acme, session)
    record(acme, session, policy_result="allow", at=AT - timedelta(hours=1))
    assert counters(acme, session) == (2, 0, 0, AT)


def test_it_passes_over_what_is_no_session(acme: str, globex: str) -> None:
    session, neighbour = open_session(acme), open_session(globex)
    for other in ("", "not-a-uuid", neighbour):
        record(acme, other, policy_result="deny")
    assert counters(acme, session) == (0, 0, 0, None)
    assert counters(globex, neighbour) == (0, 0, 0, None)


def test_it_runs_as_a_task(acme: str) -> None:
    session = open_session(acme)
    record(acme, session, policy_result="allow")
    assert tasks.count_sessions(acme) > 0
    assert counters(acme, session)[0] == 1
    assert all(getattr(task, "takes_schema", False) for task in (tasks.count_sessions, tasks.tidy))


def test_it_clears_up_what_is_older_than_the_log(acme: str, person: Callable[..., Any]) -> None:
    made = make_agent(acme)
    now = timezone.now()
    user = person(acme, "viewer")
    with in_tenant(acme):
        keep = config_of(acme).audit_retention_days
        for days in (0, 1, keep + 1):
            at = now - timedelta(days=days, hours=1)
            services.issue_token(client_id=made.agent.client_id, client_secret=made.client_secret, now=at)
            for purpose in PersonalAccessToken.Purpose:
                add_access_token(user, name="x", role=Role.VIEWER, ttl=timedelta(minutes=1), purpose=purpose, now=at)
    assert tasks.tidy(acme) == 3
    assert tasks.tidy(acme) == 0
    with in_tenant(acme):
        assert Session.objects.count() == 2
        purposes = sorted(PersonalAccessToken.objects.values_list("purpose", flat=True))
    assert purposes == ["login", "personal", "personal", "personal"]
