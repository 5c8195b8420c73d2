"""Appending in the caller's transaction: linked, ordered, all or nothing, invisible to the neighbour."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from apps.audit import services, verification
from apps.audit.models import AuditEntry
from apps.audit.tests.builders import make_entry
from apps.decision.chain import GENESIS
from apps.decision.errors import Unavailable
from apps.decision.events import EventKind
from apps.tenants.context import in_operator, in_tenant, tenant_key
from apps.tenants.redis import redis_client


def test_it_links_each_entry_to_the_one_before(acme: str) -> None:
    with in_tenant(acme):
        before = services.head(acme)
        first = services.append(make_entry())
        second = services.record(EventKind.AGENT_SUSPENDED, actor="user:ann", agent_id="a1")
        rows = list(AuditEntry.objects.filter(seq__gt=before.seq).order_by("seq"))
        assert [row.seq for row in rows] == [before.seq + 1, before.seq + 2] == [first.seq, second.seq]
        assert rows[0].previous_hash == before.event_hash
        assert rows[1].previous_hash == rows[0].event_hash == first.event_hash
        assert services.head(acme).event_hash == second.event_hash == rows[1].event_hash
        assert rows[1].kind == "agent.suspended"
        assert rows[1].tenant == acme


def test_it_begins_with_sixty_four_zeros(fresh_tenant: Callable[[], str]) -> None:
    schema = fresh_tenant()
    with in_tenant(schema):
        assert services.head(schema).event_hash == GENESIS
        services.append(make_entry())
        assert AuditEntry.objects.get(seq=1).previous_hash == GENESIS


def test_it_forgets_an_entry_whose_transaction_fails(acme: str) -> None:
    with in_tenant(acme):
        before = services.head(acme)
        with pytest.raises(RuntimeError), transaction.atomic():
            services.append(make_entry())
            raise RuntimeError
        assert services.head(acme) == before
        assert services.append(make_entry()).seq == before.seq + 1


def test_it_keeps_what_it_was_given(acme: str) -> None:
    entry = make_entry(
        latency_ms=Decimal("12.500"), dlp_findings=({"pattern": "x", "n": 1},), delegation_chain=("a", "b"),
        extra={"text": "tab\t\"quoted\" \\N \\. \r\n é"}, payload={"ratio": 0.5}, target="\\N", error="a\0b",
        response_code=-32000, parent_event_id=make_entry().id, requester_verified=True,
    )  # fmt: skip
    with in_tenant(acme):
        position = services.append(entry)
        row = AuditEntry.objects.get(seq=position.seq)
        assert (row.latency_ms, row.target, row.error) == (Decimal("12.5"), "\\N", "a\u2400b")
        assert row.dlp_findings == [{"pattern": "x", "n": 1}]
        assert row.extra == entry.extra
        assert row.delegation_chain == ["a", "b"]
        assert row.payload == '{"ratio":0.5}'
        assert verification.walk(from_seq=position.seq).count == 0


def test_it_never_lets_its_own_time_go_back(acme: str) -> None:
    with in_tenant(acme):
        services.append(make_entry())
        services.append(make_entry(at=datetime.now(UTC) - timedelta(days=400)))
        last, before = AuditEntry.objects.order_by("-seq")[:2]
        assert last.timestamp < before.timestamp
        assert last.recorded_at >= before.recorded_at


def test_it_moves_the_rulebook_version_only_for_kinds_that_change_rules(acme: str) -> None:
    with in_tenant(acme):
        changed = services.record(EventKind.AGENT_REVOKED, actor="user:ann")
        services.record(EventKind.ADMIN_SIGNED_IN, actor="user:ann")
        assert services.head(acme).rulebook_version == changed.seq


def test_it_tells_redis_after_the_commit(fresh_tenant: Callable[[], str]) -> None:
    schema = fresh_tenant()
    client, key = redis_client(), tenant_key(schema, "rulebook_version")
    with in_tenant(schema):
        with transaction.atomic():
            changed = services.record(EventKind.AGENT_REVOKED, actor="user:ann")
            assert client.get(key) is None
        assert client.get(key) == str(changed.seq).encode()
        services.announce(schema, 0, changes_rulebook=True)
        assert client.get(key) == str(changed.seq).encode()
        client.delete(key)
        services.announce_rulebook(schema)
        assert client.get(key) == str(changed.seq).encode()


def test_it_shows_the_neighbour_nothing(acme: str, globex: str) -> None:
    with in_tenant(acme):
        services.append(make_entry())
    with in_tenant(globex):
        assert not AuditEntry.objects.filter(tenant=acme).exists()


def test_it_refuses_to_write_outside_a_tenant(acme: str) -> None:
    with in_operator(), pytest.raises(Unavailable):
        services.append(make_entry())
