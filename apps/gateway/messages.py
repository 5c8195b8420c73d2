"""JSON-RPC messages: parsed strictly and once, and written anew for whoever comes next.

What is forwarded is made from what was parsed, so no two parsers can see different calls in the same bytes.
"""

from dataclasses import dataclass
from typing import Final

import orjson

from apps.decision.quick import quick
from apps.decision.types import JSON

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
HEADER_MISMATCH: Final = -32020
MISSING_CLIENT_CAPABILITY: Final = -32021
UNSUPPORTED_PROTOCOL_VERSION: Final = -32022

MAX_NAME: Final = 2048  # of a tool, a prompt or a resource's URI; names are repeated in answers and in the log
# Methods that name a thing, and where.
_NAMED: Final = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
}
MAX_SUBSCRIPTIONS: Final = 100  # resources in one message: policy is asked about each
MAX_DEPTH: Final = 64
MAX_ID_LENGTH: Final = 256
MAX_METHOD_LENGTH: Final = 128


class ProtocolError(Exception):
    """What was received cannot be used; `status` is the HTTP status of the answer, `id` what it answers to."""

    def __init__(
        self, code: int, message: str, *, status: int = 400, id: int | str | None = None, data: JSON = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.id = id
        self.data = data


@quick
@dataclass(frozen=True, slots=True)
class Message:
    """One message: a request (method, id), a notification (method), or a response (id, no method)."""

    id: int | str | None
    method: str
    params: dict[str, JSON]
    result: JSON = None
    error: JSON = None
    has_params: bool = True

    @property
    def is_request(self) -> bool:
        return self.id is not None and self.method != ""

    @property
    def is_response(self) -> bool:
        return self.method == ""


def parse(body: bytes) -> Message | list[Message]:
    """A message, or the messages of a batch. Raises ProtocolError."""
    value = loads(body)
    if isinstance(value, list):
        if not value:
            raise ProtocolError(INVALID_REQUEST, "An empty batch is not a request")
        return [message_of(item) for item in value]
    return message_of(value)


def loads(body: bytes) -> JSON:
    """Strict JSON: no NaN, no lone surrogates, no byte order mark, bounded depth; of equal keys the last one counts."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ProtocolError(PARSE_ERROR, "The body is not valid JSON") from None
    # The count of brackets bounds the depth from above and costs next to nothing; few bodies need the walk.
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH and _deeper_than(value, MAX_DEPTH):
        raise ProtocolError(PARSE_ERROR, f"The body is nested deeper than {MAX_DEPTH} levels")
    return value


def _deeper_than(value: JSON, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def message_of(value: JSON) -> Message:
    """One message from its parsed form. Anything ambiguous is refused."""
    if not isinstance(value, dict) or value.get("jsonrpc") != "2.0":
        raise ProtocolError(INVALID_REQUEST, "Not a JSON-RPC 2.0 message")
    id = _id_of(value)
    if "method" in value:
        method, params = value["method"], value.get("params")
        if (
            not isinstance(method, str)
            or not 0 < len(method) <= MAX_METHOD_LENGTH
            or "result" in value
            or "error" in value
        ):
            raise ProtocolError(INVALID_REQUEST, "Not a JSON-RPC 2.0 request or notification", id=id)
        if params is None and "params" not in value:
            if method in _NAMED:
                _check_shape({}, _NAMED[method], id)
            return Message(id, method, {}, has_params=False)
        if not isinstance(params, dict):
            raise ProtocolError(INVALID_REQUEST, "params must be an object", id=id)
        named = _NAMED.get(method)
        if named is not None:
            _check_shape(params, named, id)
        elif method == "subscriptions/listen":
            _check_subscriptions(params, id)
        return Message(id, method, params)
    if ("result" in value) == ("error" in value):
        raise ProtocolError(INVALID_REQUEST, "Not a JSON-RPC 2.0 message", id=id)
    if id is None and "error" not in value:
        raise ProtocolError(INVALID_REQUEST, "A result must carry the id of its request")
    return Message(id, "", {}, result=value.get("result"), error=value.get("error"))


def _check_shape(params: dict[str, JSON], named: str, id: int | str | None) -> None:
    """What policy is asked about must have the shape it is asked in, or it would be asked about something else."""
    name = params.get(named)
    if isinstance(name, str) and len(name) > MAX_NAME:
        raise ProtocolError(INVALID_PARAMS, f"params.{named} is longer than {MAX_NAME} characters", id=id)
    if not isinstance(name, str):
        raise ProtocolError(INVALID_PARAMS, f"params.{named} must be a string", id=id)
    if not isinstance(params.get("arguments", {}), (dict, type(None))):
        raise ProtocolError(INVALID_PARAMS, "params.arguments must be an object", id=id)


def _check_subscriptions(params: dict[str, JSON], id: int | str | None) -> None:
    """A list of so many names as policy can be asked about; what is no name would be passed on without a question."""
    wanted = params.get("notifications")
    uris = wanted.get("resourceSubscriptions") if isinstance(wanted, dict) else None
    if uris is None and (wanted is None or isinstance(wanted, dict)):
        return
    if not isinstance(uris, list) or not all(isinstance(uri, str) and len(uri) <= MAX_NAME for uri in uris):
        raise ProtocolError(INVALID_PARAMS, "params.notifications must name resources in a list of strings", id=id)
    if len(uris) > MAX_SUBSCRIPTIONS:
        raise ProtocolError(INVALID_PARAMS, f"At most {MAX_SUBSCRIPTIONS} resources in one subscription", id=id)


def _id_of(value: dict[str, JSON]) -> int | str | None:
    if "id" not in value:
        return None
    id = value["id"]
    if isinstance(id, str) and len(id) <= MAX_ID_LENGTH:
        return id
    if isinstance(id, int) and not isinstance(id, bool):
        return id
    if id is None and "error" in value:
        return None
    raise ProtocolError(INVALID_REQUEST, "The id must be a short string or an integer")


def body_of(message: Message, params: dict[str, JSON] | None = None) -> dict[str, JSON]:
    """The message in JSON form, with other params where they were redacted."""
    if message.method == "":
        answer: dict[str, JSON] = {"jsonrpc": "2.0", "id": message.id}
        if message.error is not None:
            answer["error"] = message.error
        else:
            answer["result"] = message.result
        return answer
    body: dict[str, JSON] = {"jsonrpc": "2.0"}
    if message.id is not None:
        body["id"] = message.id
    body["method"] = message.method
    if message.has_params:
        body["params"] = message.params if params is None else params
    return body


def dumps(value: JSON) -> bytes:
    return orjson.dumps(value)


def error_body(id: int | str | None, code: int, message: str, data: JSON = None) -> dict[str, JSON]:
    error: dict[str, JSON] = {"code": code, "message": message}
    if data is not None:
        error["data"] = data
    return {"jsonrpc": "2.0", "id": id, "error": error}


def result_body(id: int | str | None, result: JSON) -> dict[str, JSON]:
    return {"jsonrpc": "2.0", "id": id, "result": result}
