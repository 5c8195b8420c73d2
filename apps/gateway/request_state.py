"""The `requestState` of the stateless era, where it is the gateway's: sealed, for one tenant, agent and thing.

It tells which escalation a call waits for and carries what the client had sent for the upstream, since clients do not
repeat that. It grants nothing: an approval is found by what the call is. An upstream's own state passes untouched; only
one that looks like the gateway's (a gateway behind this one) is wrapped, so that the two are never confused.
"""

import base64
import binascii
import time
from dataclasses import dataclass, field, replace
from typing import Final

import orjson

from apps.decision.errors import Unavailable
from apps.decision.types import JSON
from apps.gateway import calls, methods
from apps.gateway.context import Request
from apps.gateway.messages import INVALID_PARAMS, Message, ProtocolError
from apps.tenants.sealing import seal, unseal

PREFIX: Final = "behavry.1."
# After the escalation's own end: an approval given at the last moment can still be used for a while.
GRACE_SECONDS: Final = 3600.0
WRAPPED_SECONDS: Final = 7 * 86_400.0
MAX_CARRIED: Final = 64 * 1024
STATE: Final = "requestState"
RESPONSES: Final = "inputResponses"


@dataclass(frozen=True, slots=True)
class State:
    """What was sealed. `escalation` is empty where nothing but another gateway's state is wrapped."""

    escalation: str = ""
    binding: str = ""
    carried: dict[str, JSON] = field(default_factory=dict)


def now() -> float:
    return time.time()


def carried(message: Message) -> dict[str, JSON] | None:
    """What the client sent for the upstream; None when that is too much to be carried."""
    found = {key: message.params[key] for key in (STATE, RESPONSES) if message.params.get(key)}
    return found if not found or len(orjson.dumps(found)) <= MAX_CARRIED else None


def sealed(request: Request, message: Message, state: State, until: float) -> str:
    """`until` is when it ends, in seconds since 1970."""
    content = {
        "for": _subject(request, message),
        "until": int(until),
        "escalation": state.escalation,
        "binding": state.binding,
        "carried": state.carried,
    }
    value = seal(orjson.dumps(content), context=_context(request.schema))
    return PREFIX + base64.urlsafe_b64encode(value).decode().rstrip("=")


def unsealed(request: Request, message: Message) -> tuple[Message, State | None]:
    """The message as the upstream is to get it, and the gateway's state if it came with one. Raises ProtocolError."""
    given = message.params.get(STATE)
    if not isinstance(given, str) or not given.startswith(PREFIX):
        return message, None
    content = _content(request.schema, given)
    if content is None or content["for"] != _subject(request, message) or content["until"] < now():
        raise ProtocolError(
            INVALID_PARAMS,
            "This requestState is not valid here: it was altered, is another call's, or has expired",
            id=message.id,
            data={"reason": "invalid_request_state"},
        )
    params = {key: value for key, value in message.params.items() if key != STATE}
    if not params.get(RESPONSES):
        params.pop(RESPONSES, None)
    for key, value in content["carried"].items():
        params.setdefault(key, value)
    state = State(content["escalation"], content["binding"], content["carried"])
    return replace(message, params=params), state if state.escalation else None


def wrapped(request: Request, message: Message, body: dict[str, JSON]) -> dict[str, JSON]:
    """An upstream's answer, its state wrapped where the client's next message could be mistaken for the gateway's."""
    result: JSON = body.get("result")
    if not isinstance(result, dict):
        return body
    theirs = result.get(STATE)
    if not isinstance(theirs, str) or not theirs.startswith(PREFIX):
        return body
    state = sealed(request, message, State(carried={STATE: theirs}), now() + WRAPPED_SECONDS)
    return {**body, "result": {**result, STATE: state}}


def _content(schema: str, text: str) -> dict[str, JSON] | None:
    raw = text.removeprefix(PREFIX)
    try:
        value = base64.b64decode(raw + "=" * (-len(raw) % 4), altchars=b"-_", validate=True)
        content: dict[str, JSON] = orjson.loads(unseal(value, context=_context(schema)))
    except (binascii.Error, ValueError, Unavailable):
        return None
    return content


def _subject(request: Request, message: Message) -> list[JSON]:
    name = calls.name_in(message.params, methods.from_client(message.method))
    return [request.facts.caller.agent.id, request.facts.server.name, message.method, name]


def _context(schema: str) -> str:
    return f"gateway.request_state:{schema}"
