"""What a tenant's decisions depend on, and what is known about one call: limits, what people decided, rulebook, facts.

Frozen and slotted like everything that crosses rooms; see `types.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from apps.decision.quick import quick
from apps.decision.types import (
    JSON,
    Agent,
    AsyncAuthorizer,
    Authorizer,
    Caller,
    InboundScreen,
    PayloadMode,
    Pieces,
    Pin,
    Reassembly,
    Requester,
    Scanner,
    Server,
    SourceRule,
)


@dataclass(frozen=True, slots=True)
class BlastRadius:
    """The limits on what one call may reach. `config_paths` are directories; `protected_names` match file names."""

    min_delete_depth: int = 3
    email_recipient_limit: int = 10
    bulk_action_threshold: int = 50
    config_paths: tuple[str, ...] = ("/etc", "/root", "~/.ssh", "~/.aws", "~/.config")
    protected_names: tuple[str, ...] = ("MEMORY", "SOUL", "IDENTITY", ".env")


@dataclass(frozen=True, slots=True)
class RateLimit:
    """How often one agent may call: `per_minute` in the long run, `burst` at once; both times the tier's factor."""

    per_minute: int = 60
    burst: int = 100
    concurrent: int = 32
    factors: Mapping[str, float] = field(
        default_factory=lambda: MappingProxyType({"low": 1.0, "medium": 0.75, "high": 0.5, "critical": 0.25})
    )


@dataclass(frozen=True, slots=True)
class ExceptionGrant:
    """A time-boxed permission that a person gave. `tool` and `resource` are globs; "" as `server` is every server."""

    id: str
    agent_id: str
    server: str
    tool: str
    resource: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Lift:
    """Breaking the glass: until then the stop does not hold for this agent; "" is every agent."""

    id: str
    agent_id: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Stop:
    """An engaged kill switch. `scope` is "tenant" or "fleet"."""

    scope: str
    reason: str
    lifts: tuple[Lift, ...] = ()


@dataclass(frozen=True, slots=True)
class Human:
    """What people decided that the rulebook must know."""

    stops: tuple[Stop, ...] = ()
    grants: Mapping[str, tuple[ExceptionGrant, ...]] = field(default_factory=lambda: MappingProxyType({}))  # by agent
    hold_seconds: float = 45.0  # how long a stateful caller waits for a person before it is told to come again


@dataclass(frozen=True, slots=True)
class Rulebook:
    """Everything a tenant's decisions depend on, as of one version. Immutable, shared by all calls of a process.

    `version` is the log sequence number of the last entry that changed a rule (see `EventKind.changes_rulebook`).
    Where `authorize_async` is set it is what async code must await (`pipeline.ask`); `authorize` then blocks.
    """

    schema: str
    version: int
    issuer: str
    audiences: tuple[str, ...]
    keys: Mapping[str, str]  # kid → public key, PEM
    agents: Mapping[str, Agent]
    servers: Mapping[str, Server]
    revoked_sessions: frozenset[str]
    authorize: Authorizer
    scan_dlp: Scanner  # for what agents send
    screen_inbound: InboundScreen  # for what servers send
    payload_mode: PayloadMode
    authorize_async: AsyncAuthorizer | None = None
    fragments: Reassembly | None = None  # None: nothing is put together
    rules: str = ""  # digest of what judges (policies, DLP, blast radius), without who is judged
    human: Human = field(default_factory=Human)
    blast_radius: BlastRadius = field(default_factory=BlastRadius)
    rate_limit: RateLimit = field(default_factory=RateLimit)
    keep_inputs: bool = True  # whether masked inputs of decisions are kept for replay
    source_rules: tuple[SourceRule, ...] = ()  # in the order in which they count
    pins: Mapping[str, Mapping[tuple[str, str], Pin]] = field(
        default_factory=lambda: MappingProxyType({})
    )  # by server, then by kind ("tool", "prompt", "instructions") and name
    review_new: bool = False  # whether a person must approve what a server lists for the first time


@quick
@dataclass(frozen=True, slots=True)
class Facts:
    """All that the judgement of one call may know, gathered once. What is missing was never looked up later."""

    book: Rulebook
    caller: Caller
    server: Server
    requester: Requester
    calls_in_window: int = 0  # of this agent, this one included
    calls_in_session: int = 0
    distinct_requesters: int = 0  # whom this agent served within the last 15 minutes, this one included
    now: datetime | None = None  # timezone-aware
    context: Mapping[str, JSON] = field(default_factory=lambda: MappingProxyType({}))  # what the protocol adds
    earlier: tuple[Pieces, ...] = ()  # what this agent's last calls carried; the oldest first
