"""Every kind of log entry, with its severity and one-line meaning, and the shape of an entry.

A kind whose `changes_rulebook` is true moves the tenant's rulebook version to its own sequence number: whoever
appends it has thereby told every gateway to reload before its next decision.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum
from uuid import UUID

from apps.decision.quick import quick
from apps.decision.types import JSON, Severity


class EventKind(Enum):
    """Name, severity, meaning, and whether the rulebook changes."""

    CALL_DECISION = ("call.decision", Severity.LOW, "A call was judged; written before anything is forwarded")
    CALL_OUTCOME = ("call.outcome", Severity.LOW, "A forwarded call ended; parent_event_id is its decision")
    CALL_REFUSED = ("call.refused", Severity.MEDIUM, "A request was turned away before it could be judged")
    MESSAGE_RECORDED = ("message.recorded", Severity.LOW, "A protocol message that needs no decision passed")
    SESSION_OPENED = ("session.opened", Severity.LOW, "An agent obtained a token and a session began")
    SESSION_REVOKED = ("session.revoked", Severity.MEDIUM, "A session was ended before its time", True)
    TOKEN_REFUSED = ("token.refused", Severity.MEDIUM, "A token request was refused")
    AGENT_REGISTERED = ("agent.registered", Severity.LOW, "An agent was registered", True)
    AGENT_UPDATED = ("agent.updated", Severity.LOW, "An agent's roles, permissions or tier changed", True)
    AGENT_SUSPENDED = ("agent.suspended", Severity.MEDIUM, "An agent was suspended", True)
    AGENT_RESUMED = ("agent.resumed", Severity.MEDIUM, "A suspended agent may act again", True)
    AGENT_REVOKED = ("agent.revoked", Severity.MEDIUM, "An agent was revoked for good", True)
    AGENT_DEPROVISIONED = ("agent.deprovisioned", Severity.MEDIUM, "An agent was removed from service", True)
    AGENT_SECRET_ROTATED = ("agent.secret_rotated", Severity.MEDIUM, "An agent's client secret was replaced")
    ENROLMENT_TOKEN_CREATED = ("enrolment_token.created", Severity.LOW, "A single-use enrolment token was made")
    ENROLMENT_TOKEN_USED = ("enrolment_token.used", Severity.LOW, "An agent enrolled itself with a token", True)
    ENROLMENT_TOKEN_REVOKED = ("enrolment_token.revoked", Severity.LOW, "An enrolment token was withdrawn")
    SIGNING_KEY_ROTATED = ("signing_key.rotated", Severity.MEDIUM, "A new token signing key took over", True)
    ACCESS_TOKEN_CREATED = ("access_token.created", Severity.LOW, "A personal access token was made")
    ACCESS_TOKEN_REVOKED = ("access_token.revoked", Severity.LOW, "A personal access token was withdrawn")
    ADMIN_SIGNED_IN = ("admin.signed_in", Severity.LOW, "A person signed in")
    ADMIN_SIGN_IN_REFUSED = ("admin.sign_in_refused", Severity.MEDIUM, "A person's sign-in was refused")
    ACCOUNT_CREATED = ("account.created", Severity.MEDIUM, "An account for a person was made")
    SERVER_REGISTERED = ("server.registered", Severity.LOW, "An MCP server was registered", True)
    SERVER_UPDATED = ("server.updated", Severity.LOW, "An MCP server's settings changed", True)
    SERVER_REMOVED = ("server.removed", Severity.MEDIUM, "An MCP server was removed", True)
    POLICY_CREATED = ("policy.created", Severity.LOW, "A policy was written", False)
    POLICY_UPDATED = ("policy.updated", Severity.LOW, "A new version of a policy was saved", True)
    POLICY_ACTIVATED = ("policy.activated", Severity.MEDIUM, "A policy version took effect", True)
    POLICY_ARCHIVED = ("policy.archived", Severity.MEDIUM, "A policy was taken out of effect", True)
    DLP_PATTERN_CREATED = ("dlp_pattern.created", Severity.LOW, "A custom DLP pattern was added", True)
    DLP_PATTERN_UPDATED = ("dlp_pattern.updated", Severity.LOW, "A DLP pattern or its action changed", True)
    DLP_PATTERN_REMOVED = ("dlp_pattern.removed", Severity.MEDIUM, "A custom DLP pattern was removed", True)
    TENANT_CONFIGURED = ("tenant.configured", Severity.MEDIUM, "A tenant's limits or modes changed", True)
    POLICY_SHADOWED = ("policy.shadowed", Severity.LOW, "A policy version is evaluated in shadow, unenforced", True)
    POLICY_UNSHADOWED = ("policy.unshadowed", Severity.LOW, "A policy version is no longer evaluated in shadow", True)
    POLICY_CHANGE_SUBMITTED = ("policy_change.submitted", Severity.LOW, "A policy change was put up for approval")
    POLICY_CHANGE_WITHDRAWN = ("policy_change.withdrawn", Severity.LOW, "A policy change was taken back by its author")
    POLICY_CHANGE_APPROVED = ("policy_change.approved", Severity.MEDIUM, "A policy change was approved and took effect")
    POLICY_CHANGE_REJECTED = ("policy_change.rejected", Severity.MEDIUM, "A policy change was rejected")
    BLAST_RADIUS_CONFIGURED = ("blast_radius.configured", Severity.MEDIUM, "The blast radius limits changed", True)
    RATE_LIMIT_CONFIGURED = ("rate_limit.configured", Severity.MEDIUM, "The rate limits changed", True)
    KILL_SWITCH_ENGAGED = ("kill_switch.engaged", Severity.CRITICAL, "All agents were stopped", True)
    KILL_SWITCH_RELEASED = ("kill_switch.released", Severity.HIGH, "Stopped agents may act again", True)
    GLASS_BROKEN = ("kill_switch.glass_broken", Severity.CRITICAL, "A stop was lifted for a limited time", True)
    GLASS_MENDED = ("kill_switch.glass_mended", Severity.HIGH, "A lifted stop holds again", True)
    ESCALATION_OPENED = ("escalation.opened", Severity.MEDIUM, "A call waits for a person's decision")
    ESCALATION_RESOLVED = ("escalation.resolved", Severity.MEDIUM, "A person decided a waiting call")
    ESCALATION_EXPIRED = ("escalation.expired", Severity.MEDIUM, "Nobody decided in time, so the call is denied")
    ESCALATION_CONFIGURED = ("escalation.configured", Severity.MEDIUM, "The escalation settings changed", True)
    EXCEPTION_CREATED = ("exception.created", Severity.MEDIUM, "An agent was given a time-boxed permission", True)
    EXCEPTION_EXTENDED = ("exception.extended", Severity.MEDIUM, "A time-boxed permission was prolonged", True)
    EXCEPTION_REVOKED = ("exception.revoked", Severity.MEDIUM, "A time-boxed permission was withdrawn", True)
    EXCEPTION_ANOMALY = ("exception.anomaly", Severity.HIGH, "One agent was given many exceptions within an hour")
    BASELINE_POISONING_SUSPECTED = (
        "baseline.poisoning_suspected",
        Severity.HIGH,
        "One agent was approved unusually often within a day, which would teach a baseline to trust it",
    )
    BLAST_RADIUS_ESCALATION = ("blast_radius.escalation", Severity.HIGH, "A call reached further than its limits allow")
    REQUESTER_IDENTITY_MISMATCH = (
        "requester.identity_mismatch",
        Severity.HIGH,
        "One agent served several requesters within 15 minutes",
    )
    INBOUND_INJECTION_DETECTED = (
        "inbound.injection_detected",
        Severity.HIGH,
        "Orders stood in what a server sent; it was delivered",
    )
    INBOUND_INJECTION_BLOCKED = (
        "inbound.injection_blocked",
        Severity.CRITICAL,
        "Orders stood in what a server sent; it was withheld or replaced",
    )
    INBOUND_SOURCE_BLOCKED = ("inbound.source_blocked", Severity.HIGH, "Content of a blocked source was replaced")
    INBOUND_SECRETS_DENIED = ("inbound.secrets_denied", Severity.HIGH, "A result was withheld for the secrets in it")
    INBOUND_RESULT_RELEASED = (
        "inbound.result_released",
        Severity.MEDIUM,
        "A withheld result was delivered as a person decided",
    )
    INBOUND_CONFIGURED = ("inbound.configured", Severity.MEDIUM, "The inbound settings changed", True)
    INBOUND_RULE_CREATED = ("inbound_rule.created", Severity.LOW, "A custom inbound rule was added", True)
    INBOUND_RULE_UPDATED = ("inbound_rule.updated", Severity.LOW, "An inbound rule changed", True)
    INBOUND_RULE_REMOVED = ("inbound_rule.removed", Severity.MEDIUM, "A custom inbound rule was removed", True)
    SOURCE_RULE_CREATED = ("source_rule.created", Severity.MEDIUM, "A source rule was added", True)
    SOURCE_RULE_UPDATED = ("source_rule.updated", Severity.MEDIUM, "A source rule changed", True)
    SOURCE_RULE_REMOVED = ("source_rule.removed", Severity.MEDIUM, "A source rule was removed", True)
    PIN_RECORDED = ("pin.recorded", Severity.LOW, "A server's items were seen for the first time and pinned", True)
    PIN_CHANGED = ("pin.changed", Severity.HIGH, "A pinned item changed and is quarantined", True)
    PIN_ACCEPTED = ("pin.accepted", Severity.LOW, "A pinned item changed in a way that changes nothing", True)
    PIN_MISSING = ("pin.missing", Severity.LOW, "A pinned item is no longer listed, or is listed again")
    PIN_APPROVED = ("pin.approved", Severity.MEDIUM, "A person approved what a server lists", True)
    PIN_REJECTED = ("pin.rejected", Severity.MEDIUM, "A person rejected what a server lists", True)
    SERVER_HASH_DRIFT = ("server.hash_drift", Severity.CRITICAL, "What a server lists is not what was pinned")
    SYSTEM_PROMPT_DRIFT = (
        "agent.system_prompt_drift",
        Severity.CRITICAL,
        "An agent runs under another system prompt than it was registered with",
    )
    TOOL_UNLISTED = ("tool.unlisted", Severity.HIGH, "A tool was called that its server does not list")
    DLP_FRAGMENT_REASSEMBLY = (
        "dlp.fragment_reassembly",
        Severity.CRITICAL,
        "A credential was put together from several calls of an agent",
    )
    DLP_CROSS_SESSION_CORRELATION = (
        "dlp.cross_session_correlation",
        Severity.HIGH,
        "One pattern of secrets appeared in several sessions of an agent",
    )
    CANARY_SIGHTED = ("canary.sighted", Severity.CRITICAL, "A planted value was about to leave")
    CANARY_PLANTED = ("canary.planted", Severity.LOW, "A canary token was made", True)
    CANARY_RETIRED = ("canary.retired", Severity.MEDIUM, "A canary token is no longer looked for", True)
    NOTIFICATION_HOOK_CREATED = ("notification_hook.created", Severity.LOW, "A notification hook was added")
    NOTIFICATION_HOOK_UPDATED = ("notification_hook.updated", Severity.LOW, "A notification hook changed")
    NOTIFICATION_HOOK_REMOVED = ("notification_hook.removed", Severity.LOW, "A notification hook was removed")
    CHAIN_VERIFIED = ("chain.verified", Severity.LOW, "The log was verified")
    CHAIN_BREAK_ACKNOWLEDGED = ("chain.break_acknowledged", Severity.HIGH, "A break in the log was acknowledged")
    LOG_EXPORTED = ("log.exported", Severity.LOW, "Entries were exported")
    RETENTION_APPLIED = ("log.retention_applied", Severity.MEDIUM, "Expired partitions were dropped after an anchor")

    def __init__(self, label: str, severity: Severity, meaning: str, changes_rulebook: bool = False) -> None:
        self.label = label
        self.severity = severity
        self.meaning = meaning
        self.changes_rulebook = changes_rulebook


@quick
@dataclass(frozen=True, slots=True)
class Entry:
    """What a writer hands to the log; the log adds sequence number and hashes.

    `at` is timezone-aware UTC. `actor` is who caused it: "agent:<id>", "user:<username>", "token:<name>" or "system".
    `latency_ms` and `behavioral_score` are Decimals, since canonical bytes know no floats.
    """

    id: UUID
    kind: EventKind
    at: datetime
    actor: str
    agent_id: str = ""
    session_id: str = ""
    requester_id: str = ""
    requester_channel: str = ""
    requester_verified: bool = False
    instruction_hash: str = ""
    action: str = ""
    target: str = ""
    tool_name: str = ""
    mcp_server: str = ""
    method: str = ""
    policy_result: str = ""
    policy_id: str = ""
    policy_reason: str = ""
    stage: str = ""
    rulebook_version: int = 0
    behavioral_score: Decimal | None = None
    dlp_findings: tuple[JSON, ...] = ()
    dlp_action: str = ""
    input_hash: str = ""
    response_code: int | None = None
    latency_ms: Decimal | None = None
    error: str = ""
    workflow_session_id: str = ""
    causal_depth: int = 0
    parent_event_id: UUID | None = None
    delegation_chain: tuple[str, ...] = ()
    payload: JSON = None  # what the tenant's payload mode keeps of the arguments
    extra: dict[str, JSON] = field(default_factory=dict)
