"""Which JSON-RPC messages need a decision and which only a record: one table per direction, nothing hidden elsewhere.

Whatever a client sends is checked against the facts (kill switch, agent, server, session), scanned for secrets and
durable in the log before it is forwarded. Beyond that:

DECIDE  the policy is asked; a decision entry precedes the forward and an outcome entry follows the answer
RECORD  no question to the policy; one entry
COUNT   (from servers only) no entry of its own, counted in the entry of the call or stream it travelled on

A method that is not in the table is a DECIDE with the action `execute`: denied unless a policy allows it.
A refused `tools/call` is answered by a tool result with `isError`, because a model reads that and can choose
otherwise; every other refusal is a JSON-RPC error, because clients know no other failure there.

Whatever a server sends is screened before the client gets it. What becomes of it where orders were found in it that
may not be delivered stands here too: for the answers to a client's requests with the request, for a server's own
messages with these.

HOLD      a person is asked, and the client waits or comes again
SANITISE  it goes on at once, without what was found
REFUSE    the client never gets it; the server that asked is told so
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from apps.decision.types import Action


class Care(Enum):
    DECIDE = "decide"
    RECORD = "record"
    COUNT = "count"


class Withheld(Enum):
    HOLD = "a person is asked"
    SANITISE = "goes on without what was found"
    REFUSE = "goes nowhere"


class Refusal(Enum):
    ERROR = "JSON-RPC error"
    TOOL_RESULT = "tool result with isError"


@dataclass(frozen=True, slots=True)
class Listing:
    """A method whose result lists what another method uses: entries that policy could never allow are left out."""

    items: str  # key of the list in the result
    name: str  # key of the name in each item
    used_by: str


@dataclass(frozen=True, slots=True)
class Method:
    care: Care
    action: Action = Action.READ
    name: tuple[str, ...] = ()  # where params hold the tool, prompt or resource; first hit counts
    header: str = ""  # the param that `Mcp-Name` mirrors
    refusal: Refusal = Refusal.ERROR
    listing: Listing | None = None
    withheld: Withheld = Withheld.SANITISE


_DECIDE, _RECORD, _COUNT = Care.DECIDE, Care.RECORD, Care.COUNT
_HOLD, _REFUSE = Withheld.HOLD, Withheld.REFUSE

FROM_CLIENT: Mapping[str, Method] = MappingProxyType(
    {
        "tools/call": Method(_DECIDE, Action.EXECUTE, ("name",), "name", Refusal.TOOL_RESULT, withheld=_HOLD),
        "resources/read": Method(_DECIDE, Action.READ, ("uri",), "uri", withheld=_HOLD),
        "resources/subscribe": Method(_DECIDE, Action.READ, ("uri",)),
        "prompts/get": Method(_DECIDE, Action.READ, ("name",), "name", withheld=_HOLD),
        "completion/complete": Method(_DECIDE, Action.READ, ("ref.name", "ref.uri")),
        # Tasks belong to whoever started them, but a server knows only the gateway: ids could be guessed by others.
        "tasks/get": Method(_DECIDE, Action.READ, ("taskId",), "taskId", withheld=_HOLD),
        "tasks/result": Method(_DECIDE, Action.READ, ("taskId",), "taskId", withheld=_HOLD),
        "tasks/list": Method(_DECIDE, Action.READ),
        "tasks/update": Method(_DECIDE, Action.WRITE, ("taskId",), "taskId"),
        "tasks/cancel": Method(_DECIDE, Action.DELETE, ("taskId",), "taskId"),
        # A subscription that names resources is decided for each of them (see calls.py), like resources/subscribe.
        "subscriptions/listen": Method(_RECORD, Action.READ),
        "initialize": Method(_DECIDE, Action.INITIALIZE),
        "server/discover": Method(_DECIDE, Action.INITIALIZE),
        "ping": Method(_RECORD),
        "logging/setLevel": Method(_RECORD),
        "tools/list": Method(_RECORD, listing=Listing("tools", "name", "tools/call")),
        "prompts/list": Method(_RECORD, listing=Listing("prompts", "name", "prompts/get")),
        "resources/list": Method(_RECORD, listing=Listing("resources", "uri", "resources/read")),
        "resources/templates/list": Method(_RECORD),
        "resources/unsubscribe": Method(_RECORD, name=("uri",)),
        "notifications/initialized": Method(_RECORD),
        "notifications/cancelled": Method(_RECORD),
        "notifications/progress": Method(_RECORD),
        "notifications/roots/list_changed": Method(_RECORD),
    }
)

FROM_SERVER: Mapping[str, Method] = MappingProxyType(
    {
        "sampling/createMessage": Method(_RECORD, withheld=_REFUSE),
        "elicitation/create": Method(_RECORD, withheld=_REFUSE),
        "roots/list": Method(_RECORD, withheld=_REFUSE),
        "ping": Method(_COUNT, withheld=_REFUSE),
        "notifications/progress": Method(_COUNT),
        "notifications/message": Method(_COUNT),
        "notifications/cancelled": Method(_RECORD),
        "notifications/tools/list_changed": Method(_RECORD),
        "notifications/prompts/list_changed": Method(_RECORD),
        "notifications/resources/list_changed": Method(_RECORD),
        "notifications/resources/updated": Method(_RECORD),
        "notifications/elicitation/complete": Method(_RECORD),
        "notifications/tasks/status": Method(_RECORD),
        "notifications/subscriptions/acknowledged": Method(_RECORD),
    }
)

UNKNOWN = Method(_DECIDE, Action.EXECUTE)
# What a client answers to sampling, elicitation and roots requests: data that leaves, so it is scanned and recorded.
RESPONSE = Method(_RECORD, Action.SEND)
FROM_SERVER_UNKNOWN = Method(_RECORD, withheld=_REFUSE)

# Methods that may not be used without `Mcp-Name`; the others' is checked where it is there.
MUST_MIRROR = frozenset({"tools/call", "prompts/get", "resources/read"})
LISTINGS: Mapping[str, Listing] = MappingProxyType(
    {n: m.listing for n, m in FROM_CLIENT.items() if m.listing is not None}
)
# Things that a caller may not know of: what is filtered out of a list is answered for as missing.
HIDEABLE = frozenset(listing.used_by for listing in LISTINGS.values())


def from_client(method: str) -> Method:
    return FROM_CLIENT.get(method, UNKNOWN) if method else RESPONSE


def from_server(method: str) -> Method:
    return FROM_SERVER.get(method, FROM_SERVER_UNKNOWN)
