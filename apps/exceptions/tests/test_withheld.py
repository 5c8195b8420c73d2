"""Results that wait for a person: sealed, found by the call they belong to, delivered once, gone after that."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from apps.audit.models import AuditEntry
from apps.decision.errors import BadInput, Conflict, TooLarge
from apps.decision.events import EventKind
from apps.exceptions.models import Delivery, Escalation
from apps.exceptions.services import escalations, hooks, resolutions, withheld, withheld_flags
from apps.exceptions.services.resolutions import Source
from apps.exceptions.tests.asking import ONE, TWO, change, entries, hold, make_facts, row_of
from apps.exceptions.tests.withholding import (
    ORDER,
    TEXT,
    bound,
    fetch,
    judged,
    keep,
    kept,
    make_screened,
    make_withheld,
    result_of,
    say,
    stands,
)
from apps.policies.models import SourceRule
from apps.policies.services import source_rules
from apps.tenants.context import in_tenant
from apps.tenants.redis import redis_client

PAST = timedelta(seconds=-1)


def test_it_opens_an_escalation_that_says_what_was_found_and_where_from(acme: str) -> None:
    asked = make_withheld(acme, tier="high")
    with in_tenant(acme):
        held = withheld.hold_result(asked)
    row = row_of(acme, held)
    assert (held.status, held.subject, row.subject, row.event_id) == ("pending", "inbound", "inbound", asked.entry.id)
    assert (row.policy_id, row.risk_tier, row.seconds_left(timezone.now())) == (
        "inbound.imperative_command",
        "high",
        1799,
    )
    assert row.findings[0] | {"path": "", "excerpt": ""} == {
        "class": "imperative_command",
        "rule": "ignore_previous",
        "severity": "critical",
        "path": "",
        "start": 19,
        "end": 19 + len(ORDER),
        "excerpt": "",
        "via": "",
        "words": [],
        "quoted": False,
    }
    assert row.inbound["domains"] == ["minutes.example", "?"]
    (opened,) = entries(acme, EventKind.ESCALATION_OPENED)
    assert (opened.parent_event_id, opened.extra["policies"]) == (asked.entry.id, ["inbound.imperative_command"])


def test_it_keeps_nothing_readable_and_tells_hooks_nothing_of_the_content(acme: str) -> None:
    with in_tenant(acme):
        hooks.create_hook(name="pager", url="https://hooks.example.com/x", actor="system")
    held = keep(acme)
    (row,) = kept(acme)
    for sealed in (row.original, row.sanitised, row.shown):
        assert sealed is not None
        assert b"Minutes" not in bytes(sealed)
        assert b"Ignore" not in bytes(sealed)
    told = row_of(acme, held)
    assert "Minutes" not in repr([told.findings, told.inbound, told.arguments, told.reason, told.verdicts])
    with in_tenant(acme):
        (message,) = Delivery.objects.filter(kind="escalation.opened")
        logged = repr(list(AuditEntry.objects.values()))
    assert (message.body["subject"], message.body["escalation"]) == ("inbound", held.id)
    assert "Minutes" not in repr(message.body) + logged


@pytest.mark.parametrize(
    ("resolution", "delivered"),
    [("allow_sanitized", result_of(TEXT.replace(ORDER, "[removed]"))), ("allow_original", result_of())],
)
def test_it_delivers_what_a_person_let_go_once_and_forgets_it(acme: str, resolution: str, delivered: Any) -> None:
    held = keep(acme)
    say(acme, held, resolution)
    assert fetch(acme, held) == delivered
    assert kept(acme) == []
    row = row_of(acme, held)
    assert (row.status, row.used_at is not None) == ("used", True)
    allowed, released = entries(acme, EventKind.CALL_DECISION, EventKind.INBOUND_RESULT_RELEASED)
    assert (released.parent_event_id, row.used_event_id) == (allowed.id, allowed.id)
    assert (released.extra["escalation"], released.extra["resolution"]) == (held.id, resolution)
    assert allowed.extra["escalation"] == held.id
    with pytest.raises(Conflict) as again:
        fetch(acme, held)
    assert again.value.code == "result_not_released"
    assert stands(acme) is None


@pytest.mark.parametrize("resolution", ["block", "", "overdue", "stop"])
def test_it_delivers_nothing_else_and_forgets_that_too(acme: str, resolution: str) -> None:
    held = keep(acme)
    if resolution == "block":
        say(acme, held, resolution)
    elif resolution == "stop":
        with in_tenant(acme):
            escalations.deny_pending(actor="user:root", reason="breach")
    elif resolution == "overdue":
        change(acme, held, expires_at=timezone.now() + PAST)
        with in_tenant(acme):
            assert resolutions.expire_overdue() == 1
    with pytest.raises(Conflict):
        fetch(acme, held)
    assert len(kept(acme)) == (0 if resolution else 1)


def test_it_takes_back_what_was_released_when_everything_stops(acme: str) -> None:
    held = keep(acme)
    say(acme, held, "allow_original")
    with in_tenant(acme):
        escalations.deny_pending(actor="user:root", reason="breach")
    assert (row_of(acme, held).status, kept(acme)) == ("expired", [])


def test_it_lets_a_blocked_call_not_be_carried_out_again_before_its_time_even_after_a_stop(acme: str) -> None:
    held = keep(acme)
    with in_tenant(acme):
        escalations.deny_pending(actor="user:root", reason="breach")
    found = stands(acme)
    assert found is not None
    assert (found.id, found.status, found.note) == (held.id, "denied", "breach")
    change(acme, held, expires_at=timezone.now() + PAST)
    assert stands(acme) is None
    assert stands(acme, known=held.id) is not None  # who waited for it is told so


def test_it_lets_what_was_released_and_not_fetched_lapse(acme: str) -> None:
    held = keep(acme)
    say(acme, held, "allow_sanitized")
    change(acme, held, usable_until=timezone.now() + PAST)
    with pytest.raises(Conflict):
        fetch(acme, held)
    with in_tenant(acme):
        assert resolutions.expire_overdue() == 1
    assert kept(acme) == []


def test_it_finds_a_result_by_the_call_whatever_the_session_and_the_rules(acme: str, globex: str) -> None:
    held = keep(acme)
    assert (stands(acme) or held).id == held.id
    assert stands(acme, rules="f" * 64) is not None
    facts = make_facts(acme)
    other_requester = bound(make_facts(acme, requester=facts.requester.__class__("eve@example.com", "chat")))
    with in_tenant(acme):
        assert withheld.standing(other_requester) is None
    assert stands(acme, tool="write_file") is None
    assert stands(acme, agent=TWO) is None
    assert stands(globex) is None
    with in_tenant(globex):
        assert withheld.standing(bound(facts), held.id) is None


def test_it_gives_each_call_that_was_carried_out_its_own(acme: str) -> None:
    first, second = keep(acme), keep(acme)
    assert first.id != second.id
    say(acme, second, "allow_sanitized")
    found = stands(acme)
    assert found is not None
    assert (found.id, found.status) == (second.id, "approved")
    fetch(acme, second)
    found = stands(acme)
    assert found is not None
    assert (found.id, found.status) == (first.id, "pending")


def test_it_delivers_to_no_other_call_agent_or_tenant(acme: str, globex: str) -> None:
    held = keep(acme)
    say(acme, held, "allow_original")
    for schema, tool, agent in ((acme, "write_file", ONE), (acme, "read_file", TWO), (globex, "read_file", ONE)):
        with pytest.raises(Conflict):
            fetch(schema, held, tool, agent=agent)
    assert len(kept(acme)) == 1


def test_an_approval_of_a_call_and_a_released_result_are_not_mistaken_for_each_other(acme: str) -> None:
    call, result = hold(acme), keep(acme)
    say(acme, call, "approve")
    say(acme, result, "allow_original")
    facts = make_facts(acme)
    with in_tenant(acme):
        with pytest.raises(Conflict):
            withheld.release(call.id, row_of(acme, call).binding, judged(acme, facts))
        with pytest.raises(Conflict):
            escalations.use(result.id, bound(facts, "delete_file"), judged(acme, facts))


def test_it_asks_nobody_where_too_many_wait(acme: str) -> None:
    row = row_of(acme, keep(acme))
    with in_tenant(acme):
        fields = [field.attname for field in Escalation._meta.concrete_fields if not field.primary_key]
        alike = {name: getattr(row, name) for name in fields}
        Escalation.objects.bulk_create([Escalation(**alike) for _ in range(escalations.MAX_PENDING - 1)])
    refused = keep(acme)
    assert (refused.id, refused.status, refused.policy_id) == ("", "denied", "approval.too_many")
    assert len(kept(acme)) == 1
    assert keep(acme, agent=TWO).status == "pending"


def test_it_keeps_only_the_sanitised_version_of_a_large_result(acme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(withheld, "MAX_ORIGINAL", 100)
    held = keep(acme)
    assert row_of(acme, held).inbound["original_kept"] is False
    with pytest.raises(BadInput) as refused:
        say(acme, held, "allow_original")
    assert "too large" in refused.value.fields["resolution"]
    say(acme, held, "allow_sanitized")
    assert ORDER not in repr(fetch(acme, held))
    monkeypatch.setattr(withheld, "MAX_SANITISED", 100)
    with pytest.raises(TooLarge):
        keep(acme)


def test_it_wants_a_reason_for_the_original_whatever_the_tier(acme: str) -> None:
    held = keep(acme, tier="low")
    with pytest.raises(BadInput) as refused:
        say(acme, held, "allow_original", note=" ")
    assert "note" in refused.value.fields
    assert say(acme, held, "allow_sanitized", note="").status == "approved"


@pytest.mark.parametrize(
    ("resolution", "source"),
    [
        ("block_source", None),
        ("block_source", Source("domain", "elsewhere.example")),
        ("block_source", Source("domain", "?")),
        ("block_source", Source("server", "another")),
        ("block", Source("server", "files")),
    ],
)
def test_it_blocks_only_a_source_that_the_result_is_from(acme: str, resolution: str, source: Source | None) -> None:
    held = keep(acme)
    with pytest.raises(BadInput) as refused:
        say(acme, held, resolution, source=source)
    assert "source" in refused.value.fields
    assert (row_of(acme, held).status, len(kept(acme))) == ("pending", 1)


@pytest.mark.parametrize("source", [Source("domain", "minutes.example"), Source("server", "files")])
def test_it_blocks_the_source_in_the_same_breath(acme: str, source: Source) -> None:
    held, twice = keep(acme), keep(acme)
    row = say(acme, held, "block_source", note="it gives orders", source=source)
    with in_tenant(acme):
        (rule,) = SourceRule.objects.all()
    assert (rule.kind, rule.pattern, rule.tier, rule.enabled) == (source.kind, source.pattern, "block", True)
    assert (held.id in rule.note, "it gives orders" in rule.note, rule.created_by) == (True, True, "user:ada")
    assert (row.status, row.resolution, len(kept(acme))) == ("denied", "block_source", 1)
    (said,) = entries(acme, EventKind.ESCALATION_RESOLVED)
    assert said.extra["source"] == {"kind": source.kind, "pattern": source.pattern}
    assert say(acme, twice, "block_source", source=source).status == "denied"  # it is blocked already


@pytest.mark.parametrize(
    ("asked", "made"),
    [
        ("collector.evil.example", "collector.evil.example"),
        ("*.collector.evil.example", "*.collector.evil.example"),
        ("evil.example", "*.evil.example"),  # a rule for the name alone would not hold for the host
        ("*.evil.example", "*.evil.example"),
        ("EVIL.example", "*.evil.example"),
    ],
)
def test_it_blocks_a_domain_that_covers_a_host_of_the_result(acme: str, asked: str, made: str) -> None:
    held = keep(acme, screened=make_screened(domains=("collector.evil.example",)))
    say(acme, held, "block_source", source=Source("domain", asked))
    with in_tenant(acme):
        assert SourceRule.objects.get().pattern == made
        assert source_rules.in_effect().of_domain("collector.evil.example") is not None
    (said,) = entries(acme, EventKind.ESCALATION_RESOLVED)
    assert said.extra["source"] == {"kind": "domain", "pattern": made}


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ("other.evil.example", "covers one"),
        ("vil.example", "covers one"),
        ("*.example", "too much"),
        ("example", "too much"),
        ("*.co.uk", "public suffix"),
        ("co.uk", "public suffix"),
        ("https://evil.example/", "no scheme"),
    ],
)
def test_it_blocks_no_domain_that_covers_none_or_everybody(acme: str, asked: str, why: str) -> None:
    held = keep(acme, screened=make_screened(domains=("collector.evil.example", "shop.co.uk", "192.0.2.7")))
    with pytest.raises(BadInput) as refused:
        say(acme, held, "block_source", source=Source("domain", asked))
    assert why in " ".join(refused.value.fields.values())
    assert (row_of(acme, held).status, len(kept(acme))) == ("pending", 1)


def test_it_settles_nothing_where_the_source_cannot_be_blocked(acme: str) -> None:
    held = keep(acme, screened=make_screened(domains=("github.io",)))
    with pytest.raises(BadInput):
        say(acme, held, "block_source", source=Source("domain", "github.io"))
    assert (row_of(acme, held).status, len(kept(acme))) == ("pending", 1)
    assert not entries(acme, EventKind.ESCALATION_RESOLVED)


def test_it_tells_gateways_of_an_agents_results_as_long_as_one_stands(fresh_tenant: Any) -> None:
    schema = fresh_tenant()
    held = keep(schema)
    agent = row_of(schema, held).agent_id
    key = withheld_flags.flag_key(schema, agent)
    assert 86_390 < redis_client().ttl(key) <= 86_401
    redis_client().delete(key)
    with in_tenant(schema):
        assert withheld_flags.flag_all() == 1
    assert 86_390 < redis_client().ttl(key) <= 86_401
    change(schema, held, expires_at=timezone.now() + timedelta(seconds=60))
    redis_client().delete(key)
    say(schema, held, "allow_sanitized")
    assert 3_590 < redis_client().ttl(key) <= 3_601
    with in_tenant(schema):
        assert withheld_flags.unflag(agent) is False
    fetch(schema, held)
    with in_tenant(schema):
        assert withheld_flags.flag_all() == 0
        assert withheld_flags.unflag(agent) is True
    assert redis_client().exists(key) == 0


def test_it_shows_nothing_once_it_is_gone(acme: str) -> None:
    held = keep(acme)
    with in_tenant(acme):
        row = Escalation.objects.get(pk=UUID(held.id))
        told = withheld.shown_of(row)
        assert told is not None
        assert told["passages"][0]["sanitised"] == TEXT.replace(ORDER, "[removed]")
        assert ["injection", "imperative_command", ORDER] in told["passages"][0]["original"]
    say(acme, held, "block")
    with in_tenant(acme):
        assert withheld.shown_of(row) is None


def test_it_screens_with_what_it_was_given(acme: str) -> None:
    held = keep(acme, screened=make_screened(value=result_of(TEXT + " extra")))
    say(acme, held, "allow_original")
    assert fetch(acme, held) == result_of(TEXT + " extra")
