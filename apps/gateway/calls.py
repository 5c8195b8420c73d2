"""From a message to the call that is judged: its verb, what it touches, and the document the policy reads."""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from urllib.parse import urlsplit

import orjson

from apps.decision.packs import pack_of
from apps.decision.reach import reach_of
from apps.decision.types import JSON, NO_REACH, Action, Call, Server
from apps.gateway.messages import Message
from apps.gateway.methods import Care, Method
from apps.gateway.verbs import verb_of

WITH_ARGUMENTS = frozenset({"tools/call", "prompts/get"})
_ACTING = frozenset({Action.WRITE, Action.DELETE, Action.SEND})  # a limit of these says how many things change
_SORTED = orjson.OPT_SORT_KEYS


def call_of(message: Message, method: Method, server: Server, params: Mapping[str, JSON]) -> Call:
    name = name_in(params, method)
    arguments = arguments_of(message.method, params)
    action = method.action
    if message.method == "tools/call":
        action = action_of(server, name)
    resource = touched(server.kind, name if message.method != "tools/call" else "", arguments)
    # Responses and notifications name nothing to act on.
    decided = method.care is Care.DECIDE
    reach = reach_of(server.kind, arguments, limits=action in _ACTING) if decided else NO_REACH
    input_hash = sha256(orjson.dumps(arguments, option=_SORTED)).hexdigest()
    order = f"{server.name}\n{message.method}\n{name}\n{input_hash}"
    return Call(
        server=server.name,
        method=message.method,
        tool=name,
        action=action,
        resource=resource,
        resource_kind=server.kind,
        resource_count=max(reach.items, reach.recipients),
        arguments=arguments,
        input_hash=input_hash,
        reach=reach,
        instruction_hash=sha256(order.encode("utf-8", "surrogatepass")).hexdigest(),
    )


def action_of(server: Server, tool: str) -> Action:
    named = server.tool_actions.get(tool)
    try:
        return Action(named) if named else verb_of(tool)
    except ValueError:
        return Action.EXECUTE


def name_in(params: Mapping[str, JSON], method: Method) -> str:
    for where in method.name:
        value: JSON = params
        for step in where.split("."):
            value = value.get(step) if isinstance(value, dict) else None
        if isinstance(value, str):
            return value
    return ""


def arguments_of(method: str, params: Mapping[str, JSON]) -> JSON:
    """What the policy judges: a tool's or prompt's arguments, or else all params but the protocol's envelope."""
    if method in WITH_ARGUMENTS:
        arguments = params.get("arguments")
        return {} if arguments is None else arguments
    return {key: value for key, value in params.items() if key != "_meta"} if "_meta" in params else params


def touched(kind: str, named: str, arguments: JSON) -> str:
    """What a call touches, as written."""
    if named:
        return _plain_uri(kind, named)
    if not isinstance(arguments, dict):
        return ""
    for key in pack_of(kind).resource:
        value = arguments.get(key)
        if isinstance(value, str):
            if kind == "github" and key == "owner" and isinstance(arguments.get("repo"), str):
                return f"{value}/{arguments['repo']}"
            return _plain_uri(kind, value)
    for value in arguments.values():
        if isinstance(value, list) and value and isinstance(value[0], str):
            return value[0]
    return ""


def redacted(call: Call, arguments: JSON) -> Call:
    """The call with other arguments, and with what was redacted gone from its reach as well."""
    changed = replace(call, arguments=arguments, reach=reach_of(call.resource_kind, arguments))
    return as_counted(changed, call)


def as_counted(masked: Call, call: Call) -> Call:
    """The masked call as the call was counted and hashed: a redaction hides names, it makes nothing fewer."""
    was = call.reach
    return replace(
        masked,
        resource_count=call.resource_count,
        input_hash=call.input_hash,
        instruction_hash=call.instruction_hash,
        reach=replace(masked.reach, recipients=was.recipients, items=was.items, unread=was.unread),
    )


def _plain_uri(kind: str, value: str) -> str:
    if kind == "filesystem" and value.startswith("file://"):
        try:
            return urlsplit(value).path or value
        except ValueError:
            return value
    return value


def subscribed(message: Message) -> tuple[str, ...]:
    """The resources that a `subscriptions/listen` names."""
    if message.method != "subscriptions/listen":
        return ()
    wanted = message.params.get("notifications")
    uris = wanted.get("resourceSubscriptions") if isinstance(wanted, dict) else None
    return tuple(uri for uri in uris if isinstance(uri, str)) if isinstance(uris, list) else ()


def of_resource(call: Call, uri: str) -> Call:
    reach = reach_of(call.resource_kind, {"uri": uri})
    return replace(call, tool=uri, resource=_plain_uri(call.resource_kind, uri), action=Action.READ, reach=reach)
