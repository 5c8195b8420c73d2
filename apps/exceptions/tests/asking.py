"""Makes calls that wait for a person, as the gateway would: judged, masked, and held in a tenant."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from apps.audit import services as audit
from apps.audit.ids import new_id
from apps.audit.models import AuditEntry
from apps.decision.approvals import binding
from apps.decision.events import Entry, EventKind
from apps.decision.facts import Facts, Rulebook
from apps.decision.types import (
    Action,
    Agent,
    Call,
    Caller,
    Decision,
    Effect,
    PayloadMode,
    Requester,
    Ruling,
    Screened,
    Server,
    Verdict,
)
from apps.exceptions.models import Escalation
from apps.exceptions.services import escalations
from apps.exceptions.services.escalations import Asked, Held
from apps.tenants.context import in_tenant

ONE, TWO = (f"00000000-0000-7000-8000-00000000000{number}" for number in (1, 2))  # agents
RULES = sha256(b"these rules").hexdigest()
SERVER = Server("files", "filesystem", "http", True, url="http://127.0.0.1:9/mcp")


def make_facts(schema: str, *, tier: str = "low", agent: str = ONE, rules: str = RULES, **changes: Any) -> Facts:
    """Under the rules of the tenant's log as of now."""
    with in_tenant(schema):
        version = audit.head(schema).rulebook_version
    known = Agent(agent, f"agent {agent[-1]}", "active", (), ("filesystem:*",), tier)
    book = Rulebook(
        schema=schema,
        version=version,
        issuer="",
        audiences=(),
        keys={},
        agents={agent: known},
        servers={SERVER.name: SERVER},
        revoked_sessions=frozenset(),
        authorize=lambda document: Ruling(Effect.ESCALATE, "", ""),
        scan_dlp=lambda value: (),
        screen_inbound=lambda value, *_: Screened(value),
        payload_mode=PayloadMode.METADATA_ONLY,
        rules=rules,
    )
    facts = Facts(book, Caller(known, "s-1"), SERVER, Requester("mira@example.com", "chat"))
    return replace(facts, **changes)


def make_call(**changes: Any) -> Call:
    arguments = changes.pop("arguments", {"path": "/srv/reports/q3.txt"})
    call = Call(
        server="files",
        method="tools/call",
        tool="delete_file",
        action=Action.DELETE,
        resource="/srv/reports/q3.txt",
        resource_kind="filesystem",
        resource_count=1,
        arguments=arguments,
        input_hash=sha256(repr(arguments).encode()).hexdigest(),
    )
    return replace(call, **changes)


def make_asked(
    schema: str, call: Call | None = None, *, policies: Sequence[str] = ("delete.ask",), **who: Any
) -> Asked:
    call, facts = call or make_call(), make_facts(schema, **who)
    verdicts = tuple(Verdict(Effect.ESCALATE, f"{one} wants a person", one) for one in policies)
    decision = Decision(Effect.ESCALATE, "Deleting wants a person", policies[0], "policy", verdicts=verdicts)
    return Asked(binding(call, facts, "d1"), call, facts, decision, call.arguments, "d1")


def decision_of(asked: Asked, effect: Effect = Effect.ESCALATE) -> Entry:
    """The log entry that the gateway makes of it."""
    call, facts = asked.call, asked.facts
    return Entry(
        id=new_id(),
        kind=EventKind.CALL_DECISION,
        at=datetime.now(UTC),
        actor=f"agent:{facts.caller.agent.id}",
        agent_id=facts.caller.agent.id,
        session_id=facts.caller.session_id,
        tool_name=call.tool,
        mcp_server=call.server,
        method=call.method,
        policy_result=effect.value,
        policy_id=asked.decision.policy,
        rulebook_version=facts.book.version,
        input_hash=call.input_hash,
    )


def hold(schema: str, asked: Asked | None = None, **who: Any) -> Held:
    asked = asked or make_asked(schema, **who)
    with in_tenant(schema):
        return escalations.hold(asked, decision_of(asked))


def use(schema: str, held: Held, asked: Asked | None = None, document: bytes | None = None) -> Entry:
    """Judge again, and spend the approval; returns the decision that allows the call."""
    asked = asked or make_asked(schema)
    entry = decision_of(asked, Effect.ALLOW)
    with in_tenant(schema):
        escalations.use(held.id, asked.binding, entry, document)
    return entry


def row_of(schema: str, held: Held) -> Escalation:
    with in_tenant(schema):
        return Escalation.objects.get(pk=held.id)


def change(schema: str, held: Held, **fields: Any) -> None:
    """What time would do."""
    with in_tenant(schema):
        Escalation.objects.filter(pk=held.id).update(**fields)


def entries(schema: str, *kinds: EventKind) -> list[AuditEntry]:
    with in_tenant(schema):
        return list(AuditEntry.objects.filter(kind__in=[kind.label for kind in kinds]).order_by("seq"))


def entry(schema: str, event_id: UUID) -> AuditEntry:
    with in_tenant(schema):
        return AuditEntry.objects.get(id=event_id)
