"""Group commit: durable when it returns, ordered, safe among processes, and never a success that was not committed."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.audit import services, verification
from apps.audit.appender import Appender, redis_nudge
from apps.audit.models import AuditEntry
from apps.audit.tests.builders import app_dsn, as_owner, check, make_entry
from apps.decision.chain import clean
from apps.decision.errors import BadInput, Unavailable
from apps.decision.events import EventKind
from apps.tenants.context import in_tenant, tenant_key
from apps.tenants.redis import async_redis, redis_client


def kill_the_blocked_writer(schema: str) -> None:
    """Wait until the appender's connection waits for the head, then end it from the server's side."""
    with as_owner(schema) as owner:
        while not owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'behavry log' AND wait_event_type = 'Lock' AND query LIKE %s",
            [f"%{schema}%"],
        ).fetchall():
            pass


def test_it_answers_with_the_place_of_each_entry(log: str) -> None:
    schema = log

    async def main() -> list[services.Position]:
        appender = Appender(app_dsn(), max_batch=10)
        entries = [make_entry(target=str(number)) for number in range(25)]
        positions = await asyncio.gather(*(appender.append(schema, entry) for entry in entries))
        await appender.close()
        return list(positions)

    positions = asyncio.run(main())
    with in_tenant(schema):
        rows = {row.seq: row for row in AuditEntry.objects.all()}
    assert [rows[p.seq].target for p in positions] == [str(number) for number in range(25)]
    assert all(rows[p.seq].event_hash == p.event_hash for p in positions)
    check(schema, 25)


texts = st.text(st.characters(exclude_categories=[]), max_size=12)  # lone surrogates and NUL included


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(texts, texts, texts), min_size=1, max_size=20))
def test_it_stores_any_text_so_that_it_still_verifies(log: str, given_texts: list[tuple[str, str, str]]) -> None:
    entries = [
        make_entry(target=a, error=b, extra={"k": b}, payload=[c], dlp_findings=({"path": a},), delegation_chain=(c,))
        for a, b, c in given_texts
    ]

    async def main() -> list[services.Position]:
        appender = Appender(app_dsn())
        found = await asyncio.gather(*(appender.append(log, entry) for entry in entries))
        await appender.close()
        return list(found)

    positions = asyncio.run(main())
    with in_tenant(log):
        assert verification.walk(from_seq=positions[0].seq).count == 0
        stored = {r.seq: (r.target, r.extra["k"]) for r in AuditEntry.objects.filter(seq__gte=positions[0].seq)}
    for (a, b, _), position in zip(given_texts, positions, strict=True):
        assert stored[position.seq] == (clean(a), clean(b))


def test_it_keeps_tenants_apart(log: str, fresh_tenant: Callable[[], str]) -> None:
    one, two = log, fresh_tenant()

    async def main() -> None:
        appender = Appender(app_dsn())
        await asyncio.gather(*(appender.append(s, make_entry(target=s)) for s in (one, two) for _ in range(5)))
        await appender.close()

    asyncio.run(main())
    for schema, before in ((one, 8), (two, 0)):
        check(schema, 5, before)
        with in_tenant(schema):
            found = AuditEntry.objects.filter(seq__gt=before).values_list("target", "tenant")
            assert set(found) == {(schema, schema)}


def test_it_writes_the_entry_of_a_cancelled_caller_once(log: str) -> None:
    schema = log

    async def main() -> None:
        appender = Appender(app_dsn())
        task = asyncio.create_task(appender.append(schema, make_entry()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await appender.append(schema, make_entry())
        await appender.close()

    asyncio.run(main())
    check(schema, 2)


def test_it_fails_every_waiter_of_a_lost_batch_and_recovers(log: str) -> None:
    schema = log

    async def main() -> None:
        appender = Appender(app_dsn())
        await appender.append(schema, make_entry())
        with as_owner(schema) as owner:
            owner.execute("BEGIN; SELECT * FROM audit_head FOR UPDATE")
            waiting = [asyncio.create_task(appender.append(schema, make_entry())) for _ in range(3)]
            await asyncio.to_thread(kill_the_blocked_writer, schema)
            results = await asyncio.gather(*waiting, return_exceptions=True)
            owner.execute("ROLLBACK")
        assert [type(result) for result in results] == [Unavailable] * 3
        await appender.append(schema, make_entry())
        await appender.close()

    asyncio.run(main())
    check(schema, 2)


def test_it_refuses_when_the_database_is_away(log: str) -> None:
    schema = log

    async def main() -> None:
        appender = Appender("postgresql://nobody@127.0.0.1:1/nowhere")
        with pytest.raises(Unavailable):
            await appender.append(schema, make_entry())
        await appender.close()

    asyncio.run(main())
    check(schema, 0)


def test_it_refuses_more_than_its_queue_holds(log: str) -> None:
    schema = log

    async def main() -> None:
        appender = Appender(app_dsn(), max_queue=3)
        futures = [appender.enqueue(schema, make_entry()) for _ in range(3)]
        with pytest.raises(Unavailable) as caught:
            appender.enqueue(schema, make_entry())
        assert caught.value.retry_after == 1
        await asyncio.gather(*futures)
        await appender.close()
        with pytest.raises(Unavailable):
            appender.enqueue(schema, make_entry())

    asyncio.run(main())
    check(schema, 3)


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


BAD: list[dict[str, Any]] = [
    {"extra": {"f": 0.5}},
    {"extra": {"deep": nested(900)}},
    {"payload": nested(300)},
    {"response_code": 2**63},
    {"latency_ms": Decimal("1E+1000000")},
    {"at": datetime.max.replace(tzinfo=timezone(-timedelta(hours=5)))},
    {"agent_id": None},
]


def test_it_refuses_bad_entries_and_writes_their_neighbours(log: str) -> None:
    schema = log

    async def main() -> list[object]:
        appender = Appender(app_dsn())
        entries = [make_entry(), *(make_entry(**changes) for changes in BAD), make_entry(session_id="é" * 9000)]
        found = await asyncio.gather(*(appender.append(schema, e) for e in entries), return_exceptions=True)
        with pytest.raises(BadInput):
            appender.enqueue('t_x"; DROP', make_entry())
        await appender.close()
        return list(found)

    found = asyncio.run(main())
    assert [type(item) for item in found] == [services.Position, *[BadInput] * len(BAD), services.Position]
    check(schema, 2)


def test_it_writes_what_is_queued_when_it_closes(log: str) -> None:
    schema = log

    async def main() -> None:
        appender = Appender(app_dsn(), max_batch=2)
        futures = [appender.enqueue(schema, make_entry()) for _ in range(9)]
        await appender.close()
        assert all(future.done() for future in futures)

    asyncio.run(main())
    check(schema, 9)


def test_it_tells_redis_where_the_log_and_the_rulebook_are(log: str) -> None:
    schema = log
    with redis_client().pubsub() as pubsub:  # type: ignore[no-untyped-call]  # untyped there
        pubsub.subscribe(tenant_key(schema, "log"))
        pubsub.get_message(timeout=5)

        async def main() -> None:
            client = async_redis()
            appender = Appender(app_dsn(), nudge=redis_nudge(client))
            await appender.append(schema, make_entry())
            await appender.append(schema, make_entry(kind=EventKind.SESSION_REVOKED))
            await appender.close()
            await client.aclose()

        asyncio.run(main())
        last = None
        while (message := pubsub.get_message(timeout=0.5)) is not None:
            last = message["data"]
    assert last == b"10"
    assert redis_client().get(tenant_key(schema, "rulebook_version")) == b"10"
    with in_tenant(schema):
        assert services.head(schema).rulebook_version == 10


def test_it_tells_a_version_once_and_again_after_a_failure(log: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.audit.appender.NUDGE_SECONDS", 0.0)
    told: list[tuple[int, int]] = []

    async def main() -> None:
        calls: asyncio.Queue[tuple[int, int]] = asyncio.Queue()

        async def nudge(schema: str, seq: int, version: int) -> None:
            calls.put_nowait((seq, version))
            if seq == 9:
                raise ConnectionError

        appender = Appender(app_dsn(), nudge=nudge)
        for kind in (EventKind.SESSION_REVOKED, EventKind.CALL_DECISION, EventKind.CALL_DECISION):
            await appender.append(log, make_entry(kind=kind))
            told.append(await calls.get())
        await appender.close()

    asyncio.run(main())
    assert told == [(9, 9), (10, 9), (11, 0)]


def test_it_makes_the_month_when_it_is_not_there(fresh_tenant: Callable[[], str]) -> None:
    schema = fresh_tenant()
    with as_owner(schema) as owner:
        counted = owner.execute("SELECT count(*) FROM pg_inherits WHERE inhparent = 'audit_entry'::regclass").fetchone()
        assert counted == (0,)

    async def main() -> None:
        appender = Appender(app_dsn())
        await appender.append(schema, make_entry())
        await appender.close()

    asyncio.run(main())
    check(schema, 1, before=0)
