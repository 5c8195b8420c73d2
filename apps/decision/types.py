"""The words that cross rooms: what is asked, what is known, what is found, what is decided.

Everything here is frozen and slotted, so that a rulebook or a decision can be shared by many calls at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeAlias

from apps.decision.quick import quick

# A parsed JSON value. `Any`, because a recursive alias makes every reader cast and checks nothing more.
JSON: TypeAlias = Any


class Effect(StrEnum):
    ALLOW = "allow"
    DENY = "deny"
    ESCALATE = "escalate"


class Severity(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class DlpAction(StrEnum):
    """What a hit of a pattern does to the call, weakest first."""

    ALLOW = "allow"
    LOG = "log"
    REDACT = "redact"
    DENY = "deny"


class InboundAction(StrEnum):
    """What becomes of what a server sent, weakest first. Withheld: it waits for a person, or is replaced."""

    ALLOW = "allow"
    FLAG = "flag"
    WITHHOLD = "withhold"


class Tier(StrEnum):
    """How far a source is trusted: its content is not scanned, its findings weigh one step more, or it is replaced."""

    TRUSTED = "trusted"
    UNTRUSTED = "untrusted"
    BLOCK = "block"


class PinStatus(StrEnum):
    """Whether what a server lists may be used: `quarantined` waits for a person, `rejected` had its answer."""

    APPROVED = "approved"
    QUARANTINED = "quarantined"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Piece:
    """A short text of a call that may be a part of a secret, and what it looks like (`pieces.py`)."""

    name: str  # of the field it stands in, without what numbers it
    text: str = field(repr=False)
    tight: str = field(repr=False)  # without labels, wrappers and white space
    spaced: str = field(repr=False)
    letters: str = field(repr=False)  # letters and digits alone, in lower case
    odd: bool  # looks like nothing that is written or counted
    prose: bool  # a sentence, which is no piece though one may begin at its end
    starts: tuple[tuple[str, int], ...] = ()  # patterns whose secrets may begin here, and where


Pieces: TypeAlias = tuple[Piece, ...]


class Action(StrEnum):
    """The verb of a call, as permissions name it (`resource:verb`)."""

    READ = "read"
    WRITE = "write"
    DELETE = "delete"
    EXECUTE = "execute"
    SEND = "send"
    INITIALIZE = "initialize"


class PayloadMode(StrEnum):
    """How much of a call's arguments the log keeps."""

    METADATA_ONLY = "metadata_only"
    REDACTED = "redacted"
    FULL = "full"
    ENCRYPTED = "encrypted"


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent as the rulebook knows it. `status` is active, suspended, revoked or deprovisioned."""

    id: str
    name: str
    status: str
    roles: tuple[str, ...]
    permissions: tuple[str, ...]  # "resource:verb", either side may be "*"
    risk_tier: str  # low, medium, high, critical
    system_prompt_hash: str = ""  # SHA-256 hex of the prompt it was registered with; "" is not compared


@dataclass(frozen=True, slots=True)
class Server:
    """An MCP server as the rulebook knows it.

    `kind` names the pack of rules and argument names that apply (filesystem, github, database, slack, web, generic);
    it is also the resource of `resource:verb`. `environment` and `headers` are decrypted: never log this object.
    """

    name: str
    kind: str
    transport: str  # "http" | "stdio"
    enabled: bool
    url: str = ""
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    tool_actions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the agent of a verified token and the session (`jti`) it belongs to."""

    agent: Agent
    session_id: str


@dataclass(frozen=True, slots=True)
class Requester:
    """For whom the agent says it acts. Unverified unless a delegation proves it."""

    id: str = ""
    channel: str = ""
    verified: bool = False


@quick
@dataclass(frozen=True, slots=True)
class Reach:
    """How far a call's arguments reach, read structurally and once (`reach.py`). All text is in lower case."""

    paths: tuple[str, ...] = ()  # every path named, in one spelling: decoded, "/" between parts, "." and ".." resolved
    names: tuple[str, ...] = ()  # the last part of each path and of each URI, with and without its extensions
    recipients: int = 0
    items: int = 1  # how many things the call acts on, nested batches multiplied out
    deletes: tuple[str, ...] = ()  # paths that the arguments themselves say are deleted, whatever the tool is called
    unread: bool = False  # there was more, or it lay deeper, than anybody reads: what is above is a part of it


NO_REACH: Final = Reach()


@quick
@dataclass(frozen=True, slots=True)
class Call:
    """One governed JSON-RPC message, already parsed. Decisions read this and never the HTTP headers."""

    server: str
    method: str  # "tools/call", "resources/read", …
    tool: str  # tool, prompt or resource name; "" where the method has none
    action: Action
    resource: str  # what it touches: a path, URL, table, channel…; "" when unknown
    resource_kind: str  # the server's kind, the left side of `resource:verb`
    resource_count: int
    arguments: JSON
    input_hash: str  # SHA-256 hex over the canonical arguments
    reach: "Reach" = field(default_factory=lambda: NO_REACH)
    instruction_hash: str = ""  # SHA-256 hex over server, method, tool and input_hash: the same order, whoever gives it
    pieces: Pieces = ()  # what of it may be a part of a credential


@dataclass(frozen=True, slots=True)
class Finding:
    """What a scanner saw. Holds a masked excerpt; the secret itself is nowhere in it."""

    scanner: str  # "dlp" | "injection"
    rule: str
    severity: Severity
    action: DlpAction
    path: str  # JSON path from the scanned root, e.g. $.arguments.items[2].body; "$" for plain text
    excerpt: str
    in_key: bool = False
    start: int = 0  # code point offsets within the string at `path`
    end: int = 0


@dataclass(frozen=True, slots=True)
class InboundFinding:
    """An instruction that stands where data should be. `excerpt` is short and holds no secret."""

    kind: str  # one of the seven classes of injection
    rule: str
    severity: Severity
    path: str  # JSON path from the scanned root
    start: int  # code point offsets within the string at `path`, as it came
    end: int
    excerpt: str = ""
    via: str = ""  # the disguise it was found under
    words: tuple[str, ...] = ()  # what weighed most, for a finding of the statistical scorer
    quoted: bool = False  # the text talks about it; severity was lowered for that


@dataclass(frozen=True, slots=True)
class SourceRule:
    """How far a source is trusted. `kind` is "domain" or "server"; the lowest priority that matches counts."""

    id: str
    kind: str
    pattern: str
    tier: Tier
    priority: int = 100


@quick
@dataclass(frozen=True, slots=True)
class Screened:
    """What one thing that a server sent came to.

    `value` may be passed on where `action` is not WITHHOLD: without the secrets that are to be redacted, and the very
    object that came in when nothing was. Where it is, `sanitised` is the same value without what was found.
    """

    value: JSON
    action: InboundAction = InboundAction.ALLOW
    severity: Severity | None = None
    score: float = 0.0
    findings: tuple[InboundFinding, ...] = ()
    secrets: tuple[Finding, ...] = ()
    secrets_action: DlpAction = DlpAction.ALLOW  # DENY: nothing of it may be passed on, for its secrets
    sanitised: JSON = None
    tier: Tier | None = None  # None: no source rule speaks of it
    source_rule: str = ""  # the id of the one that does
    domains: tuple[str, ...] = ()  # that the value itself names, where source rules are asked


class InboundScreen(Protocol):
    """Judges what a server sent. Pure; raises nothing; what cannot be looked at in full is withheld.

    `salt` makes the placeholders of redacted secrets the same within a session and nowhere else. `before` is what the
    agent has read on this stream already: what begins there and ends in `value` is found. `fetched` are the hosts of
    the address that was asked for, where one was (`inbound.addresses.fetched_of`).
    """

    def __call__(
        self, value: JSON, server: str, salt: bytes, before: str = "", fetched: tuple[str, ...] = ()
    ) -> Screened: ...


@dataclass(frozen=True, slots=True)
class Completed:
    """A credential that the present call makes whole: its pattern, and how large the window was it was found in."""

    pattern: str
    calls: int
    characters: int


class Reassembly(Protocol):
    """Puts together what an agent sends in pieces. Pure; raises nothing."""

    def begun(self, value: JSON) -> bool: ...

    def pieces(self, value: JSON) -> Pieces: ...

    def opens(self, pieces: Pieces) -> bool: ...

    def completed(self, earlier: Sequence[Pieces], present: Pieces) -> tuple[Completed, ...]: ...


@dataclass(frozen=True, slots=True)
class Pin:
    """What a person, or the first sight of it, made of something a server lists.

    `digest` is of what is approved, "" where nothing of it ever was; `candidate` of what the server said last, once it
    said something else: where it went back to what was approved, they are the same, and a person has not said so yet.
    """

    digest: str
    status: PinStatus
    candidate: str = ""

    @property
    def said(self) -> str:
        """The digest of what the server said last."""
        return self.candidate or self.digest


@quick
@dataclass(frozen=True, slots=True)
class Verdict:
    """One matching rule's answer."""

    result: Effect
    reason: str
    policy: str  # id of the rule, e.g. "filesystem.read"


@quick
@dataclass(frozen=True, slots=True)
class Ruling:
    """All matching rules, and the strongest: deny > escalate > allow; nothing matched = deny."""

    result: Effect
    reason: str
    policy: str
    verdicts: tuple[Verdict, ...] = ()


@quick
@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome of a call's judgement. `stage` is what decided: identity, dlp, policy, …"""

    effect: Effect
    reason: str
    policy: str
    stage: str
    findings: tuple[Finding, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    exception: str = ""  # id of the exception that turned it into an allow
    escalation: str = ""  # id of the escalation: the one it opened, or the approved one it was allowed by


class Authorizer(Protocol):
    """Judges a policy input document (PRODUCT 6.2 shape). Pure and bounded; raises nothing, errors are a deny."""

    def __call__(self, document: JSON) -> Ruling: ...


class AsyncAuthorizer(Protocol):
    """An authorizer that answers from elsewhere (an OPA sidecar). Bounded in time; errors are a deny."""

    async def __call__(self, document: JSON) -> Ruling: ...


class Scanner(Protocol):
    """Finds secrets in a parsed JSON value; applies the tenant's action per pattern."""

    def __call__(self, value: JSON) -> tuple[Finding, ...]: ...
